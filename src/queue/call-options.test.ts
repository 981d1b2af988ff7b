import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { LargeTasksRig } from '../../test/support/large-tasks-rig.ts';
import type { EnqueueOptions } from './enqueue-types.ts';

describe('what a call is given and cannot take', () => {
  const wrong: [string, unknown, string][] = [
    ['a signal that is none', { signal: {} }, 'signal'],
    ['its controller', { signal: new AbortController() }, 'signal'],
    ['a time that is a text', { timeoutMs: '5' }, 'timeoutMs'],
    ['a time that is none', { timeoutMs: Number.NaN }, 'timeoutMs'],
  ];

  test.each(wrong)('is refused before anything is sent: %s', async (_what, given, path) => {
    await using rig = new LargeTasksRig();
    const options = given as EnqueueOptions; // as plain JavaScript may call it
    const body = Readable.from([Buffer.from('a')], { objectMode: false });
    const record = await rig.large.encode('note', { key: 'a' });
    for (const refused of [
      rig.large.enqueue('note', { key: 'a' }, options),
      rig.large.enqueue('video', { key: 'a' }, { ...options, body }),
      rig.large.enqueueRecord(record, options),
    ])
      await expect(refused).rejects.toMatchObject({ code: 'OPTIONS_INVALID', problems: [{ path }] });
    await rig.large.enqueue('video', { key: 'a' }, { body, id: 'only' }); // its stream was left alone
    expect(rig.heads().map(({ id }) => id)).toEqual(['only']);
  });

  test('is no option, and is refused with the name that was meant', async () => {
    await using rig = new LargeTasksRig();
    const options = { idempotencykey: 'a', delay: 5 } as EnqueueOptions; // as plain JavaScript may call it
    const call = rig.large.enqueue('note', { key: 'a' }, options);
    await expect(call).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      problems: [
        { path: 'idempotencykey', rule: 'is not an option', cure: "Did you mean 'idempotencyKey'?" },
        { path: 'delay', cure: expect.stringContaining('delayMs') },
      ],
    });
    const record = await rig.large.encode('note', { key: 'a' });
    const later = rig.large.enqueueRecord(record, options);
    await expect(later).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    const waiting = { timeoutMs: 5 } as object; // of what waits for nothing
    await expect(rig.large.encode('note', { key: 'a' }, waiting)).rejects.toThrow(
      /encode\('note'\).*timeoutMs/s,
    );
    await rig.large.enqueue('note', { key: 'a' }, { id: 'only' });
    expect(rig.heads().map(({ id }) => id)).toEqual(['only']);
  });

  test('is no time that is over: it may be what was left of another one', async () => {
    await using rig = new LargeTasksRig();
    const call = rig.large.enqueue('note', { key: 'a' }, { timeoutMs: -1 });
    await expect(call).rejects.toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
  });

  test('is no time without an end', async () => {
    await using rig = new LargeTasksRig();
    const signal = AbortSignal.timeout(60_000);
    await rig.large.enqueue('note', { key: 'a' }, { timeoutMs: Number.POSITIVE_INFINITY, signal });
    expect(rig.heads()).toHaveLength(1);
  });
});

import { describe, expect, it, test } from 'vitest';

import { chunksOf, failing, LargeTasksRig, MIB, noise } from '../../test/support/large-tasks-rig.ts';

describe('what must be one record', () => {
  it('is what an outbox holds: a small body', async () => {
    await using rig = new LargeTasksRig();
    const content = noise(200_000);
    const record = await rig.large.encode('video', { key: 'a' }, { body: chunksOf(content) });
    await rig.large.enqueueRecord(record);
    const [head] = rig.heads();
    if (head?.body?.kind !== 'inline') throw new Error('it is not in the record');
    expect(head.body.bytes.equals(content)).toBe(true);
  });

  test.each<[string, (rig: LargeTasksRig) => Promise<unknown>, object]>([
    [
      'a large body',
      ({ large }) => large.encode('video', { key: 'a' }, { body: chunksOf(noise(MIB)) }),
      { code: 'TASK_TOO_LARGE', limitBytes: 512 * 1024 },
    ],
    [
      'a large payload',
      ({ large }) => large.encode('note', { key: 'a', text: noise(MIB).toString('base64') }),
      { code: 'TASK_TOO_LARGE', limitBytes: 900_000 },
    ],
    [
      'a body whose source fails',
      ({ large }) => large.encode('video', { key: 'a' }, { body: failing(1_000) }),
      { code: 'BODY_SOURCE_FAILED', outcome: 'absent' },
    ],
    [
      'no body',
      ({ large }) => large.encode('video', { key: 'a' }, {} as { body: Buffer }),
      { code: 'OPTIONS_INVALID' },
    ],
  ])('is not, in an outbox: %s', async (_what, encode, error) => {
    await using rig = new LargeTasksRig();
    await expect(encode(rig)).rejects.toMatchObject(error);
  });

  it('is what waits for its time: it moves on in its log, and parts cannot follow', async () => {
    await using rig = new LargeTasksRig();
    await rig.large.enqueue('later', { key: 'a' }, { body: noise(1_000), delayMs: 60_000 });
    const call = rig.large.enqueue('later', { key: 'a' }, { body: noise(MIB), delayMs: 60_000 });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_TOO_LARGE' });
    expect(String(error)).toContain('delayMs');
    expect(rig.heads()).toHaveLength(1);
  });
});

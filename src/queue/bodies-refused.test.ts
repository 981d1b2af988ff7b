import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import {
  chunksOf,
  failing,
  type LargeTasks,
  LargeTasksRig,
  MIB,
  noise,
  stalled,
} from '../../test/support/large-tasks-rig.ts';
import { failures } from '../kafka/memory/failures.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { EnqueueRest } from './enqueue-types.ts';
import { TaskQueue } from './task-queue.ts';

describe('what is no body', () => {
  /** As plain JavaScript may call it. */
  const call = (rig: LargeTasksRig, type: string, options: unknown) =>
    rig.large.enqueue(type as 'note', { key: 'a' }, ...([options] as EnqueueRest<LargeTasks, 'note'>));

  test.each<[string, string, unknown, string[], string]>([
    ['no body for a type that has one', 'image', {}, ['body'], 'is required'],
    ['no options for a type that has one', 'video', undefined, ['body'], 'is required'],
    ['a body for a type that has none', 'note', { body: Buffer.from('a') }, ['body'], "'note'"],
    ['a text', 'video', { body: 'a text' }, ['body'], 'Buffer.from'],
    ['null', 'video', { body: null }, ['body'], 'must be a Buffer'],
    ['a Blob', 'video', { body: new Blob(['a']) }, ['body'], 'blob.stream()'],
    ['a Response', 'video', { body: new Response('a') }, ['body'], 'of a Response its body'],
    ['an object', 'video', { body: {} }, ['body'], 'must be a Buffer'],
    ['a list', 'video', { body: [1, 2] }, ['body'], 'must be a Buffer'],
    ['an encoding without a body', 'note', { contentEncoding: 'gzip' }, ['contentEncoding'], 'a body'],
    [
      'an encoding that is none',
      'video',
      { body: Buffer.from('a'), contentEncoding: 'a b' },
      ['contentEncoding'],
      'gzip',
    ],
  ])('is refused, naming it: %s', async (_what, type, options, paths, words) => {
    await using rig = new LargeTasksRig();
    const error = await call(rig, type, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', problems: paths.map((path) => ({ path })) });
    expect(String(error)).toContain(words);
    expect(rig.cluster.topics.has('large')).toBe(false);
  });

  it('is a stream that was read to its end, which would pass for an empty one', async () => {
    await using rig = new LargeTasksRig();
    const body = Readable.from(chunksOf(noise(1_000)));
    await rig.large.enqueue('video', { key: 'a' }, { body });
    const again = rig.large.enqueue('video', { key: 'a' }, { body });
    await expect(again).rejects.toMatchObject({ code: 'OPTIONS_INVALID', problems: [{ path: 'body' }] });
    expect(rig.heads()).toHaveLength(1);
  });

  it('is more than 16 MiB for a type that has it read before, whatever it comes from', async () => {
    await using rig = new LargeTasksRig();
    const body = Buffer.alloc(16 * MIB + 1);
    for (const source of [body, Readable.from(chunksOf(body))]) {
      const error = await rig.large
        .enqueue('image', { key: 'a' }, { body: source })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'TASK_TOO_LARGE', limitBytes: 16 * MIB });
      expect(String(error)).toContain("body: 'stream'");
    }
    await rig.large.enqueue('image', { key: 'a' }, { body: body.subarray(1) });
    expect(rig.heads()).toMatchObject([{ bodyBytes: 16 * MIB }]);
  });

  it('is what does not give bytes', async () => {
    await using rig = new LargeTasksRig();
    const body = Readable.from(['a', 'b']) as unknown as AsyncIterable<Uint8Array>; // what types cannot tell
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject({
      code: 'BODY_INVALID',
      outcome: 'absent',
    });
    expect(rig.heads()).toEqual([]);
  });
});

describe('when it fails', () => {
  test.each([1_000, 2 * MIB])(
    'a source that fails after %i bytes leaves the task absent, and says so',
    async (bytes) => {
      await using rig = new LargeTasksRig();
      const [failed, next] = await Promise.allSettled([
        rig.large.enqueue('video', { key: 'a' }, { body: failing(bytes), id: 'failed' }),
        rig.large.enqueue('note', { key: 'a' }, { id: 'next' }),
      ]);
      expect(failed).toMatchObject({
        reason: {
          name: 'EnqueueError',
          code: 'BODY_SOURCE_FAILED',
          outcome: 'absent',
          id: 'failed',
          cause: { message: 'the disk is gone' },
        },
      });
      expect(next?.status).toBe('fulfilled');
      expect(rig.ids()).toEqual(['next']);
    },
  );

  it('a stream that fails before its turn has come ends nothing but its call', async () => {
    await using rig = new LargeTasksRig();
    const body = new Readable({ read: () => {} });
    const call = rig.large.enqueue('video', { key: 'a' }, { body });
    body.destroy(new Error('the client is gone'));
    await expect(call).rejects.toMatchObject({ code: 'BODY_SOURCE_FAILED', outcome: 'absent' });
  });

  test.each([1_000, 2 * MIB])(
    'an aborted call ends its stream, of which %i bytes were read',
    async (bytes) => {
      await using rig = new LargeTasksRig();
      const controller = new AbortController();
      const body = stalled(noise(bytes));
      const call = rig.large.enqueue('video', { key: 'a' }, { body, signal: controller.signal });
      await body.asked;
      controller.abort(new Error('no longer wanted'));
      await expect(call).rejects.toMatchObject({
        code: 'ENQUEUE_ABORTED',
        outcome: 'absent',
        cause: { message: 'no longer wanted' },
      });
      expect(body.destroyed).toBe(true);
      await rig.large.enqueue('note', { key: 'a' }, { id: 'next' });
      expect(rig.ids()).toEqual(['next']);
    },
  );

  it('a part that is refused leaves the task absent, and says why', async () => {
    await using rig = new LargeTasksRig();
    await rig.large.enqueue('note', { key: 'a' }, { id: 'warm' });
    rig.cluster.faults.refuseAppend({ topic: 'large.parts' }, failures.recordTooLarge);
    const body = Readable.from(chunksOf(noise(2 * MIB)));
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      outcome: 'absent',
      cause: { code: 'ENQUEUE_REFUSED' },
    });
    expect(body.destroyed).toBe(true);
    expect(rig.ids()).toEqual(['warm']);
  });

  it('a refused payload leaves the stream as it was', async () => {
    await using rig = new LargeTasksRig();
    const body = Readable.from(chunksOf(noise(2 * MIB)));
    onTestFinished(() => void body.destroy());
    const call = rig.large.enqueue('video', { key: 7 as unknown as string }, { body });
    await expect(call).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    expect([body.destroyed, body.readableDidRead]).toEqual([false, false]);
  });

  it.each<[string, (queue: TaskQueue<typeof strict>, body: Readable, key: unknown) => Promise<unknown>]>([
    ['enqueued', (queue, body, key) => queue.enqueue('video', { key } as never, { body })],
    ['encoded', (queue, body, key) => queue.encode('video', { key } as never, { body })],
  ])('and so does one that is refused later, before anything was read: to be %s', async (_what, call) => {
    await using rig = new LargeTasksRig();
    await using queue = new TaskQueue({
      name: 'strict',
      tasks: strict,
      kafka: rig.kafka,
      logger: silentLogger,
    });
    const body = Readable.from(chunksOf(noise(10_000)), { objectMode: false });
    onTestFinished(() => void body.destroy());
    await expect(call(queue, body, 'bad')).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    await expect(call(queue, body, 1n)).rejects.toMatchObject({ code: 'PAYLOAD_NOT_SERIALIZABLE' });
    await expect(call(queue, body, 'x'.repeat(17 * MIB))).rejects.toMatchObject({ code: 'TASK_TOO_LARGE' });
    expect([body.destroyed, body.readableDidRead]).toEqual([false, false]);
    await call(queue, body, 'good');
  });

  /** With a schema that says later what it says of a payload. */
  const strict = {
    video: defineTask({
      schema: z.object({ key: z.any() }).refine(async ({ key }) => key !== 'bad'),
      key: () => 'k',
      body: 'stream',
    }),
  };
});

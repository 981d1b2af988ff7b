import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal, type tasks as taskMap } from '../../test/support/queue-rig.ts';
import type { BatchTask } from '../tasks/task-map.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { TaskContext } from './running/task-context.ts';
import type { Worker } from './worker.ts';
import type { WorkerOptions } from './worker-options.ts';

type Tasks = readonly BatchTask<{ key: string; n: number }, TaskContext>[];

const one = { topic: { partitions: 1 } };

function batching(
  rig: QueueRig,
  handle: (tasks: Tasks) => unknown,
  {
    batch = { maxSize: 10, maxWaitMs: 5 },
    ...options
  }: WorkerOptions<typeof taskMap> & {
    batch?: { maxSize: number; maxWaitMs?: number; maxBytes?: number };
  } = {},
): Worker {
  return rig.queue.worker(
    { work: { batch, handle }, short: { batch, handle } },
    { logger: silentLogger, commitIntervalMs: 10, retry: { minDelayMs: 1, maxDelayMs: 2 }, ...options },
  );
}

it('tasks of different keys come together, those of one key one after the other', async () => {
  await using rig = new QueueRig(one);
  const batches: string[][] = [];
  const worker = batching(
    rig,
    (tasks) => void batches.push(tasks.map(({ payload: { key, n } }) => `${key}${n}`)),
  );
  const finished = many(worker, 'task-finished', 7);
  await rig.enqueue('a', 'b', 'a', 'c', 'a', 'b', 'd');
  await worker.start();
  await finished;
  for (const batch of batches) expect(new Set(batch.map(([key]) => key)).size).toBe(batch.length);
  expect(batches.flat().filter((name) => name.startsWith('a'))).toEqual(['a0', 'a2', 'a4']);
  expect(batches[0]).toEqual(['a0', 'b1', 'c3', 'd6']);
});

it('each task has its own context, attempts and end', async () => {
  await using rig = new QueueRig(one);
  const attempts: unknown[] = [];
  const worker = batching(rig, (tasks) => {
    for (const { payload, ctx, fail } of tasks) {
      attempts.push([payload.key, ctx.key, ctx.attempt]);
      if (payload.key === 'b' && ctx.attempt === 1) fail(new Error('not yet'));
    }
  });
  const failed = next(worker, 'task-failed', ({ counted }) => counted);
  const finished = many(worker, 'task-finished', 3);
  await rig.enqueue('a', 'b', 'c');
  await worker.start();
  expect(await failed).toMatchObject({ key: 'b', error: { message: 'not yet' } });
  await finished;
  expect(attempts).toEqual([
    ['a', 'a', 1],
    ['b', 'b', 1],
    ['c', 'c', 1],
    ['b', 'b', 2],
  ]);
});

it('one bad task does not hold up, and does not give up, the others of its batch', async () => {
  await using rig = new QueueRig(one);
  const worker = batching(
    rig,
    (tasks) => {
      if (tasks.some(({ payload }) => payload.key === 'bad')) throw new Error('refused');
    },
    { retry: { minDelayMs: 1, maxDelayMs: 1, maxAttempts: 2 }, afterGiveUp: 'wait' },
  );
  const held = next(worker, 'key-held');
  const finished = many(worker, 'task-finished', 8);
  await rig.enqueue('a', 'b', 'c', 'bad', 'd', 'e', 'f', 'g', 'h');
  await worker.start();
  expect(await held).toMatchObject({ key: 'bad', reason: 'gave-up' });
  await finished;
  expect(worker.health().heldKeys).toBe(1);
});

it('a task that takes too long is told by its own signal, counted from the call on', async () => {
  await using rig = new QueueRig(one);
  const aborted = new Signal<unknown>();
  const worker = batching(
    rig,
    async (tasks) => {
      const [task] = tasks;
      if (task === undefined || task.ctx.attempt > 1) return;
      await new Promise((resolve) => task.ctx.signal.addEventListener('abort', resolve));
      aborted.resolve(task.ctx.signal.reason);
      task.ctx.signal.throwIfAborted();
    },
    { batch: { maxSize: 10, maxWaitMs: 100 } }, // longer than the timeout of 40 ms
  );
  const started = next(worker, 'task-started');
  const failed = next(worker, 'task-failed', ({ counted }) => counted);
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.queue.enqueue('short', { key: 'a', n: 0 });
  await started;
  expect(await aborted.promise).toMatchObject({ code: 'TASK_TIMEOUT' });
  expect((await failed).error).toMatchObject({ code: 'TASK_TIMEOUT' });
  await finished;
});

it('stop() hands over at once what waits for company', async () => {
  await using rig = new QueueRig(one);
  const batches: number[] = [];
  const worker = batching(rig, (tasks) => void batches.push(tasks.length), {
    batch: { maxSize: 10, maxWaitMs: 60_000 },
  });
  await worker.start();
  await rig.enqueue('a', 'b');
  while (worker.health().runningCount < 2) await new Promise((resolve) => setImmediate(resolve));
  await worker.stop();
  expect(batches).toEqual([2]);
  expect(rig.cluster.committed('q', { topic: 'q', partition: 0 })?.offset).toBe(2);
});

it('middleware wraps each task', async () => {
  await using rig = new QueueRig(one);
  const wrapped: string[] = [];
  const worker = batching(rig, () => {}, {
    middleware: [
      async ({ key }, proceed) => {
        await proceed();
        wrapped.push(key);
      },
    ],
  });
  const finished = many(worker, 'task-finished', 2);
  await rig.enqueue('a', 'b');
  await worker.start();
  await finished;
  expect(wrapped).toEqual(['a', 'b']);
});

describe('refused are', () => {
  it.each<[string, object, object, string]>([
    ['batches larger than the slots', { maxSize: 65 }, {}, 'work.batch.maxSize'],
    [
      "batches larger than the type's slots",
      { maxSize: 9 },
      { types: { work: { concurrency: 8 } } },
      'work.batch.maxSize',
    ],
    ['options that there are not', { maxSize: 2, maxWait: 5 }, {}, 'work.batch.maxWait'],
    ['sizes that are none', { maxSize: 0 }, {}, 'work.batch.maxSize'],
  ])('%s', async (_what, batch, options, path) => {
    await using rig = new QueueRig();
    const make = (): unknown =>
      rig.queue.worker(
        { work: { batch: batch as { maxSize: 1 }, handle: () => {} }, short: () => {} },
        options,
      );
    expect(make).toThrow(
      expect.objectContaining({ code: 'OPTIONS_INVALID', problems: [expect.objectContaining({ path })] }),
    );
  });
});

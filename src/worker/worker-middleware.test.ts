import { expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { DiscardError } from '../errors/control-errors.ts';
import type { WorkerMiddleware } from './running/task-context.ts';

const quick = { retry: { minDelayMs: 1, maxDelayMs: 2 } };

it('wraps every handler, the first one outermost, with the same context', async () => {
  await using rig = new QueueRig();
  const steps: string[] = [];
  const step = (name: string): WorkerMiddleware => {
    return async ({ id }, go) => {
      steps.push(`${name} in ${id}`);
      await go();
      steps.push(`${name} out`);
    };
  };
  const worker = rig.worker((_job, { id }) => void steps.push(`handler ${id}`), {
    middleware: [step('outer'), step('inner')],
  });
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.queue.enqueue('work', { key: 'k', n: 0 }, { id: 'x' });
  await finished;
  expect(steps).toEqual(['outer in x', 'inner in x', 'handler x', 'inner out', 'outer out']);
});

it('sees what the handler throws, and decides what the worker hears', async () => {
  await using rig = new QueueRig();
  const seen: unknown[] = [];
  const worker = rig.worker(
    ({ n }) => {
      throw new Error(`task ${n}`);
    },
    {
      middleware: [
        async (_context, go) => {
          try {
            await go();
          } catch (error) {
            seen.push((error as Error).message);
            throw new DiscardError('judged by middleware');
          }
        },
      ],
    },
  );
  const discarded = next(worker, 'task-discarded');
  await worker.start();
  await rig.enqueue('k');
  expect(await discarded).toMatchObject({ reason: 'judged by middleware' });
  expect(seen).toEqual(['task 0']);
});

it.each<[string, WorkerMiddleware]>([
  [
    'throws',
    () => {
      throw new Error('closed');
    },
  ],
  ['rejects', () => Promise.reject(new Error('closed'))],
])('fails the task when it %s instead of going on; the task is tried again', async (_what, fails) => {
  await using rig = new QueueRig();
  let tries = 0;
  const handled: number[] = [];
  const worker = rig.worker(({ n }) => void handled.push(n), {
    ...quick,
    middleware: [
      (context, go) => {
        tries += 1;
        return tries === 1 ? fails(context, go) : go();
      },
    ],
  });
  const failed = next(worker, 'task-failed');
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.enqueue('k');
  expect((await failed).error).toMatchObject({ message: 'closed' });
  await finished;
  expect(handled).toEqual([0]);
});

it('cannot leave its handler behind: the next task of the key waits for the living promise', async () => {
  await using rig = new QueueRig();
  const end = new Signal();
  const started: number[] = [];
  const worker = rig.worker(
    async ({ n }) => {
      started.push(n);
      if (n === 0) await end.promise;
    },
    {
      middleware: [
        async (_context, go) => {
          void go(); // does not wait
        },
      ],
    },
  );
  const other = next(worker, 'task-finished', ({ key }) => key === 'other');
  const own = many(worker, 'task-finished', 3);
  await worker.start();
  await rig.enqueue('k', 'k', 'other');
  await other;
  expect(started).toEqual([0, 2]);
  end.resolve();
  await own;
  expect(started).toEqual([0, 2, 1]);
});

it('runs the handler once, however often it asks', async () => {
  await using rig = new QueueRig();
  const calls: number[] = [];
  const worker = rig.worker(({ n }) => void calls.push(n), {
    middleware: [
      async (_context, go) => {
        await Promise.all([go(), go()]);
      },
    ],
  });
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.enqueue('k');
  await finished;
  expect(calls).toEqual([0]);
});

import { expect, it } from 'vitest';
import { Signal } from '../../../test/support/queue-rig.ts';
import { RunnerRig } from '../../../test/support/runner-rig.ts';
import type { TaskContext } from './task-context.ts';

it.each<[string, (rig: RunnerRig) => void]>([
  ['the task is tried again, and no try is counted', () => {}],
  ['also when time was looked at since', ({ runner }) => runner.watch()],
])('calls no handler when the process has stood still meanwhile: %s', async (_what, since) => {
  let called = false;
  const rig = new RunnerRig(() => {
    called = true;
  });
  await rig.start();
  rig.runner.watch();
  await rig.clock.advance(3_000);
  since(rig);
  rig.checked.resolve();
  expect(await rig.ended.promise).toMatchObject({
    kind: 'failed',
    verdict: { kind: 'retry', delayMs: 0, countAttempt: false },
  });
  expect(called).toBe(false);
});

it.each([
  ['the batch is due first', [1_000, 4_000], 0],
  ['time is looked at first', [1_000, 3_500, 500], 0],
  ['no: time went on', [1_000, 2_900, 1_100], 1],
])(
  'begins no batch of tasks that waited for it while the process stood still; %s',
  async (_, looks, called) => {
    let batches = 0;
    const handle = (): void => {
      batches += 1;
    };
    const rig = new RunnerRig({ batch: { maxSize: 2, maxWaitMs: 5_000 }, handle }, { checked: true });
    rig.runner.watch();
    await rig.start();
    for (const ms of looks) {
      await rig.clock.advance(ms);
      rig.runner.watch();
    }
    const end = await rig.ended.promise;
    expect(batches).toBe(called);
    if (called === 0)
      expect(end).toMatchObject({ verdict: { kind: 'retry', delayMs: 0, countAttempt: false } });
  },
);

it('calls a handler whose payload takes long to check, as long as time goes on', async () => {
  let called = false;
  const rig = new RunnerRig(() => {
    called = true;
  });
  await rig.start();
  rig.runner.watch();
  await rig.clock.advance(2_999);
  rig.runner.watch();
  await rig.clock.advance(2_999);
  rig.checked.resolve();
  expect(await rig.ended.promise).toEqual({ kind: 'finished' });
  expect(called).toBe(true);
});

it('never calls a handler whose work became void while its record was being read', async () => {
  let called = false;
  const rig = new RunnerRig(() => {
    called = true;
  });
  const run = await rig.start();
  expect(rig.runner.activeCount).toBe(1);
  rig.runner.abort(run, 'partition-lost');
  rig.checked.resolve();
  expect(await rig.ended.promise).toMatchObject({ verdict: { error: { code: 'PARTITION_LOST' } } });
  expect([called, rig.runner.activeCount]).toEqual([false, 0]);
});

it('tells a handler that it is to come to an end also when that was said before it began', async () => {
  const draining = new Signal<boolean>();
  const rig = new RunnerRig((_payload, context) => draining.resolve(context.draining.aborted));
  const run = await rig.start();
  rig.runner.drain(run);
  rig.checked.resolve();
  expect(await draining.promise).toBe(true);
  expect(await rig.ended.promise).toEqual({ kind: 'finished' });
});

it('counts the time of the handler alone, and reports one that ignores its signal for long, once', async () => {
  const started = new Signal<AbortSignal>();
  const end = new Signal();
  const rig = new RunnerRig(async (_payload, context) => {
    started.resolve(context.signal);
    await end.promise;
  });
  await rig.start();
  await rig.pass(59_000); // checking takes its time
  rig.checked.resolve();
  const signal = await started.promise;
  await rig.clock.advance(999);
  rig.runner.watch();
  expect(signal.aborted).toBe(false);
  await rig.clock.advance(1);
  rig.runner.watch();
  expect(signal.reason).toMatchObject({ reason: 'timeout' });
  await rig.clock.advance(29_999);
  rig.runner.watch();
  expect(rig.stuckMs).toEqual([]);
  await rig.clock.advance(1);
  rig.runner.watch();
  rig.runner.watch();
  expect(rig.stuckMs).toEqual([30_000]);
  end.resolve();
  expect(await rig.ended.promise).toEqual({ kind: 'finished' }); // it did its work after all
});

it('keeps the first reason for which a signal was aborted', async () => {
  const started = new Signal<AbortSignal>();
  const end = new Signal();
  const rig = new RunnerRig(
    async (_payload, context) => {
      started.resolve(context.signal);
      await end.promise;
    },
    { checked: true },
  );
  const run = await rig.start();
  const signal = await started.promise;
  rig.runner.abort(run, 'shutdown');
  rig.runner.abort(run, 'partition-lost');
  await rig.clock.advance(5_000);
  rig.runner.watch();
  expect(signal.reason).toMatchObject({ reason: 'shutdown', code: 'WORKER_SHUTDOWN' });
  end.resolve();
  await rig.ended.promise;
});

it('lets a task go on for as long as it says that it makes progress, and for its time from then', async () => {
  const started = new Signal<TaskContext>();
  const rig = new RunnerRig(
    async (_payload, context: TaskContext) => {
      started.resolve(context);
      await new Promise((_, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason));
      });
    },
    { checked: true },
  );
  await rig.start();
  const context = await started.promise;
  for (let beats = 0; beats < 5; beats += 1) {
    await rig.pass(900); // timeoutMs is 1,000
    context.heartbeat();
  }
  await rig.pass(999);
  expect(context.signal.aborted).toBe(false);
  await rig.pass(1);
  expect(await rig.ended.promise).toMatchObject({
    verdict: { kind: 'retry', error: { code: 'TASK_TIMEOUT' } },
  });
});

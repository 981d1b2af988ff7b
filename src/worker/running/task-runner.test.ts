import { expect, it } from 'vitest';
import { z } from 'zod';
import { CoreRig } from '../../../test/support/core-rig.ts';
import { Signal } from '../../../test/support/queue-rig.ts';
import { ManualClock } from '../../clock/manual-clock.ts';
import { defaultCodecLimits } from '../../codec/codec-limits.ts';
import { encodeTask } from '../../codec/envelope.ts';
import { defineTask } from '../../tasks/define-task.ts';
import { TaskRegistry } from '../../tasks/task-registry.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import type { Run } from '../core/effects.ts';
import { Lane } from '../core/lane.ts';
import { type AnyHandler, resolveHandlers } from './handler-map.ts';
import { type TaskEnd, TaskRunner } from './task-runner.ts';

/** A runner with one type whose payloads are checked as long as a test likes. */
class RunnerRig {
  readonly clock = new ManualClock();
  readonly checked = new Signal();
  readonly ended = new Signal<TaskEnd>();
  readonly stuckMs: number[] = [];
  readonly runner: TaskRunner;

  constructor(handle: AnyHandler, options: { readonly checked: boolean }) {
    if (options.checked) this.checked.resolve();
    const schema = z.object({ key: z.string() }).refine(() => this.checked.promise.then(() => true));
    const registry = new TaskRegistry({
      work: defineTask({ schema, key: ({ key }) => key, timeoutMs: 1_000 }),
    });
    this.runner = new TaskRunner({
      registry,
      codecs: new Map(),
      handlers: resolveHandlers({ work: handle }, registry, () => 64),
      middleware: [],
      classify: () => [],
      onHookFailed: () => {},
      enqueuer: { enqueue: () => Promise.reject(new Error('not here')) },
      parts: {
        open: () => {
          throw new Error('not here');
        },
      },
      logger: silentLogger,
      clock: this.clock,
      onStarted: () => {},
      onEnded: (_task, _run, end) => this.ended.resolve(end),
      stuckAfterMs: 30_000,
      onStuck: (_task, abortedMs) => this.stuckMs.push(abortedMs),
    });
  }

  async start(): Promise<Run> {
    const { record } = await encodeTask(
      { id: 'id', type: 'work', version: 1, payload: { key: 'k' }, key: 'k', enqueuedAtMs: 5 },
      defaultCodecLimits,
    );
    const run: Run = {
      partition: new CoreRig().take(0),
      lane: new Lane('k'),
      item: {
        offset: 0,
        key: 'k',
        type: 'work',
        bytes: 1,
        record: { ...record, topic: 'q', partition: 0, offset: 0, timestampMs: 0 },
      },
      attempt: 1,
    };
    this.runner.start(run);
    return run;
  }
}

it('calls no handler when the process has stood still meanwhile: the task is tried again, and no try is counted', async () => {
  let called = false;
  const rig = new RunnerRig(
    () => {
      called = true;
    },
    { checked: false },
  );
  await rig.start();
  rig.runner.watch();
  await rig.clock.advance(3_000);
  rig.checked.resolve();
  expect(await rig.ended.promise).toMatchObject({
    kind: 'failed',
    verdict: { kind: 'retry', delayMs: 0, countAttempt: false },
  });
  expect(called).toBe(false);
});

it('calls a handler whose payload takes long to check, as long as time goes on', async () => {
  let called = false;
  const rig = new RunnerRig(
    () => {
      called = true;
    },
    { checked: false },
  );
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
  const rig = new RunnerRig(
    () => {
      called = true;
    },
    { checked: false },
  );
  const run = await rig.start();
  expect(rig.runner.activeCount).toBe(1);
  rig.runner.abort(run, 'partition-lost');
  rig.checked.resolve();
  expect(await rig.ended.promise).toMatchObject({ verdict: { error: { code: 'PARTITION_LOST' } } });
  expect([called, rig.runner.activeCount]).toEqual([false, 0]);
});

it('tells a handler that it is to come to an end also when that was said before it began', async () => {
  const draining = new Signal<boolean>();
  const rig = new RunnerRig((_payload, context) => draining.resolve(context.draining.aborted), {
    checked: false,
  });
  const run = await rig.start();
  rig.runner.drain(run);
  rig.checked.resolve();
  expect(await draining.promise).toBe(true);
  expect(await rig.ended.promise).toEqual({ kind: 'finished' });
});

it('counts the time of the handler alone, and reports one that ignores its signal for long, once', async () => {
  const started = new Signal<AbortSignal>();
  const end = new Signal();
  const rig = new RunnerRig(
    async (_payload, context) => {
      started.resolve(context.signal);
      await end.promise;
    },
    { checked: false },
  );
  await rig.start();
  await rig.clock.advance(60_000); // checking takes its time
  rig.runner.watch();
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

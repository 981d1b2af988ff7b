import { describe, expect, it } from 'vitest';
import { Signal } from '../../test/support/queue-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { Emitter } from '../telemetry/emitter.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { logEvents } from './log-events.ts';
import { type PartitionHookFunctions, PartitionHooks } from './partition-hooks.ts';
import type { WorkerEvents } from './worker-events.ts';

function hooksOf(functions: PartitionHookFunctions): {
  hooks: PartitionHooks;
  clock: ManualClock;
  failed: unknown[];
  slow: unknown[];
  warnings: unknown[];
} {
  const clock = new ManualClock();
  const events = new Emitter<WorkerEvents>((error) => {
    throw error;
  });
  const failed: unknown[] = [];
  const slow: unknown[] = [];
  const warnings: unknown[] = [];
  logEvents(events, { ...silentLogger, warn: (...line) => void warnings.push(line) });
  events.on('hook-failed', ({ hook, error }) => failed.push([hook, error]));
  events.on('hook-slow', (event) => slow.push(event));
  const hooks = new PartitionHooks(functions, clock, events);
  return { hooks, clock, failed, slow, warnings };
}

it('what was given up while its assignment was being told need not be claimed', async () => {
  const told = new Signal();
  const { hooks } = hooksOf({ onPartitionsAssigned: () => told.promise });
  const assigned = hooks.assigned([1, 2, 3]);
  expect(hooks.leaving([2, 7])).toEqual([2]); // 7 was never told
  told.resolve();
  expect(await assigned).toEqual([1, 3]);
});

it('an assignment that was taken back and made anew is claimed once', async () => {
  const { hooks } = hooksOf({ onPartitionsAssigned: () => {} });
  const first = hooks.assigned([1]);
  hooks.leaving([1]);
  const second = hooks.assigned([1]);
  expect([await first, await second]).toEqual([[], [1]]);
});

it('calls one hook after the other, in the order of what they tell', async () => {
  const calls: string[] = [];
  const slow = new Signal();
  const { hooks } = hooksOf({
    onPartitionsAssigned: async (partitions) => {
      calls.push(`assigned ${partitions.join()}`);
      await slow.promise;
      calls.push('ready');
    },
    onPartitionsRevoked: (partitions, reason) => void calls.push(`${reason} ${partitions.join()}`),
  });
  void hooks.assigned([1]);
  const revoked = hooks.revoked(hooks.leaving([1]), 'revoked');
  slow.resolve();
  await revoked;
  expect(calls).toEqual(['assigned 1', 'ready', 'revoked 1']);
});

it('a hook that throws is reported, and all goes on', async () => {
  const error = new Error('no');
  const fail = (): never => {
    throw error;
  };
  const { hooks, failed } = hooksOf({ onPartitionsAssigned: fail, onPartitionsRevoked: fail });
  expect(await hooks.assigned([1])).toEqual([1]);
  await hooks.revoked(hooks.leaving([1]), 'revoked');
  expect(failed).toEqual([
    ['onPartitionsAssigned', error],
    ['onPartitionsRevoked', error],
  ]);
});

it('the group waits 10 s for a hook and no longer, also for one of an assignment before it', async () => {
  const { hooks, clock, failed } = hooksOf({ onPartitionsAssigned: () => new Promise(() => {}) });
  void hooks.assigned([1]);
  let answered = false;
  const revoked = hooks.revoked(hooks.leaving([1]), 'revoked').then(() => {
    answered = true;
  });
  await clock.advance(9_999);
  expect([answered, failed]).toEqual([false, []]);
  await clock.advance(1);
  await revoked;
  expect(failed).toMatchObject([['onPartitionsRevoked', { message: expect.stringContaining('10000 ms') }]]);
});

it('tells at the end what was not given up in good order', async () => {
  const calls: unknown[] = [];
  const { hooks } = hooksOf({ onPartitionsRevoked: (...call) => void calls.push(call) });
  await hooks.assigned([1, 2]);
  await hooks.revoked(hooks.leaving([1]), 'revoked');
  await hooks.close();
  await hooks.close();
  expect(calls).toEqual([
    [[1], 'revoked'],
    [[2], 'lost'],
  ]);
});

describe('a hook that does not settle', () => {
  it('is told of every 30 s, by an event, a warning and for health', async () => {
    const { hooks, clock, slow, warnings } = hooksOf({ onPartitionsAssigned: () => new Promise(() => {}) });
    void hooks.assigned([1, 2]);
    void hooks.assigned([3]); // waits for its turn: it is not slow itself
    await clock.advance(29_999);
    expect([slow, hooks.slow]).toEqual([[], undefined]);
    const told = { hook: 'onPartitionsAssigned', partitions: [1, 2], elapsedMs: 30_000 };
    await clock.advance(1);
    expect([slow, hooks.slow]).toEqual([[told], told]);
    await clock.advance(60_000);
    expect(slow).toMatchObject([told, { elapsedMs: 60_000 }, { elapsedMs: 90_000 }]);
    expect(hooks.slow).toEqual({ ...told, elapsedMs: 90_000 });
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toEqual([
      'onPartitionsAssigned has not settled for 30 s; partitions wait for it',
      told,
    ]);
  });

  it('is told of also when the group has waited for it and goes on', async () => {
    const { hooks, clock, slow } = hooksOf({ onPartitionsRevoked: () => new Promise(() => {}) });
    await hooks.assigned([1]);
    const revoked = hooks.revoked(hooks.leaving([1]), 'revoked');
    await clock.advance(10_000);
    await revoked;
    await clock.advance(20_000);
    expect(slow).toEqual([{ hook: 'onPartitionsRevoked', partitions: [1], elapsedMs: 30_000 }]);
  });

  it('is forgotten once it has', async () => {
    const end = new Signal();
    const { hooks, clock, slow } = hooksOf({ onPartitionsAssigned: () => end.promise });
    const assigned = hooks.assigned([1]);
    await clock.advance(30_000);
    end.resolve();
    await assigned;
    expect([hooks.slow, clock.pendingCount]).toEqual([undefined, 0]);
    await clock.advance(60_000);
    expect(slow).toHaveLength(1);
  });

  it('is nothing to tell of any more when the worker has ended', async () => {
    const { hooks, clock, slow } = hooksOf({ onPartitionsAssigned: () => new Promise(() => {}) });
    void hooks.assigned([1]);
    await clock.advance(30_000);
    const closed = hooks.close();
    await clock.advance(10_000);
    await closed;
    expect([hooks.slow, clock.pendingCount]).toEqual([undefined, 0]);
    await clock.advance(60_000);
    expect(slow).toHaveLength(1);
  });
});

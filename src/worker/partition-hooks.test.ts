import { expect, it } from 'vitest';
import { Signal } from '../../test/support/queue-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { type PartitionHookFunctions, PartitionHooks } from './partition-hooks.ts';

function hooksOf(functions: PartitionHookFunctions): {
  hooks: PartitionHooks;
  clock: ManualClock;
  failed: unknown[];
} {
  const clock = new ManualClock();
  const failed: unknown[] = [];
  const hooks = new PartitionHooks(functions, clock, (hook, error) => failed.push([hook, error]));
  return { hooks, clock, failed };
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

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import { decodeMetadata } from './commit-metadata.ts';
import type { CoreConfig } from './core-state.ts';
import type { Verdict } from './effects.ts';
import type { PartitionState } from './partition-state.ts';

describe('a failing task', () => {
  it('holds its key, in its place, and nothing else', () => {
    const rig = new CoreRig({ concurrency: 2 });
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'bad'), itemOf(1, 'bad'), itemOf(2, 'a'), itemOf(3, 'b')]);
    rig.fail(rig.runOf('bad'));
    expect(rig.runningKeys).toEqual(['a', 'b']);
    expect(rig.reports('task-failed')).toMatchObject([{ retryInMs: expect.any(Number), counted: true }]);
    rig.finish(rig.runOf('a'));
    rig.pass(1_000);
    expect(rig.runOf('bad')).toMatchObject({ attempt: 2, item: { offset: 0 } });
    rig.finish(rig.runOf('bad'));
    expect(rig.runOf('bad')).toMatchObject({ attempt: 1, item: { offset: 1 } });
  });

  it('is not tried before its pause is over', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), [itemOf(0, 'bad')]);
    rig.fail(rig.runOf('bad'));
    const retryInMs = rig.reports('task-failed')[0]?.retryInMs ?? 0;
    rig.pass(retryInMs - 1);
    expect(rig.running).toEqual([]);
    rig.pass(1);
    expect(rig.runningKeys).toEqual(['bad']);
  });

  it('that asks for a pause gets that one, and it counts only if it says so', () => {
    const rig = new CoreRig({ retry: { minDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 1e9, maxAttempts: 2 } });
    rig.records(rig.take(0), [itemOf(0, 'k')]);
    for (let i = 0; i < 5; i += 1) {
      rig.fail(rig.runOf('k'), { delayMs: 5_000, countAttempt: false });
      rig.pass(4_999);
      expect(rig.running).toEqual([]);
      rig.pass(1);
      expect(rig.runOf('k').attempt).toBe(1);
    }
    rig.fail(rig.runOf('k'), { delayMs: 10, countAttempt: true });
    rig.pass(10);
    expect(rig.runOf('k').attempt).toBe(2);
    rig.fail(rig.runOf('k'), { delayMs: 10, countAttempt: true });
    expect(rig.reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 2 }]);
  });

  it('is given up after so many tries, and its key is held with all that follows', () => {
    const rig = new CoreRig({ retry: { minDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 1e9, maxAttempts: 3 } });
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'bad'), itemOf(1, 'a'), itemOf(2, 'bad')]);
    for (let i = 0; i < 3; i += 1) {
      rig.fail(rig.runOf('bad'));
      rig.pass(2);
    }
    expect(rig.reports('key-held')).toMatchObject([
      { partition: 0, offset: 0, key: 'bad', reason: 'gave-up', attempts: 3, item: { offset: 0 } },
    ]);
    rig.finish(rig.runOf('a'));
    rig.pass(1e8);
    expect(rig.running).toEqual([]);
    expect(partition.commitState('')).toMatchObject({
      frontier: 0,
      doneBelow: 2,
      lanes: [{ offset: 0, attempts: 3 }],
    });
  });

  it('is given up when its time is up, counted from its first failure', () => {
    const rig = new CoreRig({
      retry: { minDelayMs: 100, maxDelayMs: 100, giveUpAfterMs: 1_000, maxAttempts: undefined },
    });
    rig.records(rig.take(0), [itemOf(0, 'bad')]);
    rig.pass(5_000); // a long first try is not a failure
    rig.fail(rig.runOf('bad'));
    rig.pass(999);
    rig.fail(rig.runOf('bad'));
    expect(rig.reports('key-held')).toEqual([]);
    rig.pass(200);
    rig.fail(rig.runOf('bad'));
    expect(rig.reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 3 }]);
  });
});

describe('the pause before the next try', () => {
  it('grows with each failure', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), [itemOf(0, 'k')]);
    for (let i = 0; i < 4; i += 1) {
      rig.fail(rig.runOf('k'));
      rig.pass(2_000);
    }
    const pauses = rig.reports('task-failed').map(({ retryInMs }) => retryInMs);
    for (const [i, plainMs] of [200, 400, 800, 1_600].entries()) {
      expect(pauses[i]).toBeGreaterThanOrEqual(plainMs * 0.8);
      expect(pauses[i]).toBeLessThanOrEqual(plainMs * 1.2);
    }
  });

  it('of one key is over in time although another one is held for good', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), [itemOf(0, 'held'), itemOf(1, 'k')]);
    rig.end(rig.runOf('held'), { kind: 'hold', reason: 'unknown-type', error: undefined });
    rig.fail(rig.runOf('k'), { delayMs: 100 });
    rig.pass(100);
    expect(rig.runningKeys).toEqual(['k']);
  });
});

describe('a handler that does not want another try', () => {
  it.each<[string, Verdict, string]>([
    ['knows no such type', { kind: 'hold', reason: 'unknown-type', error: undefined }, 'unknown-type'],
    ['meets a newer version', { kind: 'hold', reason: 'newer-version', error: undefined }, 'newer-version'],
    ['cannot read the record', { kind: 'hold', reason: 'undecodable', error: undefined }, 'undecodable'],
  ])('%s: its key is held for good, others go on', (_what, verdict, reason) => {
    const rig = new CoreRig({ concurrency: 1 });
    rig.records(rig.take(0), [itemOf(0, 'k'), itemOf(1, 'other'), itemOf(2, 'k')]);
    rig.end(rig.runOf('k'), verdict);
    expect(rig.reports('key-held')).toMatchObject([{ reason, offset: 0, key: 'k' }]);
    expect(rig.runningKeys).toEqual(['other']);
    rig.finish(rig.runOf('other'));
    rig.pass(1e9);
    expect(rig.running).toEqual([]);
  });

  it('has its key parked, also where tasks that give up wait in their place', () => {
    const rig = new CoreRig({ afterGiveUp: () => 'wait' });
    rig.records(rig.take(0), [itemOf(0, 'k'), itemOf(1, 'k')]);
    rig.end(rig.runOf('k'), { kind: 'give-up', error: new Error('no use') });
    expect(rig.reports('key-held')).toEqual([]);
    expect(rig.of('mark')).toMatchObject([{ mark: { parked: { key: 'k', scope: 'key', from: 0 } } }]);
  });

  it('may discard the task: it counts as finished, and is reported', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'k'), itemOf(1, 'k')]);
    rig.end(rig.runOf('k'), { kind: 'discard', reason: 'too old' });
    expect(rig.reports('task-discarded')).toMatchObject([{ reason: 'too old' }]);
    expect(rig.runOf('k').item.offset).toBe(1);
    expect(partition.commitState('').frontier).toBe(1);
  });
});

describe('an end that comes late', () => {
  it('does not count when its partition is gone, and sets its bytes free', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), [itemOf(0, 'k', { bytes: 500 })]);
    const run = rig.runOf('k');
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.budget.usedBytes).toBe(500);
    rig.finish(run);
    expect(rig.budget.usedBytes).toBe(0);
    expect(rig.of('commit').flatMap(({ items }) => items.map(({ offset }) => offset))).toEqual([0]);
  });

  it('counts once', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'k'), itemOf(1, 'k'), itemOf(2, 'k')]);
    const run = rig.runOf('k');
    rig.finish(run);
    rig.tell((core, at) => core.finished(at, run));
    rig.tell((core, at) =>
      core.failed(at, run, { kind: 'retry', delayMs: 1, countAttempt: true, error: undefined }),
    );
    expect(rig.runOf('k').item.offset).toBe(1);
    expect(partition.commitState('').frontier).toBe(1);
  });
});

describe('a run whose partition is being given up', () => {
  /** The first task of key k runs on. */
  function draining(config: Partial<CoreConfig> = {}): { rig: CoreRig; partition: PartitionState } {
    const rig = new CoreRig(config);
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'k'), itemOf(1, 'k')]);
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.pass(100);
    return { rig, partition };
  }

  it('that gives up is held: a last commit says that all has ended, and after how many tries', () => {
    const { rig } = draining({ afterGiveUp: () => 'parkKey' });
    rig.ack();
    rig.end(rig.runOf('k'), { kind: 'give-up', error: new Error('no use') });
    expect(rig.of('mark')).toEqual([]);
    const [item] = rig.ack();
    expect(decodeMetadata(item?.metadata ?? '', item?.offset ?? -1)).toMatchObject({
      state: { clean: true },
    });
    expect(rig.reports('key-held')).toMatchObject([{ offset: 0, attempts: 1 }]);
    expect(rig.of('answer-revoke')).toHaveLength(1);
  });

  it('does not count any more when it had no time to end', () => {
    const { rig, partition } = draining();
    const run = rig.runOf('k');
    rig.pass(900);
    expect(rig.of('abort')).toEqual([{ kind: 'abort', run, reason: 'partition-lost' }]);
    expect(partition.bufferedBytes).toBe(0);
    rig.finish(run);
    expect(rig.budget.usedBytes).toBe(0);
    rig.settle();
    expect(rig.of('commit').at(-1)?.items).toMatchObject([{ offset: 0 }]);
    expect(rig.of('answer-revoke')).toHaveLength(1);
  });

  it('is told to end, and aborted, once, and no run of another partition is', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'k')]);
    rig.records(rig.take(1), [itemOf(0, 'other')]);
    const run = rig.runOf('k');
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    expect(rig.of('drain')).toEqual([{ kind: 'drain', run }]);
    rig.pass(1_000);
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.of('abort')).toEqual([{ kind: 'abort', run, reason: 'partition-lost' }]);
    expect(rig.runningKeys).toEqual(['k', 'other']);
  });
});

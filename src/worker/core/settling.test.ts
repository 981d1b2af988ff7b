import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import type { CoreConfig } from './core-state.ts';
import type { Verdict } from './effects.ts';

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key ${i}`);
}

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
    expect(rig.core.nextTickAtMs()).toBeLessThanOrEqual(rig.nowMs + retryInMs);
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

describe('a type in outage', () => {
  /** Twenty keys fail with their first task. */
  function inOutage(config: Partial<CoreConfig> = {}): CoreRig {
    const rig = new CoreRig({ concurrency: 5, ...config });
    const partition = rig.take(0);
    rig.records(partition, [...itemsOf(0, keys(20)), itemOf(20, 'fine', { type: 'fine' })]);
    while (rig.running.some((run) => run.item.type === 'job')) rig.fail(rig.runOf(rig.runningKeys[0] ?? ''));
    expect(rig.reports('outage-began')).toEqual([{ kind: 'outage-began', type: 'job' }]);
    return rig;
  }

  it('is probed with one task at a time, less and less often; other types go on', () => {
    const rig = inOutage();
    expect(rig.runningKeys).toEqual(['fine']);
    const probes: number[] = [];
    let lastMs = rig.nowMs;
    while (probes.length < 8) {
      rig.pass(100);
      const jobs = rig.running.filter((run) => run.item.type === 'job');
      expect(jobs.length).toBeLessThanOrEqual(1);
      const [probe] = jobs;
      if (probe === undefined) continue;
      probes.push(rig.nowMs - lastMs);
      lastMs = rig.nowMs;
      rig.fail(probe);
    }
    expect(probes).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
  });

  it('freezes attempts: nothing is given up for it', () => {
    const rig = inOutage();
    const counted = rig.reports('task-failed').filter((report) => report.counted).length;
    for (let i = 0; i < 50; i += 1) {
      rig.pass(5_000);
      rig.fail(rig.runOf(rig.running.find((run) => run.item.type === 'job')?.lane.key ?? ''));
    }
    expect(rig.reports('task-failed').filter((report) => report.counted)).toHaveLength(counted);
    expect(rig.reports('key-held')).toEqual([]);
  });

  it('probes with a key that has not failed yet while there is one', () => {
    const rig = inOutage();
    rig.pass(200);
    const probe = rig.running.find((run) => run.item.type === 'job');
    expect(probe?.lane.attempts).toBe(0);
  });

  it('reopens with the first success: all that waited goes on at once', () => {
    const rig = inOutage();
    rig.finish(rig.runOf('fine'));
    rig.pass(200);
    const [probe] = rig.running;
    if (probe === undefined) throw new Error('no probe');
    rig.finish(probe);
    expect(rig.reports('outage-ended')).toEqual([{ kind: 'outage-ended', type: 'job' }]);
    expect(rig.running).toHaveLength(5);
    while (rig.running.length > 0) rig.finish(rig.runOf(rig.runningKeys[0] ?? ''));
    expect(rig.partition(0).commitState('')).toMatchObject({ frontier: 21, lanes: [] });
  });

  it('is no time in which a task could have succeeded: a failure after it gives nothing up', () => {
    const retry = { minDelayMs: 200, maxDelayMs: 1_000, giveUpAfterMs: 60_000, maxAttempts: undefined };
    const rig = inOutage({ retry });
    rig.pass(120_000);
    const probe = rig.running.find((run) => run.item.type === 'job');
    if (probe === undefined) throw new Error('no probe');
    rig.finish(probe);
    const tried = rig.running.find((run) => run.lane.attempts > 0);
    if (tried === undefined) throw new Error('nothing that had failed before is tried again');
    rig.fail(tried);
    expect(rig.reports('key-held')).toEqual([]);
    expect(rig.reports('task-failed').at(-1)).toMatchObject({ counted: true });
  });

  it('is over also when the probe was discarded: whoever can judge a task is at work', () => {
    const rig = inOutage();
    rig.pass(200);
    const probe = rig.running.find((run) => run.item.type === 'job');
    if (probe === undefined) throw new Error('no probe');
    rig.end(probe, { kind: 'discard', reason: 'nobody needs it' });
    expect(rig.reports('outage-ended')).toEqual([{ kind: 'outage-ended', type: 'job' }]);
  });

  it('goes on with the next probe when the one under way is lost with its partition', () => {
    const rig = inOutage();
    const other = rig.take(1);
    rig.records(other, itemsOf(0, ['elsewhere']));
    rig.pass(200);
    const [probe] = rig.running.filter((run) => run.item.type === 'job');
    if (probe === undefined) throw new Error('no probe');
    rig.tell((core, at) => core.lost(at, [0]));
    rig.finish(probe); // void: it says nothing about the type
    rig.pass(5_000);
    expect(rig.running.filter((run) => run.item.type === 'job')).toMatchObject([
      { lane: { key: 'elsewhere' } },
    ]);
  });

  it('is told by plain failures only, not by handlers that ask for a pause', () => {
    const rig = new CoreRig({ concurrency: 5 });
    rig.records(rig.take(0), itemsOf(0, keys(20)));
    while (rig.running.length > 0) rig.fail(rig.runOf(rig.runningKeys[0] ?? ''), { delayMs: 60_000 });
    expect(rig.reports('outage-began')).toEqual([]);
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

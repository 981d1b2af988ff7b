import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import type { CoreConfig } from './core-state.ts';
import type { PartitionState } from './partition-state.ts';

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key ${i}`);
}

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

describe('what an outage leaves alone', () => {
  /** Tasks that plainly fail until their type is in outage. */
  function failAll(rig: CoreRig, names: readonly string[]): void {
    for (const name of names) rig.fail(rig.runOf(name));
    expect(rig.reports('outage-began')).toHaveLength(1);
  }

  it('is a key that was held before it, for a task that is not tried any more', () => {
    const rig = new CoreRig({ concurrency: 10 });
    rig.records(rig.take(0), itemsOf(0, ['held', ...keys(5)]));
    rig.end(rig.runOf('held'), { kind: 'hold', reason: 'newer-version', error: undefined });
    failAll(rig, keys(5));
    rig.pass(200);
    rig.finish(rig.runOf(rig.runningKeys[0] ?? ''));
    expect(rig.reports('outage-ended')).toHaveLength(1);
    rig.pass(60_000);
    expect(rig.runningKeys).not.toContain('held');
  });

  it('is a key of another type that waits for its next try', () => {
    const rig = new CoreRig({ concurrency: 10 });
    rig.records(rig.take(0), [itemOf(0, 'fine', { type: 'fine' }), ...itemsOf(1, keys(5))]);
    rig.fail(rig.runOf('fine'), { delayMs: 100 });
    failAll(rig, keys(5));
    rig.pass(100);
    expect(rig.runningKeys).toEqual(['fine']);
  });

  it('is the pause that a probe asks for: the end of the outage does not cut it short', () => {
    const rig = new CoreRig({ concurrency: 10 });
    rig.records(rig.take(0), itemsOf(0, keys(5)));
    failAll(rig, keys(5));
    rig.pass(200);
    const [first] = rig.runningKeys;
    rig.fail(rig.runOf(first ?? ''), { delayMs: 60_000 });
    rig.pass(5_000);
    const [second] = rig.runningKeys;
    expect(second).not.toBe(first);
    rig.finish(rig.runOf(second ?? ''));
    expect(rig.reports('outage-ended')).toHaveLength(1);
    expect(rig.runningKeys).not.toContain(first);
    rig.pass(60_000);
    expect(rig.runningKeys).toContain(first);
  });

  it('is the probe under way when a task ends that was running before', () => {
    const rig = new CoreRig({ concurrency: 10 });
    rig.records(rig.take(0), itemsOf(0, [...keys(5), 'slow']));
    failAll(rig, keys(5));
    rig.pass(200);
    expect(rig.running).toHaveLength(2);
    rig.fail(rig.runOf('slow'));
    rig.pass(1_000);
    expect(rig.running).toHaveLength(1);
  });
});

describe('the time in which a task may fail', () => {
  const retry = { minDelayMs: 1_000, maxDelayMs: 1_000, giveUpAfterMs: 60_000, maxAttempts: undefined };

  /** An outage of 20 s; key `early` had failed 49 s before it, keys `probe` and `late` come in it. */
  function afterOutage(): { rig: CoreRig; partition: PartitionState } {
    const rig = new CoreRig({ concurrency: 10, retry });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['early', ...keys(5)]));
    rig.fail(rig.runOf('early'), { delayMs: 50_000 });
    rig.pass(49_000);
    for (const key of keys(5)) rig.fail(rig.runOf(key));
    rig.records(partition, itemsOf(6, ['probe', 'late']));
    rig.pass(20_000);
    rig.settle();
    const { changes } = partition;
    rig.finish(rig.runOf(rig.runningKeys[0] ?? ''));
    expect(rig.reports('outage-ended')).toHaveLength(1);
    expect(partition.changes).toBeGreaterThan(changes);
    return { rig, partition };
  }

  it('is longer by as long as the outage took, and no longer', () => {
    const { rig } = afterOutage();
    rig.pass(10_000);
    rig.fail(rig.runOf('early'), { delayMs: 1_000 });
    expect(rig.reports('key-held')).toEqual([]);
    rig.pass(1_000);
    rig.fail(rig.runOf('early'), { delayMs: 1_000 });
    expect(rig.reports('key-held')).toMatchObject([{ key: 'early', reason: 'gave-up', attempts: 3 }]);
  });

  it('begins with its first failure for one that could not start in the outage', () => {
    const { rig } = afterOutage();
    rig.fail(rig.runOf('late'), { delayMs: 59_000 });
    rig.pass(59_000);
    rig.fail(rig.runOf('late'), { delayMs: 1_000 });
    expect(rig.reports('key-held')).toEqual([]);
    rig.pass(1_000);
    rig.fail(rig.runOf('late'), { delayMs: 1_000 });
    expect(rig.reports('key-held')).toMatchObject([{ key: 'late', attempts: 3 }]);
  });
});

describe('a task that may not be tried again when its type goes down', () => {
  it('is not given up for the failure that shows it, nor for those in the outage', () => {
    const retry = { minDelayMs: 1_000, maxDelayMs: 1_000, giveUpAfterMs: 1e9, maxAttempts: 2 };
    const rig = new CoreRig({ concurrency: 10, retry });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['last', 'well']));
    rig.fail(rig.runOf('last'));
    rig.finish(rig.runOf('well'));
    rig.pass(1_500);
    rig.records(partition, itemsOf(2, keys(4)));
    for (const key of keys(4)) rig.fail(rig.runOf(key));
    rig.fail(rig.runOf('last'));
    expect(rig.reports('outage-began')).toHaveLength(1);
    for (let i = 0; i < 20; i += 1) {
      rig.pass(5_000);
      for (const key of rig.runningKeys) rig.fail(rig.runOf(key));
    }
    expect(rig.reports('task-failed').filter(({ run }) => run.lane.key === 'last').length).toBeGreaterThan(2);
    expect(rig.reports('key-held')).toEqual([]);
  });
});

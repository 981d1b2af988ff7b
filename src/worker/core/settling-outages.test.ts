import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import type { CoreConfig } from './core-state.ts';

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

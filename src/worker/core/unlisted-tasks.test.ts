import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import { crashed } from '../../../test/support/crashed-owner.ts';
import type { CoreConfig } from './core-state.ts';
import type { Item } from './lane.ts';
import type { PartitionState } from './partition-state.ts';

/** One task a letter, its key the letter. */
function log(from: number, keys: string, bytes = 100): Item[] {
  return keys.split('').map((key, i) => itemOf(from + i, key, { bytes }));
}

/** What the sweep that is open covers. */
function stretch({ sweep }: PartitionState): readonly [at: number, below: number] | undefined {
  return sweep === undefined ? undefined : [sweep.at, sweep.below];
}

/** A key that failed at its first task and is tried again after 10 ms. */
function failing(tasks: number, config: Partial<CoreConfig>): CoreRig {
  const rig = new CoreRig({ concurrency: 1, ...config });
  const partition = rig.take(0);
  rig.records(partition, log(0, 'k'));
  rig.fail(rig.runOf('k'), { delayMs: 10 });
  rig.records(partition, log(1, 'k'.repeat(tasks - 1)));
  return rig;
}

describe('a key with more tasks than are kept track of for one', () => {
  const config = { concurrency: 1, listedTasks: 5, trackedTasks: 10 };
  const eleven = log(0, 'k'.repeat(11));

  it('is kept track of in full while it runs: its partition pauses when that are too many', () => {
    const rig = new CoreRig(config);
    rig.records(rig.take(0), log(0, 'k'));
    rig.records(rig.partition(0), log(1, 'k'.repeat(10)));
    expect(rig.reports('backlog-limit')).toMatchObject([{ waitingTasks: 11 }]);
  });

  it('is kept track of in full while it may run: it needs no sweep', () => {
    const rig = new CoreRig(config);
    rig.records(rig.take(0), [itemOf(0, 'other'), ...log(1, 'k'.repeat(11))]);
    rig.finish(rig.runOf('other'));
    for (let i = 0; i < 11; i += 1) rig.finish(rig.runOf('k'));
    expect(rig.of('sweep')).toEqual([]);
  });

  it('is kept track of in full while its start is being committed', () => {
    const rig = new CoreRig(config);
    const partition = rig.take(0, crashed(1));
    rig.records(partition, eleven.slice(0, 1));
    rig.records(partition, eleven.slice(1));
    expect(rig.reports('backlog-limit')).toMatchObject([{ waitingTasks: 11 }]);
  });

  it('is kept track of so far only while it waits: its partition is read on', () => {
    const rig = failing(11, config);
    expect(rig.of('pause')).toEqual([]);
    expect(rig.partition(0).lanes.get('k')?.length).toBe(5);
  });

  it('is read again once less than half of those it is kept track of are left', () => {
    const rig = failing(11, { ...config, lookAheadCount: 1, partitionBytes: 700 });
    const partition = rig.partition(0);
    rig.pass(10);
    rig.finish(rig.runOf('k'));
    // There was room for the records of four; the fifth is known by its offset only.
    let known = partition.lanes.get('k')?.length ?? 0;
    while (partition.sweep === undefined) {
      rig.finish(rig.runOf('k'));
      known -= 1;
    }
    expect([known, stretch(partition)]).toEqual([1, [4, 11]]);
  });

  it('is not read on for beyond what is missing while half of those are left', () => {
    const rig = failing(11, { ...config, listedTasks: 6, lookAheadCount: 1, partitionBytes: 500 });
    const partition = rig.partition(0);
    rig.pass(10);
    rig.finish(rig.runOf('k'));
    while (partition.sweep === undefined) rig.finish(rig.runOf('k'));
    expect([partition.lanes.get('k')?.length, stretch(partition)]).toEqual([3, [3, 6]]);
  });
});

describe('a sweep that lists tasks', () => {
  /** Five of twelve tasks of k were kept track of and are done; other keys are in between. */
  function listing(config: Partial<CoreConfig> = {}): CoreRig {
    const rig = failing(6, { concurrency: 1, listedTasks: 5, ...config });
    const partition = rig.partition(0);
    rig.records(partition, log(6, 'xkxkkkkkk'));
    rig.pass(10);
    while (rig.running.length > 0) {
      const [run] = rig.running;
      if (run !== undefined) rig.finish(run);
    }
    expect(stretch(partition)).toEqual([5, 15]);
    return rig;
  }

  it('runs them from the first one on, and ends when it knows as many as are kept track of', () => {
    const rig = listing();
    const partition = rig.partition(0);
    rig.swept(partition, log(5, 'k'));
    expect(rig.runOf('k').item.offset).toBe(5);
    rig.swept(partition, log(6, 'xkxkkk'));
    expect(stretch(partition)).toEqual([12, 15]);
    rig.swept(partition, log(12, 'k')); // the sixth
    expect(stretch(partition)).toBeUndefined();
    expect(rig.of('stop-sweep')).toHaveLength(1);
    for (let i = 0; i < 5; i += 1) rig.finish(rig.runOf('k'));
    expect(stretch(partition)).toEqual([12, 15]);
    rig.swept(partition, log(12, 'kkk'));
    for (let i = 0; i < 3; i += 1) rig.finish(rig.runOf('k'));
    expect(partition.commitState('')).toMatchObject({ frontier: 15, lanes: [] });
    expect([partition.lanes.size, rig.budget.usedBytes]).toEqual([0, 0]);
  });

  it('keeps their records while there is room, the first one and the look-ahead in any case', () => {
    const rig = listing({ partitionBytes: 1_000, lookAheadCount: 2 });
    rig.swept(rig.partition(0), log(5, 'kxkxkk', 600));
    expect(rig.budget.usedBytes).toBe(1_200);
    const none = listing({ partitionBytes: 1_000, lookAheadCount: 0 });
    none.swept(none.partition(0), log(5, 'kxkxkk', 1_000));
    expect(none.budget.usedBytes).toBe(1_000);
  });

  it('keeps only the offset of what has no room, and lists for one key what it has enough of for another', () => {
    const rig = new CoreRig({ concurrency: 3, listedTasks: 2, lookAheadCount: 1, partitionBytes: 1_300 });
    const partition = rig.take(0);
    rig.records(partition, log(0, 'zjk'));
    for (const key of ['z', 'j', 'k']) rig.fail(rig.runOf(key), { delayMs: 10 });
    rig.records(partition, log(3, 'zjkzkkkj'));
    rig.pass(10);
    for (const key of ['z', 'z', 'j', 'j', 'k', 'k']) rig.finish(rig.runOf(key));
    rig.swept(partition, log(6, 'zkkkj')); // opened before j and k needed any
    expect(stretch(partition)).toEqual([7, 11]);
    rig.swept(partition, log(7, 'kkk', 1_300));
    expect([rig.runningKeys, partition.bufferedBytes]).toEqual([['z', 'k'], 1_400]);
    rig.swept(partition, log(10, 'j'));
    expect(rig.runningKeys).toEqual(['z', 'k', 'j']);
    rig.finish(rig.runOf('k'));
    expect(stretch(partition)).toEqual([8, 9]);
    rig.swept(partition, log(8, 'k'));
    rig.finish(rig.runOf('k'));
    expect(stretch(partition)).toEqual([9, 11]);
    expect(rig.of('await-key')).toEqual([]);
  });

  it('finds nothing when none is there: the key is done, and commits go on', () => {
    const rig = listing();
    const partition = rig.partition(0);
    rig.settle();
    expect(partition.committedFrontier).toBe(5);
    rig.swept(partition, log(5, 'xxxxxxxxxx'));
    expect([partition.lanes.size, stretch(partition)]).toEqual([0, undefined]);
    rig.settle();
    expect(partition.committedFrontier).toBe(15);
  });

  it('passes what is empty, also at its end', () => {
    const rig = listing();
    const partition = rig.partition(0);
    rig.swept(partition, log(5, 'kx'));
    for (let i = 0; i < 2; i += 1) rig.swept(partition, log(20, 'k'));
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 0, found: 20 }));
    expect(stretch(partition)).toBeUndefined();
    rig.finish(rig.runOf('k'));
    expect(partition.commitState('')).toMatchObject({ frontier: 15, lanes: [] });
  });

  it('lists what has come from the tail meanwhile with the next sweep, in order', () => {
    const rig = listing();
    const partition = rig.partition(0);
    rig.records(partition, log(15, 'kk'));
    rig.swept(partition, log(5, 'kxxxxxxxxx'));
    expect(stretch(partition)).toBeUndefined();
    rig.finish(rig.runOf('k'));
    expect(rig.of('await-key')).toEqual([]); // it was left alone while it ran
    expect(stretch(partition)).toEqual([15, 17]);
    rig.swept(partition, log(15, 'kk'));
    expect(rig.runOf('k').item.offset).toBe(15);
  });

  it('finds nothing where the log had nothing, and goes on to what has come from the tail meanwhile', () => {
    const rig = listing();
    const partition = rig.partition(0);
    rig.records(partition, log(15, 'kk'));
    rig.swept(partition, log(5, 'xxxxxxxxxx'));
    expect([rig.reports('key-held'), stretch(partition)]).toEqual([[], [15, 17]]);
    rig.swept(partition, log(15, 'kk'));
    expect(rig.runOf('k').item.offset).toBe(15);
  });

  it('leaves what lies before its tasks to whom it belongs', () => {
    const rig = failing(4, { concurrency: 2, listedTasks: 2, lookAheadCount: 0, partitionBytes: 1_000 });
    const partition = rig.partition(0);
    rig.records(partition, [itemOf(4, 'big', { bytes: 900 })]);
    rig.pass(10);
    for (let steps = 0; partition.commitState('').frontier < 4 && steps < 20; steps += 1) {
      const run = rig.running.find(({ lane }) => lane.key === 'k');
      if (run !== undefined) rig.finish(run);
      else if (partition.sweep !== undefined)
        rig.swept(partition, log(partition.sweep.at, 'kkkk').slice(0, 2));
    }
    expect(partition.commitState('').frontier).toBe(4);
  });
});

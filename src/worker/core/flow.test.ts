import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import type { Item } from './lane.ts';

function keys(count: number, prefix = 'key '): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Tasks of one key, offset by offset. */
function line(from: number, count: number, key: string, bytes = 100): Item[] {
  return Array.from({ length: count }, (_, i) => itemOf(from + i, key, { bytes }));
}

describe('reading', () => {
  it('wants more while the process may hold more, and again only well below its limit', () => {
    const rig = new CoreRig({ concurrency: 10, partitionBytes: 1_000_000 }, { budgetBytes: 10_000 });
    const partition = rig.take(0);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    rig.records(partition, itemsOf(0, keys(10), { bytes: 1_000 }));
    expect(rig.core.wantedCount()).toBe(0);
    rig.finish(rig.runOf('key 0'));
    rig.finish(rig.runOf('key 1'));
    expect(rig.core.wantedCount()).toBe(0);
    rig.finish(rig.runOf('key 2'));
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
  });

  it('of a partition pauses when it holds its share, and resumes when half of it is gone', () => {
    const rig = new CoreRig({ concurrency: 20, partitionBytes: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(11), { bytes: 1_000 }));
    expect(rig.of('pause')).toHaveLength(1);
    for (let i = 0; i < 5; i += 1) rig.finish(rig.runOf(`key ${i}`));
    expect(rig.of('resume')).toEqual([]);
    rig.finish(rig.runOf('key 5'));
    expect(rig.of('resume')).toHaveLength(1);
    rig.records(partition, itemsOf(11, keys(7, 'more '), { bytes: 1_000 }));
    expect(rig.of('pause')).toHaveLength(2);
  });

  it('goes on in other partitions while one is paused', () => {
    const rig = new CoreRig({ concurrency: 100, partitionBytes: 10_000 });
    rig.records(rig.take(0), itemsOf(0, keys(20), { bytes: 1_000 }));
    rig.records(rig.take(1), itemsOf(0, keys(3, 'other '), { bytes: 1_000 }));
    expect(rig.of('pause').map(({ partition }) => partition.partition)).toEqual([0]);
    expect(rig.runningKeys).toContain('other 2');
  });

  it('pauses again after it was begun anew in between', () => {
    const rig = new CoreRig({ concurrency: 20, partitionBytes: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(11), { bytes: 1_000 }));
    rig.records(partition, [itemOf(20, 'late')]); // was on its way: a gap
    expect(rig.of('read').at(-1)?.reading.offset).toBe(11); // an assigned partition flows
    rig.records(partition, itemsOf(11, keys(2, 'more '), { bytes: 1_000 }));
    expect(rig.of('pause')).toHaveLength(2);
  });

  it('pauses when too many tasks wait, however small they are', () => {
    const rig = new CoreRig({ trackedTasks: 1_000 });
    const partition = rig.take(0);
    rig.records(partition, line(0, 1_000, 'hot', 1));
    rig.records(partition, line(1_000, 1, 'hot', 1));
    expect(rig.of('pause')).toHaveLength(1);
    expect(rig.reports('backlog-limit')).toEqual([
      { kind: 'backlog-limit', partition: 0, waitingTasks: 1_001 },
    ]);
    for (let i = 0; i < 251; i += 1) rig.finish(rig.runOf('hot'));
    expect(rig.of('resume')).toHaveLength(1);
  });

  it('is done again when offsets are missing, and goes on when they turn up', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(2, 'a')]);
    expect(rig.of('read').at(-1)?.reading.offset).toBe(1);
    expect(rig.runningKeys).toEqual(['a']);
    rig.records(partition, [itemOf(1, 'b'), itemOf(2, 'c'), itemOf(4, 'd')]);
    expect(rig.of('read').at(-1)?.reading.offset).toBe(3);
    expect(rig.of('check-gap')).toEqual([]);
    expect(rig.runningKeys).toEqual(['a', 'b', 'c']);
  });

  it('takes nothing that was asked for before the latest order, be it a gap or the next record', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    const before = rig.of('read').at(-1)?.reading;
    if (before === undefined) throw new Error('nothing was asked for');
    rig.records(partition, [itemOf(0, 'a'), itemOf(2, 'c')]);
    rig.tell((core, at) => core.records(at, before, [itemOf(2, 'c')]));
    rig.tell((core, at) => core.records(at, before, [itemOf(1, 'b')]));
    expect(rig.of('check-gap')).toEqual([]);
    expect(rig.runningKeys).toEqual(['a']);
    rig.records(partition, [itemOf(1, 'b'), itemOf(2, 'c')]);
    expect(rig.runningKeys).toEqual(['a', 'b', 'c']);
  });

  it('takes a smaller gap for another one', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(6, 'e')]);
    rig.records(partition, [itemOf(4, 'c')]);
    expect(rig.of('check-gap')).toEqual([]);
    rig.records(partition, [itemOf(4, 'c')]);
    expect(rig.of('check-gap')).toMatchObject([{ of: 'tail', found: 4 }]);
  });

  it('takes a record once, and believes that offsets are empty when reading again shows it', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(0, 'a'), itemOf(1, 'b')]);
    rig.records(partition, [itemOf(0, 'a'), itemOf(4, 'c'), itemOf(5, 'd')]);
    expect(rig.runningKeys).toEqual(['a', 'b']);
    rig.records(partition, [itemOf(4, 'c'), itemOf(5, 'd')]);
    expect(rig.of('check-gap')).toMatchObject([{ found: 4 }]);
    rig.records(partition, [itemOf(6, 'e')]);
    expect(rig.of('check-gap')).toHaveLength(1);
    // Nothing was lost: there were only control records.
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 0, found: 4 }));
    expect(rig.of('read').at(-1)?.reading.offset).toBe(4);
    rig.records(partition, [itemOf(4, 'c'), itemOf(5, 'd')]);
    expect(rig.runningKeys).toEqual(['a', 'b', 'c', 'd']);
  });

  it('stops the partition when what is missing was deleted', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(9, 'b')]);
    rig.records(partition, [itemOf(9, 'b')]);
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 7, found: 9 }));
    expect(rig.reports('partition-halted')).toEqual([
      { kind: 'partition-halted', partition: 0, reason: 'data-loss', from: 1, to: 7 },
    ]);
    rig.records(partition, [itemOf(9, 'b')]);
    expect(rig.runningKeys).toEqual(['a']);
  });

  it.each([
    ['is begun anew', 0, 'running'],
    ['is data loss when the log start has passed it', 5, 'halted'],
  ] as const)('that brings nothing although there is more %s', (_what, logStart, phase) => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.tell((core, at) => core.tailStalled(at, partition, logStart));
    expect(partition.phase).toBe(phase);
    if (phase === 'running') expect(rig.of('read').at(-1)?.reading.offset).toBe(1);
    else expect(rig.reports('partition-halted')).toMatchObject([{ from: 1, to: 5 }]);
  });
});

describe('full partitions', () => {
  it('do not hold all memory: others are read, and what was let go comes back in order when they have room', () => {
    const rig = new CoreRig({ concurrency: 10_000 }, { budgetBytes: 2_000_000 });
    const full = [rig.take(0), rig.take(1)] as const;
    for (const partition of full) rig.records(partition, itemsOf(0, keys(1_500), { bytes: 100 }));
    // Records of keys that cannot start in full partitions shut the budget.
    const more = itemsOf(1_500, keys(1_000, 'more '), { bytes: 1_000 });
    for (const partition of full) rig.records(partition, more);
    expect(full.map((partition) => partition.full)).toEqual([true, true]);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    rig.records(rig.take(2), [itemOf(0, 'good')]);
    expect(rig.runningKeys).toContain('good');
    const [partition] = full;
    const all = [...itemsOf(0, keys(1_500), { bytes: 100 }), ...more];
    const order: number[] = [];
    for (let steps = 0; order.length < all.length && steps < 100_000; steps += 1) {
      const run = rig.running.find((one) => one.partition === partition);
      if (run !== undefined) {
        order.push(run.item.offset);
        rig.finish(run);
        if (rig.core.state.commitUnderWay) rig.ack();
        continue;
      }
      const { sweep } = partition;
      if (sweep === undefined) {
        rig.pass(100);
        if (rig.core.state.commitUnderWay) rig.ack();
        continue;
      }
      rig.swept(partition, all.slice(sweep.at, sweep.at + 50));
    }
    expect(new Set(order).size).toBe(all.length);
    expect(rig.of('sweep').length).toBeLessThan(100);
  });
});

describe('a key that waits', () => {
  it('keeps only a few records when its partition holds a lot; other keys are read on', () => {
    const rig = new CoreRig({ concurrency: 2, partitionBytes: 10_000, lookAheadCount: 2 });
    const partition = rig.take(0);
    rig.records(partition, line(0, 5, 'bad', 1_000));
    rig.fail(rig.runOf('bad'));
    rig.records(partition, line(5, 50, 'bad', 1_000));
    expect(partition.bufferedBytes).toBeLessThanOrEqual(5_000);
    expect(rig.of('pause')).toEqual([]);
    rig.records(partition, [itemOf(55, 'good')]);
    expect(rig.runningKeys).toEqual(['good']);
  });

  it('gets what it dropped back by a sweep when it goes on, in order, with nothing left out', () => {
    const rig = new CoreRig({ concurrency: 2, partitionBytes: 10_000, lookAheadCount: 2 });
    const partition = rig.take(0);
    const all = line(0, 40, 'bad', 1_000);
    rig.records(partition, all.slice(0, 5));
    rig.fail(rig.runOf('bad'), { delayMs: 1_000 });
    rig.records(partition, all.slice(5));
    rig.pass(1_000);
    const order: number[] = [];
    for (let steps = 0; order.length < 40 && steps < 1_000; steps += 1) {
      const run = rig.running[0];
      if (run !== undefined) {
        order.push(run.item.offset);
        rig.finish(run);
        continue;
      }
      const { sweep } = partition;
      if (sweep === undefined) throw new Error('nothing runs and nothing is read');
      rig.swept(partition, all.slice(sweep.at, sweep.at + 3));
    }
    expect(order).toEqual(all.map(({ offset }) => offset));
    expect([partition.bufferedBytes, rig.budget.usedBytes, partition.sweep]).toEqual([0, 0, undefined]);
    expect(partition.commitState('').frontier).toBe(40);
  });

  it('keeps track of so many tasks only: neither its partition stops nor its memory grows', () => {
    const rig = new CoreRig({ concurrency: 2, trackedTasks: 500, listedTasks: 100 });
    const partition = rig.take(0);
    const all = line(0, 1_000, 'bad', 1);
    rig.records(partition, all.slice(0, 1));
    rig.fail(rig.runOf('bad'), { delayMs: 1_000 });
    rig.records(partition, all.slice(1));
    rig.records(partition, [itemOf(1_000, 'good')]);
    expect(rig.of('pause')).toEqual([]);
    expect(rig.runningKeys).toEqual(['good']);
    expect(partition.lanes.get('bad')?.length).toBe(100);
    // What is not kept track of is not finished either.
    rig.finish(rig.runOf('good'));
    expect(partition.commitState('')).toMatchObject({ frontier: 0, lanes: [{ offset: 0 }] });
    rig.pass(1_000);
    const order: number[] = [];
    for (let steps = 0; order.length < 1_000 && steps < 10_000; steps += 1) {
      const run = rig.running[0];
      if (run !== undefined) {
        order.push(run.item.offset);
        if (run.item.offset === 500) rig.records(partition, [itemOf(1_001, 'bad')]);
        rig.finish(run);
        continue;
      }
      const { sweep } = partition;
      if (sweep === undefined) throw new Error('nothing runs and nothing is read');
      rig.swept(partition, [...all, itemOf(1_000, 'good')].slice(sweep.at, sweep.at + 7));
    }
    expect(order).toEqual(all.map(({ offset }) => offset));
    expect(partition.commitState('').frontier).toBe(1_001);
    rig.swept(partition, [itemOf(1_000, 'good'), itemOf(1_001, 'bad')]);
    rig.finish(rig.runOf('bad'));
    expect([partition.commitState('').frontier, partition.lanes.size, rig.budget.usedBytes]).toEqual([
      1_002, 0, 0,
    ]);
  });

  it('does not fill the process: with the budget shut by keys that cannot run, others are read', () => {
    const rig = new CoreRig({ concurrency: 4, partitionBytes: 1_000_000 }, { budgetBytes: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(4), { bytes: 100 }));
    for (const key of keys(4)) rig.end(rig.runOf(key), { kind: 'give-up', error: undefined });
    rig.records(
      partition,
      keys(4).flatMap((key, i) => line(4 + i * 5, 5, key, 1_000)),
    );
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    rig.records(partition, [itemOf(24, 'good')]);
    expect(rig.runningKeys).toEqual(['good']);
  });

  it('holds up nobody when one sweep serves all that are due', () => {
    const rig = new CoreRig({ concurrency: 4, partitionBytes: 2_000, lookAheadCount: 0 });
    const partition = rig.take(0);
    const items = [...itemsOf(0, ['a', 'b', 'c'], { bytes: 900 }), itemOf(3, 'd')];
    rig.records(partition, items);
    for (const key of ['a', 'b', 'c']) rig.fail(rig.runOf(key), { delayMs: 1_000 });
    rig.pass(1_000);
    const sweeps = rig.of('sweep').length;
    expect(sweeps).toBeLessThanOrEqual(1);
    while (partition.sweep !== undefined) rig.swept(partition, items.slice(partition.sweep.at));
    expect([...rig.runningKeys].sort()).toEqual(['a', 'b', 'c', 'd']);
  });
});

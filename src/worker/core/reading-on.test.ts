import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import type { CoreConfig } from './core-state.ts';
import type { Item } from './lane.ts';
import { SharedBudget } from './shared-budget.ts';

function keys(count: number, prefix = 'key '): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Tasks of one key, offset by offset. */
function line(from: number, count: number, key: string, bytes = 100): Item[] {
  return Array.from({ length: count }, (_, i) => itemOf(from + i, key, { bytes }));
}

describe('how many records are asked for', () => {
  it('is none without a partition, and none once the worker stops', () => {
    const rig = new CoreRig();
    expect(rig.core.wantedCount()).toBe(0);
    rig.take(0);
    expect(rig.core.wantedCount()).toBe(1_000);
    rig.tell((core, at) => core.stopping(at));
    expect(rig.core.wantedCount()).toBe(0);
  });

  it('is what has room, one at least', () => {
    const rig = new CoreRig({}, { budgetBytes: 10 * 65_536 });
    const partition = rig.take(0);
    expect(rig.core.wantedCount()).toBe(10);
    rig.records(partition, [itemOf(0, 'a', { bytes: 65_536 })]);
    expect(rig.core.wantedCount()).toBe(9);
    rig.records(partition, [itemOf(1, 'b', { bytes: 9 * 65_536 - 1 })]);
    expect(rig.core.wantedCount()).toBe(1);
  });

  it('falls at once when records are large, and rises by and by when they are small', () => {
    const rig = new CoreRig({}, { budgetBytes: 10_000_000 });
    const partition = rig.take(0);
    expect(rig.core.wantedCount()).toBe(152); // of 65,536 bytes, until something is known
    rig.records(partition, [itemOf(0, 'large', { bytes: 1_000_000 })]);
    expect(rig.core.wantedCount()).toBe(49);
    rig.records(partition, [itemOf(1, 'small', { bytes: 0 })]);
    expect(rig.core.wantedCount()).toBe(50);
    rig.records(partition, line(2, 64, 'small', 0));
    expect(rig.core.wantedCount()).toBeGreaterThan(125);
  });

  it('is none, and nothing is let go, while another worker of the process has waited for longer', () => {
    const budget = new SharedBudget(10_000);
    const [first, second] = [new CoreRig({}, { budget }), new CoreRig({}, { budget })];
    first.take(0);
    const partition = second.take(0);
    second.records(partition, line(0, 3, 'held', 1_000));
    second.fail(second.runOf('held'), { delayMs: 60_000 });
    budget.take(10_000);
    second.tell((core, at) => core.tick(at));
    expect(first.core.wantedCount()).toBe(0);
    budget.release(10_000);
    expect(second.core.wantedCount()).toBe(0);
    expect(partition.bufferedBytes).toBe(3_000);
    expect([first.core.wantedCount(), second.core.wantedCount()]).toEqual([1, 1]);
  });
});

describe('a partition that has its share', () => {
  function holding(count: number, more: Partial<CoreConfig> = {}): CoreRig {
    const rig = new CoreRig({ concurrency: 20, partitionBytes: 10_000, ...more });
    rig.records(rig.take(0), itemsOf(0, keys(count), { bytes: 1_000 }));
    return rig;
  }

  it('is read on, and pauses with the first byte above', () => {
    const rig = holding(10);
    expect(rig.of('pause')).toEqual([]);
    rig.records(rig.partition(0), [itemOf(10, 'more', { bytes: 1 })]);
    expect(rig.of('pause')).toHaveLength(1);
    expect(rig.reports('backlog-limit')).toEqual([]); // its bytes, not its tasks
    rig.records(rig.partition(0), [itemOf(11, 'more', { bytes: 1_000 })]); // was on its way
    expect(rig.of('pause')).toHaveLength(1);
  });

  it('says nothing of too many tasks when it holds just as many as are kept track of', () => {
    const rig = holding(3, { trackedTasks: 4 });
    rig.records(rig.partition(0), [itemOf(3, 'key 0', { bytes: 8_000 })]);
    expect([rig.of('pause').length, rig.reports('backlog-limit')]).toEqual([1, []]);
  });

  it('goes on with exactly half of it', () => {
    const rig = holding(11);
    for (const key of keys(5)) rig.finish(rig.runOf(key));
    rig.records(rig.partition(0), [itemOf(11, 'x', { bytes: 1 })]);
    rig.finish(rig.runOf('key 5'));
    expect(rig.of('resume')).toEqual([]);
    rig.finish(rig.runOf('x'));
    expect(rig.of('resume')).toHaveLength(1);
  });

  it('goes on with three quarters of the tasks it keeps track of', () => {
    const rig = new CoreRig({ trackedTasks: 100 });
    const partition = rig.take(0);
    rig.records(partition, line(0, 1, 'hot'));
    rig.records(partition, line(1, 99, 'hot'));
    expect(rig.of('pause')).toEqual([]);
    rig.records(partition, line(100, 1, 'hot'));
    expect(rig.of('pause')).toHaveLength(1);
    for (let i = 0; i < 25; i += 1) rig.finish(rig.runOf('hot'));
    expect(rig.of('resume')).toEqual([]);
    rig.finish(rig.runOf('hot'));
    expect(rig.of('resume')).toHaveLength(1);
  });

  it('is not resumed when it is being given up, or was stopped', () => {
    const rig = holding(11);
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    for (const key of keys(10)) rig.finish(rig.runOf(key));
    expect(rig.of('resume')).toEqual([]);
  });

  it('is not taken for one whose reading has stalled, but one that is read is', () => {
    const rig = holding(11);
    const partition = rig.partition(0);
    const reads = rig.of('read').length;
    rig.tell((core, at) => core.tailStalled(at, partition, 12));
    expect([partition.phase, rig.of('read').length]).toEqual(['running', reads]);
    for (const key of keys(11)) rig.finish(rig.runOf(key));
    rig.tell((core, at) => core.tailStalled(at, partition, 11)); // the log begins where it goes on
    expect([partition.phase, rig.of('read').length]).toEqual(['running', reads + 1]);
    rig.tell((core, at) => core.tailStalled(at, partition, 12));
    expect(partition.phase).toBe('halted');
    rig.tell((core, at) => core.tailStalled(at, partition, 12));
    expect(rig.reports('partition-halted')).toHaveLength(1);
  });
});

describe('the answer to what became of missing offsets', () => {
  /** Offsets 1 to 3 were missing twice: it is asked where the log starts. */
  function asked(): CoreRig {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(4, 'c')]);
    rig.records(partition, [itemOf(4, 'c')]);
    expect(rig.of('check-gap')).toMatchObject([{ of: 'tail', found: 4 }]);
    return rig;
  }

  it('counts once', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 1, found: 4 }));
    const reads = rig.of('read').length;
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 9, found: 4 }));
    expect([partition.phase, rig.of('read').length]).toEqual(['running', reads]);
  });

  it('does not count for another question', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 0, found: 3 }));
    expect(rig.of('read').at(-1)?.reading.offset).toBe(1);
  });

  it('does not count when the reading was begun anew meanwhile', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.tailStalled(at, partition, 0));
    rig.records(partition, [itemOf(4, 'c')]); // missing once
    const reads = rig.of('read').length;
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 3, found: 4 }));
    expect([partition.phase, rig.of('read').length]).toEqual(['running', reads]);
    rig.records(partition, itemsOf(1, ['x', 'y', 'b', 'c']));
    expect(rig.runningKeys).toEqual(['a', 'x', 'y', 'b']);
  });

  it('does not count for a partition that is being given up', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 3, found: 4 }));
    expect([partition.phase, rig.reports('partition-halted')]).toEqual(['draining', []]);
    rig.records(partition, [itemOf(1, 'b')]);
    expect(rig.runningKeys).toEqual(['a']);
  });
});

describe('records', () => {
  it('that come twice count once', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    rig.records(partition, itemsOf(0, ['a', 'b', 'c']));
    for (const key of ['a', 'b', 'c']) rig.finish(rig.runOf(key));
    expect([rig.running, rig.budget.usedBytes]).toEqual([[], 0]);
  });

  it('that come for a partition which is being given up take no memory', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a']));
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.records(partition, itemsOf(1, ['b', 'c']));
    expect(rig.budget.usedBytes).toBe(100);
  });
});

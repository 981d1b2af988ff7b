import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { limiting } from '../../../test/support/type-policies.ts';
import type { CoreConfig } from './core-state.ts';
import type { Item } from './lane.ts';
import { SharedBudget } from './shared-budget.ts';

/** Types are called by the bytes of their content. */
const contentBytes = ({ type }: Item): number => Number.parseInt(type, 10) || 0;

function rigOf(budgetBytes: number, config: Partial<CoreConfig> = {}): CoreRig {
  return new CoreRig({ contentBytes, ...config }, { budgetBytes });
}

/** One task a key of so much content. */
function large(from: number, keys: readonly string[], bytes: number): Item[] {
  return itemsOf(from, keys, { type: `${bytes} bytes` });
}

function endAll(rig: CoreRig): string[] {
  const order: string[] = [];
  for (let run = rig.running[0]; run !== undefined; run = rig.running[0]) {
    order.push(run.lane.key);
    rig.finish(run);
  }
  return order;
}

describe('tasks with content beside their records', () => {
  it('start as far as there is memory for it; the others take no slot, and those without content go on', () => {
    const rig = rigOf(100_000, { concurrency: 3 });
    rig.records(rig.take(0), [...large(0, ['a', 'b', 'c'], 20_000), ...itemsOf(3, ['small', 'tiny'])]);
    expect(rig.runningKeys).toEqual(['a', 'b', 'small']);
    rig.finish(rig.runOf('small'));
    expect(rig.runningKeys).toEqual(['a', 'b', 'tiny']);
    rig.finish(rig.runOf('b'));
    expect(rig.runningKeys).toEqual(['a', 'tiny', 'c']);
    endAll(rig);
    expect(rig.budget.usedBytes).toBe(0);
  });

  it('go alone when they are larger than all memory', () => {
    const rig = rigOf(100_000);
    rig.records(rig.take(0), [
      ...large(0, ['giant'], 1_000_000),
      ...large(1, ['a'], 20_000),
      ...large(2, ['second giant'], 1_000_000),
      itemOf(3, 'small'),
    ]);
    expect(rig.runningKeys).toEqual(['giant', 'small']);
    rig.finish(rig.runOf('giant'));
    expect(rig.runningKeys).toEqual(['small', 'a']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['small', 'second giant']);
  });

  it('are kept no memory while their worker has no slot for them: others of the process may have one', () => {
    const rig = rigOf(100_000, { concurrency: 3 });
    rig.records(rig.take(0), [
      ...large(0, ['a'], 43_000),
      ...large(1, ['b', 'c'], 20_000),
      ...itemsOf(3, ['long', 'longer']),
    ]);
    expect(rig.runningKeys).toEqual(['a', 'long', 'longer']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['long', 'longer', 'b']);
    expect(rig.core.state.memory.kept.size).toBe(0);
    rig.finish(rig.runOf('long'));
    expect(rig.runningKeys).toEqual(['longer', 'b', 'c']);
    endAll(rig);
    expect(rig.budget.usedBytes).toBe(0);
  });

  it('go in the order in which they came: smaller ones do not overtake for ever', () => {
    const rig = rigOf(100_000, { concurrency: 10 });
    rig.records(rig.take(0), [
      ...large(0, ['a', 'b'], 20_000),
      ...large(2, ['wide'], 40_000),
      ...large(3, ['c', 'd'], 3_000),
    ]);
    expect(rig.runningKeys).toEqual(['a', 'b']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['b']);
    rig.finish(rig.runOf('b'));
    expect(rig.runningKeys).toEqual(['wide', 'c']);
  });

  it('of little content do not wait for those of much', () => {
    const rig = rigOf(100_000, { concurrency: 10 });
    rig.records(rig.take(0), [
      ...large(0, ['a', 'waits'], 43_000),
      ...large(2, ['x', 'y', 'z', 'u', 'v'], 1_500),
    ]);
    expect(rig.runningKeys).toEqual(['a', 'x', 'y', 'z', 'u']);
    rig.finish(rig.runOf('x'));
    expect(rig.runningKeys).toEqual(['a', 'y', 'z', 'u', 'v']);
    expect(endAll(rig).at(-1)).toBe('waits');
  });

  it('keep their memory until the handler has ended, whatever has become of its partition', () => {
    const rig = rigOf(100_000);
    rig.records(rig.take(0), large(0, ['old'], 40_000));
    const [old] = rig.running;
    rig.tell((core, at) => core.lost(at, [0]));
    rig.records(rig.take(1), large(0, ['new'], 40_000));
    expect(rig.runningKeys).toEqual(['old']);
    if (old !== undefined) rig.finish(old);
    expect(rig.runningKeys).toEqual(['new']);
  });

  it('hold nothing while they wait: what was kept for a lane that is given up is free', () => {
    const rig = rigOf(100_000, { concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'small'), ...large(1, ['a', 'b'], 40_000)]);
    rig.finish(rig.runOf('small'));
    expect(rig.runningKeys).toEqual(['a']);
    rig.tell((core, at) => core.lost(at, [0]));
    rig.finish(rig.runOf('a'));
    expect(rig.budget.usedBytes).toBe(0);
  });

  it('and a failed try gives it back until the next one', () => {
    const rig = rigOf(100_000);
    rig.records(rig.take(0), large(0, ['a', 'b'], 40_000));
    rig.fail(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['b']);
    rig.pass(200);
    expect(rig.runningKeys).toEqual(['b']);
    rig.finish(rig.runOf('b'));
    expect(rig.runOf('a').attempt).toBe(2);
  });
});

describe('memory and the limits of types', () => {
  it('whoever waits for memory keeps no place of its type', () => {
    const typePolicy = limiting({ '40000 bytes': { concurrency: 1 } });
    const rig = rigOf(100_000, { typePolicy, concurrency: 10 });
    rig.records(rig.take(0), [...large(0, ['other'], 41_000), ...large(1, ['a', 'b'], 40_000)]);
    expect(rig.core.state.type('40000 bytes')).toMatchObject({ runningCount: 0 });
    expect(rig.core.state.type('40000 bytes').limit?.called.size).toBe(0);
    expect(endAll(rig)).toEqual(['other', 'a', 'b']);
  });

  it('those of a type at its limit let others by, and come first when it has a place', () => {
    const typePolicy = limiting({ '20000 bytes': { concurrency: 1 } });
    const rig = rigOf(100_000, { typePolicy, concurrency: 10 });
    rig.records(rig.take(0), [
      ...large(0, ['a'], 20_000),
      ...large(1, ['full'], 23_000),
      ...large(2, ['b'], 20_000),
      ...large(3, ['c'], 22_000),
    ]);
    expect(rig.runningKeys).toEqual(['a', 'full']);
    rig.finish(rig.runOf('full'));
    expect(rig.runningKeys).toEqual(['a', 'c']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['c', 'b']);
  });
});

describe('records and contents', () => {
  it('records that cannot run leave for who waits', () => {
    const rig = rigOf(100_000, { concurrency: 1, partitionBytes: 1_000_000 });
    const partition = rig.take(0);
    rig.records(partition, [
      ...itemsOf(
        0,
        Array.from({ length: 9 }, () => 'busy'),
        { bytes: 10_000 },
      ),
      ...large(9, ['large'], 40_000),
    ]);
    expect(rig.runningKeys).toEqual(['busy']);
    rig.finish(rig.runOf('busy'));
    expect(rig.runningKeys).toEqual(['busy']); // lower offsets go first
    expect(rig.budget.usedBytes).toBe(80_100);
    rig.fail(rig.runOf('busy'));
    rig.pass(25);
    expect(rig.runningKeys).toEqual(['large']);
    expect(rig.budget.usedBytes).toBeLessThan(100_000);
  });

  it('do not wait for ever for records that stay', () => {
    const rig = rigOf(100_000, { concurrency: 10, partitionBytes: 1_000_000 });
    rig.records(rig.take(0), [
      ...itemsOf(0, ['a', 'b', 'c', 'd'], { bytes: 20_000 }),
      ...large(4, ['large'], 40_000),
    ]);
    expect(rig.runningKeys).toEqual(['a', 'b', 'c', 'd']);
    rig.pass(1_000);
    expect(rig.runningKeys).toHaveLength(4);
    rig.pass(1_000);
    expect(rig.runningKeys).toEqual(['a', 'b', 'c', 'd', 'large']);
    expect(rig.core.wantedCount()).toBe(0);
  });

  it('reading goes on with the rest, and with all when no content is here', () => {
    const rig = rigOf(100_000);
    rig.records(rig.take(0), large(0, ['a'], 40_000));
    expect(rig.budget.roomBytes).toBe(60_000 - 100);
    rig.finish(rig.runOf('a'));
    expect(rig.budget.roomBytes).toBe(100_000);
  });
});

describe('workers of one process', () => {
  it('take turns in the order in which they came, and none waits for one that has gone', () => {
    const budget = new SharedBudget(100_000);
    const [first, second, third] = [1, 2, 3].map(() => new CoreRig({ contentBytes }, { budget }));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three');
    first.records(first.take(0), large(0, ['a'], 40_000));
    second.records(second.take(0), large(0, ['b'], 40_000));
    third.records(third.take(0), large(0, ['c'], 40_000));
    expect([first, second, third].map((rig) => rig.runningKeys)).toEqual([['a'], [], []]);
    first.finish(first.runOf('a'));
    third.pass(25);
    expect(third.runningKeys).toEqual([]);
    second.tell((core, at) => core.lost(at, [0]));
    third.pass(25);
    expect(third.runningKeys).toEqual(['c']);
  });

  it('wait for none that stops', () => {
    const budget = new SharedBudget(100_000);
    const [first, stops] = [1, 2].map(() => new CoreRig({ contentBytes }, { budget }));
    if (first === undefined || stops === undefined) throw new Error('two');
    first.records(first.take(0), large(0, ['a', 'b'], 40_000));
    stops.records(stops.take(0), large(0, ['c'], 40_000));
    first.pass(25);
    budget.take(100_000);
    expect([stops.core.wantedCount(), first.core.wantedCount()]).toEqual([0, 0]);
    budget.release(100_000);
    stops.tell((core, at) => core.stopping(at));
    expect(first.core.wantedCount()).toBeGreaterThan(0);
    first.finish(first.runOf('a'));
    expect(first.runningKeys).toEqual(['b']);
  });
});

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed } from '../../../test/support/crashed-owner.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import type { Item } from './lane.ts';
import { LiveKeys } from './live-keys.ts';
import { SuspectGate } from './suspect-gate.ts';

/** Tasks of one key, offset by offset. */
function line(from: number, count: number, key: string, bytes = 1_000): Item[] {
  return Array.from({ length: count }, (_, i) => itemOf(from + i, key, { bytes }));
}

const longDelay = { delayMs: 50_000 };

describe('a key that begins to wait', () => {
  /** Some 1,000 bytes each; the first of them fails. */
  function failing(count: number): CoreRig {
    const rig = new CoreRig({ partitionBytes: 10_000, lookAheadCount: 2 }, { budgetBytes: 20_000 });
    const partition = rig.take(0);
    rig.records(partition, line(0, count, 'bad'));
    return rig;
  }

  it('keeps what it has while its partition holds less than half of its share', () => {
    const rig = failing(4);
    rig.fail(rig.runOf('bad'), longDelay);
    expect(rig.budget.usedBytes).toBe(4_000);
  });

  it('keeps only its look-ahead in a partition that holds half of its share', () => {
    const rig = failing(5);
    rig.fail(rig.runOf('bad'), longDelay);
    expect(rig.budget.usedBytes).toBe(2_000);
  });

  it('keeps only its look-ahead when the process holds all it may', () => {
    const rig = failing(4);
    rig.budget.take(16_000);
    rig.fail(rig.runOf('bad'), longDelay);
    expect(rig.budget.usedBytes).toBe(18_000);
  });

  it('keeps all when it runs parked tasks again: no sweep would bring them back', () => {
    const at = new ParkedRig({ partitionBytes: 4_000, lookAheadCount: 1 });
    at.rig.records(at.partition, line(0, 4, 'k', 900));
    at.giveUp('k');
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.rig.fail(at.rig.runOf('k'), { delayMs: 10 });
    expect(at.partition.bufferedBytes).toBe(3_600);
    at.rig.pass(10);
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2', 'done k3']);
  });
});

describe('what is read for a key when its partition holds half of its share', () => {
  /** 5,000 of 10,000 bytes, held by a key that runs. */
  function halfFull(shared: ConstructorParameters<typeof CoreRig>[1] = {}): CoreRig {
    const typePolicy = (name: string) => ({
      name,
      retry: { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined },
      concurrency: name === 'narrow' ? 1 : 1_000,
      rateLimit: undefined,
    });
    const rig = new CoreRig(
      { concurrency: 3, partitionBytes: 10_000, lookAheadCount: 1, typePolicy },
      shared,
    );
    rig.records(rig.take(0), [itemOf(0, 'big', { bytes: 5_000 })]);
    return rig;
  }

  it('is kept when the key runs, and when it may run next', () => {
    const rig = halfFull();
    rig.records(rig.partition(0), line(1, 3, 'runs'));
    expect(rig.budget.usedBytes).toBe(8_000);
    rig.records(rig.partition(0), [itemOf(4, 'last slot', { bytes: 0 }), ...line(5, 2, 'ready')]);
    expect(rig.budget.usedBytes).toBe(10_000);
  });

  it('is kept up to the look-ahead when the key is held', () => {
    const rig = halfFull();
    rig.records(rig.partition(0), line(1, 1, 'held'));
    rig.fail(rig.runOf('held'), longDelay);
    rig.records(rig.partition(0), line(2, 3, 'held'));
    expect(rig.budget.usedBytes).toBe(6_000);
  });

  it('is kept up to the look-ahead when the type of the key is at its limit', () => {
    const rig = halfFull();
    const narrow = { type: 'narrow', bytes: 1_000 };
    rig.records(rig.partition(0), [itemOf(1, 'runs', narrow), itemOf(2, 'gated', narrow)]);
    rig.records(rig.partition(0), [itemOf(3, 'gated', narrow), itemOf(4, 'gated', narrow)]);
    expect(rig.budget.usedBytes).toBe(7_000);
  });

  it('is kept up to the look-ahead when an older handler of the key still runs', () => {
    const liveKeys = new LiveKeys();
    liveKeys.add('q\nblocked');
    const rig = halfFull({ liveKeys });
    rig.records(rig.partition(0), line(1, 3, 'blocked'));
    expect(rig.of('await-key')).toHaveLength(1);
    expect(rig.budget.usedBytes).toBe(6_000);
  });

  it('is kept up to the look-ahead when parked tasks of the key go first', () => {
    const at = new ParkedRig({ partitionBytes: 10_000, lookAheadCount: 1 });
    at.rig.records(at.partition, [itemOf(0, 'k', { bytes: 1_000 })]);
    at.giveUp('k');
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.rig.fail(at.rig.runOf('k'), longDelay);
    at.rig.records(at.partition, [itemOf(1, 'big', { bytes: 5_000 })]);
    at.rig.records(at.partition, line(2, 1, 'k'));
    at.rig.records(at.partition, line(3, 2, 'k'));
    expect(at.rig.budget.usedBytes).toBe(7_000); // the one that runs again, and one behind it
  });

  it('is kept in full while it holds less', () => {
    const rig = new CoreRig({ partitionBytes: 10_000, lookAheadCount: 1 });
    rig.records(rig.take(0), line(0, 1, 'held'));
    rig.fail(rig.runOf('held'), longDelay);
    rig.records(rig.partition(0), line(1, 3, 'held'));
    expect(rig.budget.usedBytes).toBe(4_000);
    rig.records(rig.partition(0), line(4, 3, 'held'));
    expect(rig.budget.usedBytes).toBe(5_000);
  });
});

describe('a partition that holds more than its share', () => {
  it('lets go of what lies behind running keys first, and of no more than it has to', () => {
    const rig = new CoreRig({ partitionBytes: 10_000, lookAheadCount: 1 });
    const partition = rig.take(0);
    rig.records(partition, [...line(0, 4, 'a'), ...line(4, 4, 'b'), ...line(8, 1, 'c')]);
    rig.records(partition, line(9, 1, 'c'));
    expect(rig.budget.usedBytes).toBe(10_000);
    rig.records(partition, line(10, 1, 'c'));
    expect(rig.budget.usedBytes).toBe(5_000);
    expect(rig.of('pause')).toEqual([]);
    rig.finish(rig.runOf('c'));
    expect(rig.runOf('c').item.offset).toBe(9); // it was spared
  });

  it('lets go of nothing that runs next, and is not read on', () => {
    const rig = new CoreRig({ partitionBytes: 10_000, lookAheadCount: 1, concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, line(0, 1, 'a'));
    rig.records(partition, line(1, 10, 'a'));
    expect(rig.budget.usedBytes).toBe(11_000); // there is no other slot
    expect(rig.of('pause')).toHaveLength(1);
    const free = new CoreRig({ partitionBytes: 10_000, lookAheadCount: 1, startAhead: { min: 10, max: 10 } });
    free.records(free.take(0), [...line(0, 9, 'a'), ...line(9, 2, 'b', 500)]);
    free.records(free.partition(0), [...line(11, 1, 'waits for a commit')]);
    expect(free.budget.usedBytes).toBe(11_000); // a slot is free, but another key is about to take it
  });

  it('then takes away from keys that wait all they have, first come first served', () => {
    const rig = new CoreRig({ concurrency: 10, partitionBytes: 10_000, lookAheadCount: 2 });
    const partition = rig.take(0);
    const waiting = ['a', 'b', 'c', 'd'];
    rig.records(partition, itemsOf(0, waiting, { bytes: 1_000 }));
    for (const key of waiting) rig.fail(rig.runOf(key), longDelay);
    rig.records(partition, itemsOf(4, waiting, { bytes: 1_000 }));
    expect(rig.budget.usedBytes).toBe(8_000);
    rig.records(partition, itemsOf(8, ['x', 'y', 'z'], { bytes: 1_000 }));
    expect(rig.budget.usedBytes).toBe(5_000);
    rig.pass(50_000);
    expect(rig.runningKeys).toEqual(['x', 'y', 'z', 'd']); // the others are fetched
    expect(rig.of('sweep').at(-1)?.reading.offset).toBe(0);
  });

  it('lets go of nothing that is on its way to the parked topic', () => {
    const at = new ParkedRig({ concurrency: 10, partitionBytes: 10_000, lookAheadCount: 1 });
    at.rig.records(at.partition, line(0, 3, 'k'));
    at.giveUp('k');
    at.rig.records(at.partition, line(3, 8, 'x'));
    expect(at.rig.budget.usedBytes).toBe(9_000); // its look-ahead, and all of the key that is about to run
    at.finishAll();
    expect(at.story.filter((text) => text.startsWith('copy'))[0]).toBe('copy k0');
  });
});

describe('a process that holds all it may', () => {
  it('lets go of what lies behind running keys when a slot has nothing to do', () => {
    const rig = new CoreRig({ lookAheadCount: 2 }, { budgetBytes: 10_000 });
    rig.records(rig.take(0), line(0, 10, 'hot'));
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect(rig.budget.usedBytes).toBe(2_000);
  });

  it('lets go of nothing when every slot has something to do', () => {
    const rig = new CoreRig({ lookAheadCount: 2, concurrency: 1 }, { budgetBytes: 10_000 });
    rig.records(rig.take(0), [...line(0, 5, 'hot'), ...line(5, 5, 'next')]);
    expect(rig.core.wantedCount()).toBe(0);
    expect(rig.budget.usedBytes).toBe(10_000);
  });

  it('keeps the first record of each key that waits for a commit before it starts', () => {
    const rig = new CoreRig({ startAhead: { min: 1, max: 1 } }, { budgetBytes: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, [...line(0, 1, 'runs'), ...line(1, 5, 'a'), ...line(6, 4, 'b')]);
    expect(rig.runningKeys).toEqual(['runs']);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect(rig.budget.usedBytes).toBe(3_000);
    rig.settle();
    expect(rig.runningKeys).toEqual(['runs', 'a', 'b']);
  });

  it('takes from keys that wait what it can, before it takes from those that may run', () => {
    const rig = new CoreRig({ startAhead: { min: 1, max: 1 } }, { budgetBytes: 7_000 });
    const partition = rig.take(0);
    rig.records(partition, line(0, 1, 'held'));
    rig.fail(rig.runOf('held'), longDelay);
    rig.records(partition, [...line(1, 4, 'held'), ...line(5, 2, 'a')]);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect(rig.budget.usedBytes).toBe(2_000); // both of a
  });

  it('takes nothing from a partition where nothing waits for its turn, for what waits in another', () => {
    const rig = new CoreRig({ startAhead: { min: 1, max: 1 } }, { budgetBytes: 10_000 });
    const [runs, waits] = [rig.take(0), rig.take(1)];
    rig.records(runs, line(0, 2, 'runs'));
    rig.records(waits, [...line(0, 1, 'too'), ...line(1, 7, 'a')]);
    expect(rig.runningKeys).toEqual(['runs', 'too']);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect([runs.bufferedBytes, waits.bufferedBytes]).toEqual([2_000, 2_000]);
  });

  it('lets go of nothing while one task has it for itself: what is here runs next', () => {
    const suspectGate = new SuspectGate();
    suspectGate.close({});
    const rig = new CoreRig({}, { budgetBytes: 10_000, suspectGate });
    rig.records(rig.take(0), line(0, 10, 'a'));
    expect([rig.core.wantedCount(), rig.budget.usedBytes]).toEqual([0, 10_000]);
  });

  it('keeps the first record of a suspect: it starts when that is committed, and is not read again', () => {
    const rig = new CoreRig({}, { budgetBytes: 10_000 });
    const partition = rig.take(0, crashed(20));
    rig.records(partition, [...line(0, 5, 'a'), ...line(5, 5, 'b')]);
    expect(rig.runningKeys).toEqual([]);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect(rig.budget.usedBytes).toBe(2_000);
    rig.settle();
    expect(rig.runningKeys).toEqual(['a', 'b']);
    expect(rig.of('sweep')).toEqual([]);
  });
});

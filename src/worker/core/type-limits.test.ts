import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../test/checker/seeded-random.ts';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { limiting } from '../../../test/support/type-policies.ts';

const keys = (count: number, prefix = 'key '): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe('a type at its concurrency', () => {
  it('lets other types go on, in its own partition and in others', () => {
    const rig = new CoreRig({ typePolicy: limiting({ slow: { concurrency: 1 } }) });
    rig.records(rig.take(0), [
      ...itemsOf(0, ['a', 'b'], { type: 'slow' }),
      itemOf(2, 'c'),
      itemOf(3, 'd', { type: 'slow' }),
    ]);
    rig.records(rig.take(1), [itemOf(0, 'e', { type: 'slow' }), itemOf(1, 'f')]);
    expect(rig.runningKeys).toEqual(['a', 'c', 'f']);
  });

  it('goes on with who has waited longest, whatever partition that is in', () => {
    const rig = new CoreRig({ typePolicy: limiting({ slow: { concurrency: 1 } }) });
    const first = rig.take(0);
    // The key of the first partition always has one more task: it must not overtake.
    rig.records(first, itemsOf(0, ['a', 'a', 'a', 'a'], { type: 'slow' }));
    rig.records(rig.take(1), itemsOf(0, ['b', 'c'], { type: 'slow' }));
    const order: string[] = [];
    while (rig.running.length > 0) {
      expect(rig.running).toHaveLength(1);
      const [run] = rig.running;
      if (run === undefined) break;
      order.push(run.lane.key);
      rig.finish(run);
    }
    expect(order).toEqual(['a', 'b', 'c', 'a', 'a', 'a']);
  });

  it('counts tasks that carry its former name, and handlers whose work is void until they end', () => {
    const rig = new CoreRig({ typePolicy: limiting({ slow: { concurrency: 2 } }) });
    rig.records(rig.take(0), [itemOf(0, 'a', { type: 'old slow' })]);
    const [old] = rig.running;
    rig.tell((core, at) => core.lost(at, [0]));
    rig.records(rig.take(1), itemsOf(0, ['b', 'c'], { type: 'slow' }));
    expect(rig.runningKeys).toEqual(['a', 'b']);
    if (old !== undefined) rig.finish(old);
    expect(rig.runningKeys).toEqual(['b', 'c']);
  });

  it('does not take the slots of others while it waits', () => {
    const rig = new CoreRig({ concurrency: 2, typePolicy: limiting({ slow: { concurrency: 2 } }) });
    const partition = rig.take(0);
    rig.records(partition, [...itemsOf(0, keys(10), { type: 'slow' }), ...itemsOf(10, keys(10, 'fast '))]);
    const started = new Set<string>();
    for (let i = 0; i < 6; i += 1) {
      const [run] = rig.running;
      if (run === undefined) break;
      started.add(run.item.type);
      rig.finish(run);
    }
    expect([...started]).toEqual(['slow']); // lower offsets go first while slots are the only limit
    while (rig.running.length > 0) {
      const [run] = rig.running;
      if (run !== undefined) rig.finish(run);
    }
    expect(partition.commitState('').frontier).toBe(20);
  });

  it('keeps the order of each key over retries', () => {
    const rig = new CoreRig({ typePolicy: limiting({ slow: { concurrency: 1 } }) });
    rig.records(rig.take(0), itemsOf(0, ['a', 'a', 'b', 'b'], { type: 'slow' }));
    rig.fail(rig.runOf('a'));
    rig.finish(rig.runOf('b'));
    rig.pass(200);
    expect(rig.runOf('b').item.offset).toBe(3); // a came back later than b asked for its next one
    rig.finish(rig.runOf('b'));
    expect(rig.runOf('a')).toMatchObject({ attempt: 2, item: { offset: 0 } });
    rig.finish(rig.runOf('a'));
    expect(rig.runOf('a').item.offset).toBe(1);
  });

  it('keeps no place for one that is revoked, held by an operator or whose record is to be read again first', () => {
    const rig = new CoreRig({ typePolicy: limiting({ slow: { concurrency: 1 } }) });
    rig.records(rig.take(0), [itemOf(0, 'a', { type: 'slow' })]);
    const revoked = rig.take(1);
    rig.records(revoked, [itemOf(0, 'b', { type: 'slow' })]);
    const held = rig.take(2);
    rig.records(held, itemsOf(0, ['c', 'd'], { type: 'slow' }));
    rig.tell((core, at) => core.lost(at, [1]));
    held.heldKeys.add('c');
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['d']);
  });

  it('reads the record of one that waits again when it was let go, and then starts it', () => {
    const rig = new CoreRig({
      partitionBytes: 1_000,
      lookAheadCount: 0,
      typePolicy: limiting({ slow: { concurrency: 1 } }),
    });
    const partition = rig.take(0);
    const items = itemsOf(0, ['a', 'b', 'c'], { type: 'slow', bytes: 600 });
    rig.records(partition, items);
    expect(partition.lanes.get('c')?.first).toBe(2); // only its offset
    for (const key of ['a', 'b', 'c']) {
      if (!rig.runningKeys.includes(key)) {
        expect(rig.of('sweep').length).toBeGreaterThan(0);
        rig.swept(
          partition,
          items.filter(({ offset }) => offset >= (partition.sweep?.at ?? 0)),
        );
      }
      expect(rig.runningKeys).toEqual([key]);
      rig.finish(rig.runOf(key));
    }
  });
});

describe('a rate limit', () => {
  it('lets so many start in any such stretch of time, retries included', () => {
    const rig = new CoreRig({
      concurrency: 100,
      typePolicy: limiting({ slow: { rateLimit: { count: 3, perMs: 1_000 } } }),
    });
    const partition = rig.take(0);
    const starts: number[] = [];
    const note = (): void => {
      for (const run of rig.running.slice()) {
        starts.push(rig.nowMs);
        if (starts.length === 2) rig.fail(run);
        else rig.finish(run);
      }
    };
    rig.records(partition, itemsOf(0, keys(2), { type: 'slow' }));
    note();
    rig.pass(900);
    rig.records(partition, itemsOf(2, keys(8, 'more '), { type: 'slow' }));
    note();
    for (let passed = 0; passed < 5_000; passed += 50) {
      rig.pass(50);
      note();
    }
    expect(starts).toHaveLength(11);
    for (const [i, at] of starts.entries()) {
      expect(starts.filter((other) => other > at - 1_000 && other <= at).length).toBeLessThanOrEqual(3);
      const third = starts[i - 3];
      if (third !== undefined) expect(at - third).toBeLessThanOrEqual(1_050); // nor fewer than may
    }
    expect(partition.commitState('').frontier).toBe(10);
  });

  it('lets those that wait start one by one when their time has come, and forgets those of a lost partition', () => {
    const rig = new CoreRig({ typePolicy: limiting({ slow: { rateLimit: { count: 1, perMs: 5_000 } } }) });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c'], { type: 'slow' }));
    rig.finish(rig.runOf('a'));
    rig.settle();
    rig.pass(14_999 - rig.nowMs);
    expect(rig.running).toEqual([]);
    rig.pass(1);
    expect(rig.runningKeys).toEqual(['b']);
    rig.settle();
    const held = rig.runOf('b');
    rig.tell((core, at) => core.lost(at, [0]));
    rig.finish(held);
    rig.pass(5_000);
    expect(rig.running).toEqual([]);
  });
});

describe('limits and outages', () => {
  it('a type in outage is probed within its limits, and all goes on afterwards', () => {
    const rig = new CoreRig({
      concurrency: 50,
      typePolicy: limiting({ slow: { concurrency: 2, rateLimit: { count: 20, perMs: 1_000 } } }),
    });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(30), { type: 'slow' }));
    for (let i = 0; i < 100; i += 1) {
      for (const run of rig.running.slice()) rig.fail(run);
      rig.pass(100);
      expect(rig.running.length).toBeLessThanOrEqual(2);
    }
    expect(rig.reports('outage-began')).toMatchObject([{ type: 'slow' }]);
    for (let i = 0; i < 200 && partition.commitState('').frontier < 30; i += 1) {
      for (const run of rig.running.slice()) rig.finish(run);
      rig.pass(100);
      expect(rig.running.length).toBeLessThanOrEqual(2);
    }
    expect(rig.reports('outage-ended')).toHaveLength(1);
    expect(partition.commitState('').frontier).toBe(30);
  });
});

describe('limits and commits', () => {
  it('many keys that wait for a limit hold up their partition only until one of them is done', () => {
    const rig = new CoreRig({ concurrency: 4, typePolicy: limiting({ slow: { concurrency: 1 } }) });
    const partition = rig.take(0);
    rig.records(partition, [
      ...itemsOf(0, keys(2_000), { type: 'slow' }),
      ...itemsOf(2_000, keys(100, 'fast ')),
    ]);
    for (let rounds = 0; rig.running.length > 0; rounds += 1) {
      expect(rig.running.filter(({ item }) => item.type === 'slow').length).toBeLessThanOrEqual(1);
      const run = rig.running[rounds % rig.running.length];
      if (run !== undefined) rig.finish(run);
      if (rounds % 100 !== 0) continue;
      for (const item of rig.settle()) {
        expect(item.metadata.length).toBeLessThanOrEqual(4_000);
        expect(item.doneBelow).toBe(item.partition.commitState('').doneBelow);
      }
    }
    expect(partition.commitState('').frontier).toBe(2_100);
  });

  it('never stops for good, whatever waits for what', () => {
    for (let seed = 0; seed < 12; seed += 1) {
      const random = new SeededRandom(seed);
      const rig = new CoreRig({
        concurrency: 8,
        partitionBytes: 40_000,
        typePolicy: limiting({
          slow: { concurrency: 1 },
          rated: { concurrency: 3, rateLimit: { count: 5, perMs: 300 } },
        }),
      });
      const types = ['slow', 'rated', 'job'];
      const logs = [0, 1].map((number) => {
        const partition = rig.take(number);
        const items = Array.from({ length: 700 }, (_, offset) => {
          const key = `p${number} ${random.below(600)}`;
          return itemOf(offset, key, { type: types[random.below(3)] ?? 'job' });
        });
        return { partition, items };
      });
      for (const { partition, items } of logs) rig.records(partition, items);
      const finished = new Map<string, number>();
      const isDone = (): boolean => logs.every(({ partition }) => partition.commitState('').frontier === 700);
      for (let round = 0; round < 6_000 && !isDone(); round += 1) {
        const run = rig.running[random.below(Math.max(1, rig.running.length))];
        if (run === undefined || random.below(4) === 0) rig.pass(50);
        else if (random.below(5) === 0) rig.fail(run);
        else {
          rig.finish(run);
          expect(finished.get(run.lane.key) ?? -1).toBeLessThan(run.item.offset);
          finished.set(run.lane.key, run.item.offset);
        }
        for (const { partition, items } of logs) {
          const at = partition.sweep?.at;
          if (at !== undefined) rig.swept(partition, items.slice(at, at + 20));
          if (partition.nextOffset < 700) rig.records(partition, items.slice(partition.nextOffset));
        }
        if (round % 50 === 0) rig.settle();
      }
      expect(isDone(), `seed ${seed}`).toBe(true);
    }
  });
});

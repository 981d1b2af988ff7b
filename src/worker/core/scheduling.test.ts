import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { LiveKeys } from './live-keys.ts';

function keys(count: number, prefix = 'key '): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

describe('starts', () => {
  it('run one task of a key at a time, in the order of the log', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(1, 'b'), itemOf(2, 'a'), itemOf(3, 'a')]);
    expect(rig.runningKeys).toEqual(['a', 'b']);
    for (const offset of [0, 2, 3]) {
      expect(rig.runOf('a').item.offset).toBe(offset);
      rig.finish(rig.runOf('a'));
    }
    expect(rig.runningKeys).toEqual(['b']);
  });

  it('are never more than the worker may have, over all its partitions', () => {
    const rig = new CoreRig({ concurrency: 3 });
    for (const number of [0, 1]) rig.records(rig.take(number), itemsOf(0, keys(10)));
    expect(rig.running).toHaveLength(3);
    rig.finish(rig.runOf('key 1'));
    expect(rig.running).toHaveLength(3);
  });

  it('go by offset within a partition: a key that comes back does not wait behind newer ones', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(1, 'a'), itemOf(2, 'b'), itemOf(3, 'c')]);
    rig.finish(rig.runOf('a'));
    expect(rig.runOf('a').item.offset).toBe(1);
  });

  it('take turns over the partitions, however much one of them has', () => {
    const rig = new CoreRig({ concurrency: 4 });
    const big = rig.take(0);
    const small = rig.take(1);
    rig.records(big, itemsOf(0, keys(500, 'big ')));
    rig.records(small, itemsOf(0, keys(10, 'small ')));
    const started: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const run = rig.running[0];
      if (run === undefined) throw new Error('nothing runs');
      const effects = rig.finish(run);
      started.push(
        ...effects.flatMap((effect) => (effect.kind === 'start' ? [effect.run.partition.partition] : [])),
      );
    }
    expect(started).toHaveLength(20);
    expect(started.filter((number) => number === 1)).toHaveLength(10);
    expect(started.slice(0, 6).filter((number) => number === 1).length).toBeGreaterThanOrEqual(3);
  });

  it('wait until the CONFIRM of their partition is written', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.claim(partition);
    rig.inspect(partition);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.ack();
    rig.records(partition, [itemOf(0, 'a')]);
    expect(rig.running).toEqual([]);
    rig.confirm(partition);
    rig.records(partition, [itemOf(0, 'a')]);
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('have ended for good once the worker stops', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    const effects = rig.tell((core, at) => core.stopping(at));
    expect(effects).toContainEqual({ kind: 'drain', run: rig.runOf('a') });
    expect(rig.core.wantedCount()).toBe(0);
    rig.finish(rig.runOf('a'));
    expect(rig.running).toEqual([]);
  });
});

describe('a key that waits for its next try', () => {
  it('waits for its latest pause when an operator released it from an earlier one', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), [itemOf(0, 'a')]);
    rig.fail(rig.runOf('a'), { delayMs: 1_000 });
    const verb = { name: 'release' } as const;
    rig.tell((core, at) => core.commanded(at, 0, { id: 'r', offset: 2_000, key: 'a', by: 'me', verb }));
    rig.fail(rig.runOf('a'), { delayMs: 5_000 });
    rig.pass(4_999);
    expect(rig.running).toEqual([]);
    rig.pass(1);
    expect(rig.runOf('a').attempt).toBe(3);
  });

  it('is not disturbed in a try by a command to skip it', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), [itemOf(0, 'a'), itemOf(1, 'a')]);
    const verb = { name: 'skip', taskId: 'id-0', below: 100 } as const;
    rig.tell((core, at) => core.commanded(at, 0, { id: 's', offset: 2_000, key: 'a', by: 'me', verb }));
    expect([rig.reports('task-skipped'), rig.of('await-key')]).toEqual([[], []]);
    rig.finish(rig.runOf('a'));
    expect(rig.runOf('a').item.offset).toBe(1);
  });
});

describe('a key with a handler that is still alive somewhere in the process', () => {
  it('waits in this worker, and goes on when the key is free', () => {
    const liveKeys = new LiveKeys();
    const rig = new CoreRig({}, { liveKeys });
    const partition = rig.take(0);
    liveKeys.add('q\na');
    rig.records(partition, itemsOf(0, ['a', 'b']));
    expect(rig.runningKeys).toEqual(['b']);
    const [waiting] = rig.of('await-key');
    if (waiting === undefined) throw new Error('nobody waits');
    liveKeys.delete('q\na');
    rig.tell((core, at) => core.keyFreed(at, waiting.partition, waiting.lane));
    expect(rig.runningKeys).toEqual(['b', 'a']);
  });

  it('waits also when the handler began between two looks', () => {
    const liveKeys = new LiveKeys();
    const rig = new CoreRig({ concurrency: 1 }, { liveKeys });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    liveKeys.add('q\nb');
    rig.finish(rig.runOf('a'));
    expect(rig.running).toEqual([]);
    const [waiting] = rig.of('await-key');
    if (waiting === undefined) throw new Error('nobody waits');
    liveKeys.delete('q\nb');
    rig.tell((core, at) => core.keyFreed(at, waiting.partition, waiting.lane));
    expect(rig.runningKeys).toEqual(['b']);
  });

  it('is asked again when it is taken once more before its turn', () => {
    const liveKeys = new LiveKeys();
    const rig = new CoreRig({}, { liveKeys });
    const partition = rig.take(0);
    liveKeys.add('q\na');
    rig.records(partition, [itemOf(0, 'a')]);
    const [waiting] = rig.of('await-key');
    if (waiting === undefined) throw new Error('nobody waits');
    rig.tell((core, at) => core.keyFreed(at, waiting.partition, waiting.lane));
    expect(rig.running).toEqual([]);
    expect(rig.of('await-key')).toHaveLength(2);
  });

  it('blocks its successor after a partition was lost and came back', () => {
    const rig = new CoreRig();
    const before = rig.take(0);
    rig.records(before, [itemOf(0, 'a')]);
    const old = rig.runOf('a');
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.of('abort')).toMatchObject([{ run: old, reason: 'partition-lost' }]);
    const after = rig.take(0);
    rig.records(after, itemsOf(0, ['a', 'b']));
    expect(rig.runningKeys).toEqual(['a', 'b']); // the old one, which ignores its signal
    const [waiting] = rig.of('await-key');
    if (waiting === undefined) throw new Error('nobody waits');
    rig.finish(old);
    rig.tell((core, at) => core.keyFreed(at, waiting.partition, waiting.lane));
    expect(rig.runOf('a').partition).toBe(after);
    expect(after.commitState('').frontier).toBe(0); // what the old one did is void
  });

  it('takes a slot of the worker for as long as it lives', () => {
    const rig = new CoreRig({ concurrency: 2 });
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    rig.tell((core, at) => core.lost(at, [0]));
    rig.records(rig.take(1), itemsOf(0, ['c', 'd', 'e']));
    expect(rig.runningKeys).toEqual(['a', 'b']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['b', 'c']);
  });
});

describe('the start gate', () => {
  /** Commits must be able to say exactly what is finished. */
  function saysAll(rig: CoreRig): void {
    for (const item of rig.settle()) {
      if (item.partition.phase !== 'running') continue;
      expect(item.metadata.length).toBeLessThanOrEqual(4_000);
      expect(item.doneBelow).toBe(item.partition.commitState('').doneBelow);
    }
  }

  it('closes at some 400 or 500 unfinished keys of a partition, and says so once', () => {
    const rig = new CoreRig({ concurrency: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(2_000)));
    expect(rig.running.length).toBeGreaterThan(400);
    expect(rig.running.length).toBeLessThan(600);
    expect(rig.reports('partition-full')).toMatchObject([{ partition: 0, openKeys: rig.running.length }]);
    saysAll(rig);
  });

  it('closes one partition, not the others', () => {
    const rig = new CoreRig({ concurrency: 10_000 });
    rig.records(rig.take(0), itemsOf(0, keys(2_000)));
    const full = rig.running.length;
    rig.records(rig.take(1), itemsOf(0, keys(100, 'other ')));
    expect(rig.running.length).toBe(full + 100);
  });

  it('opens for one task with every key that is done', () => {
    const rig = new CoreRig({ concurrency: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(2_000)));
    const full = rig.running.length;
    for (let i = 0; i < 300; i += 1) {
      rig.finish(rig.runOf(`key ${i}`));
      if (i % 50 === 0) saysAll(rig);
    }
    expect(Math.abs(rig.running.length - full)).toBeLessThan(30);
    expect(rig.running.at(-1)?.item.offset).toBeGreaterThan(full + 250);
    saysAll(rig);
  });

  it('lets go on whatever is below what was started already', () => {
    const rig = new CoreRig({ concurrency: 10_000 });
    const partition = rig.take(0);
    const twice = [...itemsOf(0, keys(2_000)), ...itemsOf(2_000, keys(2_000))];
    rig.records(partition, twice);
    const run = rig.runOf('key 3');
    rig.fail(run, { delayMs: 50 });
    rig.pass(50);
    expect(rig.runOf('key 3').attempt).toBe(2);
    saysAll(rig);
  });

  it('counts keys that wait without having been started', () => {
    // A type in outage: 1,500 keys wait for it. Another type behind them in the log must not start beyond what a
    // commit can say.
    const rig = new CoreRig({ concurrency: 8 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, keys(1_500), { type: 'down' }));
    while (rig.running.length > 0) rig.fail(rig.runOf(rig.running[0]?.lane.key ?? ''));
    expect(rig.reports('outage-began')).toHaveLength(1);
    rig.records(partition, itemsOf(1_500, keys(50, 'fine '), { type: 'fine' }));
    while (rig.running.length > 0) rig.finish(rig.runOf(rig.running[0]?.lane.key ?? ''));
    saysAll(rig);
    expect(rig.reports('partition-full')).not.toEqual([]);
  });

  it('keeps commits exact whatever finishes in whatever order, some keys coming back far behind', () => {
    const chance = (seed: number): number => (Math.imul(seed + 1, 0x9e3779b1) >>> 0) / 2 ** 32;
    const rig = new CoreRig({ concurrency: 10_000 });
    const partition = rig.take(0);
    const all = Array.from({ length: 6_000 }, (_, i) => itemOf(i * 37, `key ${Math.floor(chance(i) * 900)}`));
    partition.nextOffset = 0;
    for (const item of all) {
      partition.nextOffset = item.offset; // as if the offsets between were control records
      rig.records(partition, [item]);
    }
    for (let i = 0; rig.running.length > 0; i += 1) {
      const run = rig.running[Math.floor(chance(i + 7_000) * rig.running.length)];
      if (run !== undefined) rig.finish(run);
      if (i % 40 === 0) saysAll(rig);
    }
    expect(partition.commitState('')).toMatchObject({ frontier: partition.nextOffset, lanes: [] });
    expect(rig.reports('partition-full')).not.toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import { encodeMetadata } from './commit-metadata.ts';
import type { CoreConfig } from './core-state.ts';
import { keyHash } from './key-hash.ts';
import type { Item } from './lane.ts';

interface Left {
  readonly key: string;
  readonly from: number;
  readonly attempts?: number;
  readonly starts?: number;
}

/** A partition whose owner before left keys unfinished, and had finished all else below an offset. */
function takenOver(left: readonly Left[], doneBelow: number, config: Partial<CoreConfig> = {}): CoreRig {
  const frontier = Math.min(doneBelow, ...left.map(({ from }) => from));
  const { text } = encodeMetadata({
    frontier,
    epoch: 40,
    clean: true,
    statePin: 'abcdefghijklmnopqrstuv',
    doneBelow,
    horizon: frontier,
    lanes: left.map(({ key, from, attempts = 0, starts = 0 }) => {
      const firstFailedAtMs = attempts > 0 ? 1_700_000_000_000 : undefined;
      return { hash: keyHash(key), offset: from, attempts, firstFailedAtMs, starts };
    }),
  });
  const rig = new CoreRig(config);
  rig.take(0, {
    committed: { offset: frontier, metadata: text },
    history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 40 }]),
  });
  return rig;
}

function log(from: number, keys: string, bytes = 100): Item[] {
  return keys.split('').map((key, i) => itemOf(from + i, key, { bytes }));
}

/** Ends what runs and reads what is swept until nothing is left to do; returns the offsets of what ended, in order. */
function runOn(rig: CoreRig, all: readonly Item[]): number[] {
  const partition = rig.partition(0);
  const ended: number[] = [];
  for (let steps = 0; steps < 10_000; steps += 1) {
    const run = rig.running[0];
    const { sweep } = partition;
    if (run !== undefined) {
      ended.push(run.item.offset);
      rig.finish(run);
    } else if (sweep !== undefined) {
      rig.swept(partition, all.filter(({ offset }) => offset >= sweep.at).slice(0, 3));
    } else {
      return ended;
    }
  }
  throw new Error('it goes on for ever');
}

describe('a key that was left unfinished', () => {
  it('begins where it was left: what it had before is not run again', () => {
    const rig = takenOver(
      [
        { key: 'a', from: 10 },
        { key: 'b', from: 13 },
      ],
      15,
    );
    expect(runOn(rig, log(10, 'abcbb'))).toEqual([10, 13, 14]);
    expect(rig.partition(0).commitState('')).toMatchObject({ frontier: 15, lanes: [] });
  });

  it('has the tries of its first task, and no other task has them', () => {
    const left = [
      { key: 'a', from: 10, attempts: 3 },
      { key: 'b', from: 11, attempts: 3 },
    ];
    const rig = takenOver(left, 20);
    rig.swept(rig.partition(0), log(10, 'axb')); // what was unfinished of b at 11 turns out not to be there
    expect(rig.running.map(({ item, attempt }) => [item.offset, attempt])).toEqual([
      [10, 4],
      [12, 1],
    ]);
    rig.finish(rig.runOf('a'));
    rig.swept(rig.partition(0), log(13, 'a'));
    expect(rig.runOf('a').attempt).toBe(1);
  });

  it('waits for what may still turn up of it, while other keys run', () => {
    const rig = takenOver([{ key: 'a', from: 10 }], 13);
    rig.records(rig.partition(0), log(13, 'abab'));
    expect(rig.running.map(({ item }) => item.offset)).toEqual([14]);
    rig.swept(rig.partition(0), log(10, 'c'));
    rig.swept(rig.partition(0), log(11, 'c'));
    expect(rig.running.map(({ item }) => item.offset)).toEqual([14]);
    rig.swept(rig.partition(0), log(12, 'c'));
    expect(rig.running.map(({ item }) => item.offset)).toEqual([14, 13]);
  });

  it('at the very end of what was said to be finished is not forgotten by a commit', () => {
    const rig = takenOver(
      [
        { key: 'a', from: 10 },
        { key: 'b', from: 20 },
      ],
      20,
    );
    const partition = rig.partition(0);
    rig.records(partition, log(20, 'bc'));
    expect(rig.runningKeys).toEqual(['c']); // b waits for what may turn up of it
    rig.finish(rig.runOf('c'));
    const { lanes, doneBelow } = partition.commitState('');
    expect(doneBelow).toBe(22);
    expect(lanes.map(({ hash, offset }) => [hash, offset])).toEqual([
      [keyHash('a'), 10],
      [keyHash('b'), 20],
    ]);
  });

  it('is not searched for when all of it is still to be read', () => {
    const rig = takenOver([{ key: 'b', from: 20 }], 20);
    expect(rig.of('sweep')).toEqual([]);
    rig.records(rig.partition(0), log(20, 'b'));
    expect(rig.runningKeys).toEqual(['b']);
  });
});

describe('a key that was left unfinished with many tasks', () => {
  it('is kept track of so far only, and all of it runs in order', () => {
    const rig = takenOver([{ key: 'a', from: 10 }], 40, { listedTasks: 4, concurrency: 2 });
    const partition = rig.partition(0);
    const all = [...log(10, 'aabaabaabaabaabaabaabaabaabaab'), ...log(40, 'aabaabaaab')];
    rig.records(partition, all.slice(30));
    expect(partition.lanes.get('a')?.listedCount).toBe(4); // the rest is found again
    const ended = runOn(rig, all);
    const offsets = all.filter(({ key }) => key === 'a').map(({ offset }) => offset);
    expect(ended.filter((offset) => offsets.includes(offset))).toEqual(offsets);
    expect(partition.commitState('').frontier).toBe(50);
    expect(rig.budget.usedBytes).toBe(0);
  });

  it('is kept track of so far only although it runs: what comes from the tail waits for the sweep', () => {
    const rig = takenOver([{ key: 'a', from: 10 }], 20, { listedTasks: 4 });
    rig.swept(rig.partition(0), log(10, 'a'));
    rig.records(rig.partition(0), log(20, 'aaaaaa'));
    expect(rig.partition(0).lanes.get('a')?.listedCount).toBe(4);
    rig.swept(rig.partition(0), log(11, 'aaaaaa')); // older than what the tail has brought
    expect([rig.partition(0).lanes.get('a')?.listedCount, rig.budget.usedBytes]).toEqual([4, 400]);
    expect(rig.of('await-key')).toEqual([]);
    const all = log(10, 'aaaaaaaaaaaaaaaa');
    expect(runOn(rig, all)).toEqual(all.map(({ offset }) => offset));
  });

  it('keeps few records from the tail in a partition that holds half of its share', () => {
    const rig = takenOver([{ key: 'a', from: 10 }], 20, { partitionBytes: 1_000, lookAheadCount: 1 });
    rig.swept(rig.partition(0), log(10, 'a', 600));
    rig.records(rig.partition(0), log(20, 'aa', 300));
    expect(rig.budget.usedBytes).toBe(600);
  });

  it('gives back the memory of what is not kept track of any more', () => {
    const rig = takenOver([{ key: 'a', from: 10 }], 14, { listedTasks: 4 });
    rig.records(rig.partition(0), log(14, 'aa'));
    expect(rig.budget.usedBytes).toBe(200);
    rig.swept(rig.partition(0), log(10, 'aaa'));
    expect(rig.budget.usedBytes).toBe(500);
    expect(runOn(rig, log(10, 'aaaaaa'))).toEqual([10, 11, 12, 13, 14, 15]);
    expect(rig.budget.usedBytes).toBe(0);
  });

  it('keeps the records that have room, and its look-ahead in any case', () => {
    const config = { partitionBytes: 1_000, lookAheadCount: 2 };
    const rig = takenOver(
      [
        { key: 'a', from: 10 },
        { key: 'b', from: 10 },
      ],
      20,
      config,
    );
    rig.swept(rig.partition(0), log(10, 'aaaa', 400));
    expect(rig.budget.usedBytes).toBe(1_200); // the third one still had room
    rig.swept(rig.partition(0), log(14, 'bbbb', 400));
    expect(rig.budget.usedBytes).toBe(2_000);
    const all = [...log(10, 'aaaa', 400), ...log(14, 'bbbb', 400), ...log(18, 'cc')];
    expect(runOn(rig, all).toSorted((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17]);
    expect(rig.budget.usedBytes).toBe(0);
  });
});

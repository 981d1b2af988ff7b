import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import { decodeMetadata, encodeMetadata } from './commit-metadata.ts';
import type { CoreConfig } from './core-state.ts';
import type { CommitItem } from './effects.ts';
import type { TakingFinding } from './judge-taking.ts';
import { keyHash } from './key-hash.ts';

const statePin = 'abcdefghijklmnopqrstuv';

/** What a crashed owner left behind: nothing finished, tasks below the horizon perhaps started. */
function crashed(
  horizon: number,
  lanes: readonly { readonly key: string; readonly offset: number; readonly starts: number }[] = [],
): Partial<TakingFinding> {
  const doneBelow = Math.max(0, ...lanes.map(({ offset }) => offset + 1));
  const { text } = encodeMetadata({
    frontier: 0,
    epoch: 50,
    clean: false,
    statePin,
    doneBelow,
    horizon,
    lanes: lanes.map(({ key, offset, starts }) => ({
      hash: keyHash(key),
      offset,
      starts,
      attempts: 0,
      firstFailedAtMs: undefined,
    })),
  });
  return {
    committed: { offset: 0, metadata: text },
    history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 50 }]),
    logEnd: 1_000,
  };
}

/** What commits say: by offset, the starts of suspects. */
function startsIn(items: readonly CommitItem[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { metadata, offset } of items) {
    const read = decodeMetadata(metadata, offset);
    if (read.kind !== 'state') throw new Error(`read as ${read.kind}`);
    for (const lane of read.state.lanes) if (lane.starts > 0) found[lane.offset] = lane.starts;
  }
  return found;
}

function rigWith(found: Partial<TakingFinding>, config: Partial<CoreConfig> = {}): CoreRig {
  const rig = new CoreRig(config);
  rig.take(0, found);
  return rig;
}

describe('after an unclean end', () => {
  it('what may have been running starts once that is committed; the rest starts at once', () => {
    const rig = rigWith(crashed(2));
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b', 'c']));
    expect(rig.runningKeys).toEqual(['c']);
    expect(startsIn(rig.commit())).toEqual({ 0: 1, 1: 1 });
    rig.ack();
    expect(rig.runningKeys).toEqual(['c', 'a', 'b']);
  });

  it('only so many are under way at once, in all workers of the process', () => {
    const rig = rigWith(crashed(9), { suspectsAtOnce: 2, concurrency: 9 });
    const other = new CoreRig({ scope: 'other', suspectsAtOnce: 2 }, { suspectGate: rig.suspectGate });
    other.take(0, crashed(9));
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b', 'c', 'd']));
    rig.ack();
    other.records(other.partition(0), itemsOf(0, ['x']));
    expect(rig.runningKeys).toEqual(['a', 'b']);
    expect(other.core.state.commitUnderWay).toBe(false);
    rig.finish(rig.runOf('a'));
    expect(startsIn(rig.commit())).toEqual({ 1: 1, 2: 1 });
    rig.ack();
    expect(rig.runningKeys).toEqual(['b', 'c']);
  });

  it('a suspect that fails is none any more: its retries are like any others', () => {
    const rig = rigWith(crashed(1));
    rig.records(rig.partition(0), itemsOf(0, ['a']));
    rig.ack();
    rig.fail(rig.runOf('a'));
    rig.settle();
    expect(rig.partition(0).commitState(statePin).lanes).toMatchObject([
      { offset: 0, attempts: 1, starts: 0 },
    ]);
  });

  it('none is where the owner before ended well, or what it committed cannot be trusted', () => {
    const rig = rigWith({ ...crashed(5), history: foldJournal([]), committed: undefined });
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b']));
    expect(rig.runningKeys).toEqual(['a', 'b']);
  });

  it('what came into the log later than the crash is none', () => {
    const rig = rigWith({ ...crashed(100), logEnd: 1 });
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b']));
    expect(rig.runningKeys).toEqual(['b']);
  });
});

describe('a suspect whose process has ended again', () => {
  const twice = crashed(1, [{ key: 'a', offset: 0, starts: 1 }]);

  /** Three others run, one more could. */
  function besideOthers(): CoreRig {
    const rig = rigWith(twice);
    rig.records(rig.partition(0), itemsOf(1, ['b', 'c', 'd']));
    rig.swept(rig.partition(0), itemsOf(0, ['a']));
    rig.records(rig.partition(0), itemsOf(4, ['e', 'f']));
    expect(rig.runningKeys).toEqual(['b', 'c', 'd']);
    return rig;
  }

  it('waits until nothing runs, keeps others from starting, and runs alone', () => {
    const rig = besideOthers();
    for (const key of ['b', 'c']) rig.finish(rig.runOf(key));
    rig.settle();
    expect(rig.runningKeys).toEqual(['d']);
    rig.finish(rig.runOf('d'));
    expect(startsIn(rig.settle())).toEqual({ 0: 2 });
    expect(rig.runningKeys).toEqual(['a']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual([]);
    expect(startsIn(rig.ack())).toEqual({});
    expect(rig.runningKeys).toEqual(['e', 'f']);
  });

  it('does not hold others up for ever when something does not end', () => {
    const rig = besideOthers();
    rig.pass(31_000);
    expect(rig.runningKeys).toEqual(['b', 'c', 'd', 'e']);
    for (const key of ['b', 'c', 'd', 'e', 'f']) rig.finish(rig.runOf(key));
    rig.pass(60_000);
    rig.settle();
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('is given up without running when its process ended while it ran alone', () => {
    const rig = rigWith(crashed(2, [{ key: 'a', offset: 0, starts: 2 }]));
    rig.swept(rig.partition(0), itemsOf(0, ['a']));
    rig.records(rig.partition(0), itemsOf(1, ['b']));
    rig.settle();
    expect(rig.reports('key-held')).toMatchObject([{ key: 'a', reason: 'gave-up' }]);
    expect(rig.runningKeys).toEqual(['b']);
  });

  it('is not charged with a drain that expired while it ran', () => {
    const rig = rigWith(twice);
    rig.swept(rig.partition(0), itemsOf(0, ['a']));
    rig.settle();
    expect(rig.runningKeys).toEqual(['a']);
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.pass(1_000);
    rig.pass(0);
    const last = rig.settle();
    expect(startsIn(last.slice(-1))).toEqual({ 0: 1 });
    expect(rig.suspectGate.closed).toBe(false);
    expect(rig.of('answer-revoke')).toHaveLength(1);
  });

  it('is not charged when its partition is lost and comes back to the same process', () => {
    const rig = rigWith(twice);
    rig.swept(rig.partition(0), itemsOf(0, ['a']));
    rig.settle();
    const run = rig.runOf('a');
    const stored = rig.of('committed').at(-1)?.item;
    if (stored === undefined) throw new Error('nothing was committed');
    const epoch = rig.partition(0).epoch;
    rig.tell((core, at) => core.lost(at, [0]));
    rig.finish(run);
    rig.take(0, {
      ...twice,
      committed: stored,
      history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: epoch }]),
    });
    rig.swept(rig.partition(0), itemsOf(0, ['a']));
    rig.settle();
    expect(rig.reports('key-held')).toEqual([]);
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('follows another one only when a commit says that that one has ended', () => {
    const rig = new CoreRig();
    for (const number of [0, 1]) rig.take(number, crashed(1, [{ key: `a${number}`, offset: 0, starts: 1 }]));
    for (const number of [0, 1]) rig.swept(rig.partition(number), itemsOf(0, [`a${number}`]));
    rig.settle();
    expect(rig.runningKeys).toEqual(['a0']);
    rig.finish(rig.runOf('a0'));
    const items = rig.commit();
    const failure = { kind: 'transient', code: 14, message: 'loading' } as const;
    rig.tell((core, at) =>
      core.committed(
        at,
        items,
        items.map(({ partition }) => ({
          topic: 'q',
          partition: partition.partition,
          failure: partition.partition === 0 ? failure : undefined,
        })),
      ),
    );
    expect(rig.runningKeys).toEqual([]);
    rig.settle();
    expect(rig.runningKeys).toEqual(['a1']);
  });
});

describe('the horizon', () => {
  const ahead = { startAhead: { min: 4, max: 64 }, concurrency: 1_000 };
  const keys = Array.from({ length: 200 }, (_, i) => `key ${i}`);

  it('is how far tasks start before the next commit, which is sent at once; more each time', () => {
    const rig = new CoreRig(ahead);
    rig.records(rig.take(0), itemsOf(0, keys));
    const started: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      started.push(rig.running.length);
      rig.ack();
    }
    expect(started).toEqual([4, 13, 32, 71, 136]);
  });

  it('goes beyond the tasks of a key that waits', () => {
    const rig = new CoreRig(ahead);
    rig.records(rig.take(0), itemsOf(0, [...keys.map(() => 'held'), 'other']));
    rig.fail(rig.runOf('held'), { delayMs: 3_600_000 });
    rig.settle();
    expect(rig.runningKeys).toEqual(['other']);
  });
});

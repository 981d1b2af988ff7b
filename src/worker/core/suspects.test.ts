import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed, startsIn } from '../../../test/support/crashed-owner.ts';
import { foldJournal } from '../../journal/journal.ts';
import type { CoreConfig } from './core-state.ts';
import type { TakingFinding } from './judge-taking.ts';

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
    expect(rig.partition(0).commitState('').lanes).toMatchObject([{ offset: 0, attempts: 1, starts: 0 }]);
  });

  it.each<[string, Partial<TakingFinding>]>([
    ['the owner before ended well', crashed(5, [], true)],
    ['nothing was committed', { ...crashed(5), history: foldJournal([]), committed: undefined }],
  ])('none is where %s', (_why, found) => {
    const rig = rigWith(found);
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b']));
    expect(rig.runningKeys).toEqual(['a', 'b']);
  });

  it('the commit that a suspect waits for speaks of it although nothing else was started', () => {
    const rig = rigWith(crashed(1));
    rig.records(rig.partition(0), itemsOf(0, ['a']));
    expect(startsIn(rig.commit())).toEqual({ 0: 1 });
  });

  it('no more suspects begin once the worker stops', () => {
    const rig = rigWith(crashed(2), { suspectsAtOnce: 1 });
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b']));
    rig.ack();
    rig.tell((core, at) => core.stopping(at));
    rig.finish(rig.runOf('a'));
    expect(startsIn(rig.settle())).toEqual({});
    expect(rig.suspectGate.underWay).toBe(0);
  });

  it('a partition that is given up waits for none that has not begun', () => {
    const rig = rigWith(crashed(3), { suspectsAtOnce: 1 });
    rig.records(rig.partition(0), itemsOf(0, ['a', 'b', 'c']));
    rig.ack();
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.finish(rig.runOf('a'));
    rig.settle();
    expect(rig.of('answer-revoke')).toHaveLength(1);
  });

  it('one whose record was let go is read again before a commit speaks of it', () => {
    const rig = rigWith(crashed(2), { suspectsAtOnce: 1, lookAheadCount: 0, partitionBytes: 1_000 });
    const partition = rig.partition(0);
    const items = itemsOf(0, ['a', 'b', 'c'], { bytes: 400 });
    rig.records(partition, items.slice(0, 2));
    rig.records(partition, items.slice(2));
    rig.ack();
    expect(rig.runningKeys).toEqual(['c']);
    expect(rig.of('sweep')).toHaveLength(1);
    expect(startsIn(rig.settle())).toEqual({});
    rig.finish(rig.runOf('c'));
    rig.swept(partition, items);
    expect(startsIn(rig.ack())).toEqual({ 0: 1 });
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('only so many are written down at once as a commit has room for, and all run in the end', () => {
    const rig = rigWith(crashed(1_000), { suspectsAtOnce: 300, concurrency: 1_000 });
    const partition = rig.partition(0);
    const keys = Array.from({ length: 600 }, (_, i) => `key ${i}`);
    rig.records(partition, itemsOf(0, keys));
    const item = rig.commit()[0];
    expect(item?.metadata.length).toBeLessThanOrEqual(4_000);
    expect(item?.doneBelow).toBe(partition.commitState('').doneBelow); // nothing was left out
    const written = Object.keys(startsIn(rig.ack())).length;
    expect(written).toBeGreaterThanOrEqual(60);
    expect(rig.suspectGate.underWay).toBe(written);
    expect(rig.running.length).toBeLessThan(150);
    for (let round = 0; round < 100 && rig.running.length > 0; round += 1) {
      for (const run of rig.running.slice()) rig.finish(run);
      rig.settle();
    }
    expect(partition.commitState('').frontier).toBe(600);
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
    rig.pass(30_000);
    expect(rig.runningKeys).toEqual(['b', 'c', 'd']);
    rig.pass(1);
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
    const message =
      'its process ended 3 times while it may have been running, the last time with nothing else running';
    expect(rig.reports('key-held')).toMatchObject([{ key: 'a', reason: 'gave-up', error: { message } }]);
    expect(rig.runningKeys).toEqual(['b']);
  });

  it('is parked as one that ends its process, where tasks are parked', () => {
    const rig = rigWith(crashed(1, [{ key: 'a', offset: 0, starts: 2 }]), { afterGiveUp: () => 'parkKey' });
    rig.swept(rig.partition(0), itemsOf(0, ['a']));
    expect(rig.of('mark')).toMatchObject([{ mark: { cause: { reason: 'crash-loop' } } }]);
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
    expect(startsIn(rig.of('committed').map(({ item }) => item))).toEqual({ 0: 2 });
  });

  it('follows another one only when a commit says that that one has ended', () => {
    const rig = new CoreRig();
    for (const number of [0, 1]) rig.take(number, crashed(1, [{ key: `a${number}`, offset: 0, starts: 1 }]));
    rig.tell((core, at) => core.stoodStill(at)); // so that both come up at the same moment
    for (const number of [0, 1]) rig.swept(rig.partition(number), itemsOf(0, [`a${number}`]));
    rig.settle();
    expect(rig.runningKeys).toEqual(['a0']);
    rig.finish(rig.runOf('a0'));
    const items = rig.commit();
    expect(items.map((item) => startsIn([item]))).toEqual([{}, { 0: 2 }]);
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

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { mark, ParkedRig } from '../../../test/support/parked-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import { type CommitState, encodeMetadata } from './commit-metadata.ts';
import type { TakingFinding } from './judge-taking.ts';
import { keyHash } from './key-hash.ts';
import { Parked } from './parked.ts';
import { PartitionState, type Phase } from './partition-state.ts';

/** Two keys that share a hash. */
const held = 'session-4011';
const twin = 'session-19526';

/** What an owner that crashed left behind. */
function crashed(state: Partial<CommitState>): Partial<TakingFinding> {
  const full: CommitState = {
    frontier: 0,
    epoch: 50,
    clean: false,
    statePin: 'abcdefghijklmnopqrstuv',
    doneBelow: 0,
    horizon: 0,
    lanes: [],
    ...state,
  };
  return {
    committed: { offset: full.frontier, metadata: encodeMetadata(full).text },
    history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 50 }]),
    logEnd: 1_000,
  };
}

function unfinished(key: string, offset: number, more: Partial<CommitState['lanes'][number]> = {}) {
  return { hash: keyHash(key), offset, attempts: 0, firstFailedAtMs: undefined, starts: 0, ...more };
}

/** The first phase is the one that it begins with. */
function wentBy(way: readonly Phase[]): PartitionState {
  const partition = new PartitionState(7);
  for (const phase of way.slice(1)) partition.move(phase);
  return partition;
}

function wentThrough(...more: readonly Phase[]): PartitionState {
  return wentBy(['claiming', 'inspecting', 'taking', 'confirming', ...more]);
}

describe('the life of a partition', () => {
  const ways: readonly (readonly Phase[])[] = [
    ['claiming', 'inspecting', 'taking', 'confirming', 'running', 'draining', 'gone'],
    ['claiming', 'inspecting', 'halted', 'draining', 'gone'],
    ['claiming', 'inspecting', 'taking', 'draining', 'gone'],
    ['claiming', 'inspecting', 'taking', 'confirming', 'running', 'halted', 'gone'],
    ['claiming', 'inspecting', 'taking', 'confirming', 'claiming', 'gone'],
    ['claiming', 'inspecting', 'taking', 'claiming'],
    ['claiming', 'inspecting', 'claiming'],
    ['claiming', 'inspecting', 'gone'],
    ['claiming', 'inspecting', 'taking', 'gone'],
    ['claiming', 'inspecting', 'taking', 'confirming', 'gone'],
    ['claiming', 'inspecting', 'taking', 'confirming', 'running', 'gone'],
  ];

  it.each(ways)('may go by %s, %s, %s, %s, %s', (...way) => {
    expect(wentBy(way).phase).toBe(way.at(-1));
  });

  it.each([
    [['claiming'], 'running'],
    [['claiming', 'inspecting'], 'confirming'], // no taking commit yet
    [['claiming', 'inspecting', 'taking'], 'running'], // no CONFIRM yet
    [['claiming', 'inspecting', 'taking', 'confirming', 'running'], 'claiming'],
    [['claiming', 'inspecting', 'halted'], 'running'],
    [['claiming', 'inspecting', 'taking', 'draining'], 'running'],
    [['claiming', 'gone'], 'claiming'],
  ] as const)('never goes by %s to %s', (way, to) => {
    const partition = wentBy(way);
    expect(() => partition.move(to)).toThrow(`partition 7 cannot go from ${way.at(-1)} to ${to}`);
    expect(partition.phase).toBe(way.at(-1));
  });
});

describe('a partition that is being taken', () => {
  it('is not taken from us by a claim from before ours', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.tell((core, at) => core.claimConfirmed(at, 0, 5)); // ours is not in the journal yet
    expect([partition.phase, rig.of('claim')]).toMatchObject(['claiming', [{ partition }]]);
  });

  it('is handed back at once while no commit of it has been sent', () => {
    const rig = new CoreRig();
    for (const number of [0, 1]) rig.claim(rig.assign(number));
    rig.inspect(rig.partition(0)); // its commit is under way, and the other one has to wait for that
    rig.inspect(rig.partition(1));
    rig.tell((core, at) => core.revoked(at, 1, [1]));
    expect(rig.of('answer-revoke')).toHaveLength(1);
    rig.tell((core, at) => core.revoked(at, 2, [0]));
    expect(rig.of('answer-revoke')).toHaveLength(1);
    rig.ack();
    expect(rig.of('answer-revoke')).toHaveLength(2);
  });
});

describe('what a commit says', () => {
  it('is what is open and what would be, had everything below an offset been started', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'a', 'c']));
    const open = [unfinished('a', 0)];
    expect(partition.commitState('pin')).toMatchObject({
      frontier: 0,
      doneBelow: 1,
      lanes: open,
      statePin: 'pin',
    });
    expect(partition.commitState('', 2).lanes).toEqual([...open, unfinished('b', 1)]);
    expect(partition.commitState('', 3).lanes).toEqual([...open, unfinished('b', 1)]);
    expect(partition.commitState('', 4).lanes).toEqual([...open, unfinished('b', 1), unfinished('c', 3)]);
  });

  it('is where the log goes on when nothing is unfinished, and never less than was done', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0, crashed({ frontier: 10, doneBelow: 10 }));
    expect(partition.commitState('')).toMatchObject({ frontier: 10, doneBelow: 10, lanes: [] });
    rig.records(partition, itemsOf(10, ['a', 'b']));
    rig.tell((core, at) => core.stopping(at));
    rig.finish(rig.runOf('a'));
    // What may start next is not finished, though no lane has to be named for it.
    expect(partition.commitState('')).toMatchObject({ frontier: 11, doneBelow: 11, lanes: [] });
  });

  it('names no key that nothing was started of: all of it is still to be read', () => {
    const at = new ParkedRig();
    at.command('k', { name: 'hold' });
    at.rig.records(at.partition, itemsOf(0, ['k', 'a', 'k']));
    expect(at.rig.runningKeys).toEqual(['a']);
    expect(at.partition.commitState('').lanes).toEqual([unfinished('k', 0), unfinished('a', 1)]);
    const alone = new ParkedRig();
    alone.command('k', { name: 'hold' });
    alone.rig.records(alone.partition, itemsOf(0, ['k', 'k']));
    expect(alone.partition.commitState('')).toMatchObject({ frontier: 0, doneBelow: 0, lanes: [] });
  });

  it('counts offsets that hold no task as finished', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(4, 'b')]);
    rig.records(partition, [itemOf(4, 'b')]);
    rig.finish(rig.runOf('a'));
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 0, found: 4 }));
    expect(partition.commitState('')).toMatchObject({ frontier: 4, doneBelow: 4, lanes: [] });
  });

  it('names the lower of two keys that share a hash, whichever came last', () => {
    const rig = new CoreRig({ concurrency: 3 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, [held, twin, 'other']));
    expect(partition.commitState('').lanes).toEqual([unfinished(held, 0), unfinished('other', 2)]);
    rig.fail(rig.runOf(held), { delayMs: 10, countAttempt: false });
    rig.pass(10); // runs again: it is the one that came last
    expect(partition.commitState('').lanes).toContainEqual(unfinished(held, 0));
    rig.finish(rig.runOf(held));
    expect(partition.commitState('').lanes).toEqual([unfinished(twin, 1), unfinished('other', 2)]);
  });

  it('repeats tries and starts for the task that had them, and for none behind it', () => {
    const lane = unfinished(held, 10, { attempts: 3, firstFailedAtMs: 1_700_000_000_000, starts: 1 });
    const rig = new CoreRig();
    const partition = rig.take(0, crashed({ frontier: 10, doneBelow: 20, horizon: 20, lanes: [lane] }));
    expect(partition.commitState('')).toMatchObject({ frontier: 10, doneBelow: 20, lanes: [lane] });
    rig.swept(partition, [itemOf(10, 'done'), itemOf(11, 'done')]);
    expect(partition.commitState('')).toMatchObject({ frontier: 12, lanes: [unfinished(held, 12)] });
  });

  it('allows what a crashed owner may have started, and what is to start before the next one', () => {
    const rig = new CoreRig({ startAhead: { min: 5, max: 5 } });
    const partition = rig.take(0, crashed({ horizon: 3 }));
    rig.settle();
    expect(partition.commitState('').horizon).toBe(5);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c', 'd', 'e', 'f']));
    rig.settle();
    expect(partition.commitState('').horizon).toBe(11);
    const far = new CoreRig({ startAhead: { min: 5, max: 5 } });
    expect(far.take(0, crashed({ horizon: 300 })).commitState('').horizon).toBe(300);
  });
});

describe('the last commit of an owner', () => {
  /** Both keys run, the partition is being given up. */
  function draining(found: Partial<TakingFinding> = {}): CoreRig {
    const rig = new CoreRig({ drainMs: 1_000 });
    const partition = rig.take(0, found);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c']));
    rig.settle();
    rig.finish(rig.runOf('c'));
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    return rig;
  }

  it('is clean, and leaves nothing in doubt, once all that was started has ended', () => {
    const rig = draining();
    const partition = rig.partition(0);
    expect(partition.commitState('')).toMatchObject({ clean: false, frontier: 0, horizon: 3 });
    rig.finish(rig.runOf('a'));
    expect(partition.commitState('')).toMatchObject({ clean: false, frontier: 1, horizon: 3 });
    rig.fail(rig.runOf('b'));
    expect(partition.commitState('')).toMatchObject({ clean: true, frontier: 1, doneBelow: 3, horizon: 1 });
  });

  it('is not clean when a handler did not end in time', () => {
    const rig = draining();
    rig.finish(rig.runOf('a'));
    const partition = rig.partition(0);
    rig.pass(1_000);
    expect(rig.reports('drain-expired')).toHaveLength(1);
    expect(partition.commitState('')).toMatchObject({ clean: false, frontier: 1 });
  });

  it('is not clean while it is owned, though nothing runs', () => {
    const rig = new CoreRig();
    expect(rig.take(0).commitState('').clean).toBe(false);
  });

  it('leaves in doubt what a crashed owner may have started and nobody has finished since', () => {
    const rig = draining(crashed({ horizon: 50 }));
    const partition = rig.partition(0);
    for (const key of ['a', 'b']) rig.finish(rig.runOf(key));
    expect(partition.commitState('')).toMatchObject({ clean: false, horizon: 50 });
  });

  it('says on giving it up how far an earlier owner may have copied parked tasks that are still unfinished', () => {
    const partition = wentThrough('running', 'draining');
    partition.copiedBelow = 3;
    expect(partition.commitState('').horizon).toBe(0);
    partition.marks.set(7, Parked.ofMark(mark, -1));
    expect(partition.commitState('')).toMatchObject({ clean: false, horizon: 3 });
    partition.nextOffset = 3;
    expect(partition.commitState('')).toMatchObject({ clean: true, horizon: 3, frontier: 3 });
  });

  it('leaves in doubt what is on its way to the parked topic', () => {
    const at = new ParkedRig();
    const { rig, partition } = at;
    rig.records(partition, itemsOf(0, ['k', 'k', 'a', 'k', 'b']));
    rig.finish(rig.runOf('a'));
    at.giveUp('k');
    for (const effect of at.open()) at.answer(effect); // the mark
    const [copy] = at.open();
    if (copy?.kind !== 'copy') throw new Error('nothing is copied');
    rig.tell((core, now) => core.revoked(now, 1, [0]));
    rig.finish(rig.runOf('b'));
    expect(partition.commitState('')).toMatchObject({ clean: false, frontier: 0, horizon: 4 });
    at.answer(copy);
    expect(partition.commitState('')).toMatchObject({ clean: true, frontier: 5, horizon: 5 });
  });
});

describe('what may start next', () => {
  it('are parked tasks that run again and those of the queue, in turn', () => {
    const at = new ParkedRig({ concurrency: 1 });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.giveUp('k');
    at.settle();
    at.rig.records(at.partition, itemsOf(3, ['a', 'b', 'c', 'd']));
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    const order: string[] = [];
    for (let run = at.rig.running[0]; run !== undefined; run = at.rig.running[0]) {
      order.push(run.lane.key);
      at.finish(run);
      at.settle();
    }
    expect(order).toEqual(['a', 'k', 'b', 'k', 'c', 'k', 'd']);
  });

  it('is no parked task once the rest of them are found to be lost', () => {
    const at = new ParkedRig({ concurrency: 1 });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.giveUp('k');
    at.settle();
    at.rig.records(at.partition, [itemOf(2, 'a')]);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    for (const effect of at.open()) at.answer(effect); // it has begun
    const [first] = at.open();
    if (first?.kind !== 'read-parked') throw new Error('nothing is read');
    const { mark } = first.wants[0] ?? { mark: -1 };
    const [item] = at.parkedLog.map((copy) => copy.item);
    if (item === undefined) throw new Error('nothing was copied');
    const found = { mark, items: [item], next: 1, atEnd: false, lostBelow: 0 };
    at.rig.tell((core, now) => core.parkedRead(now, at.partition, [found]));
    at.rig.tell((core, now) => core.parkedRead(now, at.partition, [{ ...found, items: [], lostBelow: 9 }]));
    expect(at.rig.reports('key-held')).toMatchObject([{ key: 'k', reason: 'data-loss' }]);
    at.finish(at.rig.runOf('a'));
    expect(at.rig.runningKeys).toEqual([]);
  });
});

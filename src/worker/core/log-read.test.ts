import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import { decodeMetadata } from './commit-metadata.ts';
import type { Item } from './lane.ts';
import type { LeftOver } from './log-read.ts';
import type { PartitionState } from './partition-state.ts';

const pin = 'abcdefghijklmnopqrstuv';

/** A record that was appended by a leader. */
function by(leaderEpoch: number, offset: number, key = `k${offset}`, bytes = 100): Item {
  const item = itemOf(offset, key, { bytes });
  return { ...item, record: { ...item.record, leaderEpoch } };
}

/** What a leader has of what was read. */
function look(
  rig: CoreRig,
  partition: PartitionState,
  answer: { readonly presentEpoch: number; readonly end: number | undefined } | undefined,
  of = partition.logRead.part,
): void {
  const left: LeftOver | undefined = answer === undefined || of === undefined ? undefined : { of, ...answer };
  const log = { start: 0, end: 1_000, topicId: 'topic', statePin: pin, readTo: partition.nextOffset, left };
  rig.tell((core, at) => core.logSeen(at, partition, log));
}

/** Three records of leader 4 have been read, then comes one of leader 6. */
function metAnother(): { rig: CoreRig; partition: PartitionState } {
  const rig = new CoreRig();
  const partition = rig.take(0);
  rig.records(partition, [by(4, 0), by(4, 1), by(4, 2)]);
  rig.records(partition, [by(6, 3), by(6, 4)]);
  return { rig, partition };
}

function halts(rig: CoreRig): object[] {
  return rig.reports('partition-halted').map(({ reason, from, to }) => ({ reason, from, to }));
}

function lastRead(rig: CoreRig): number | undefined {
  return rig.of('read').at(-1)?.reading.offset;
}

describe('the first record of another leader', () => {
  it('is not taken before that leader has said that it has all that was read; then it is read again', () => {
    const { rig, partition } = metAnother();
    expect([rig.runningKeys, rig.of('look').length, lastRead(rig)]).toEqual([['k0', 'k1', 'k2'], 1, 0]);
    rig.records(partition, [by(6, 3)]);
    expect([partition.nextOffset, rig.of('look').length]).toEqual([3, 1]);
    look(rig, partition, { presentEpoch: 6, end: 3 });
    expect([halts(rig), lastRead(rig)]).toEqual([[], 3]);
    rig.records(partition, [by(6, 3), by(6, 4)]);
    expect([rig.runningKeys, rig.of('look').length]).toEqual([['k0', 'k1', 'k2', 'k3'], 1]);
  });

  it('stops the partition when that leader lacks some of it, however far its log has grown', () => {
    const { rig, partition } = metAnother();
    look(rig, partition, { presentEpoch: 6, end: 1 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 1, to: 3 }]);
    expect(rig.of('write')).toMatchObject([{ write: { kind: 'truncated', from: 1, to: 3 } }]);
  });

  it.each([
    ['by a leader that was replaced and does not know it', { presentEpoch: 5, end: 3 }],
    ['by one that has not heard of those before it', { presentEpoch: 6, end: undefined }],
  ])('waits on when it is answered %s', (_by, answer) => {
    const { rig, partition } = metAnother();
    look(rig, partition, answer);
    rig.records(partition, [by(6, 3)]);
    expect([partition.nextOffset, halts(rig), lastRead(rig)]).toEqual([3, [], 0]);
    look(rig, partition, { presentEpoch: 6, end: 3 });
    expect(lastRead(rig)).toBe(3);
  });

  it('waits on when what was asked about was less than what was read by then', () => {
    const { rig, partition } = metAnother();
    look(rig, partition, { presentEpoch: 6, end: 2 }, { leaderEpoch: 4, below: 2 });
    expect([halts(rig), lastRead(rig)]).toEqual([[], 0]);
    look(rig, partition, { presentEpoch: 6, end: 3 });
    expect(lastRead(rig)).toBe(3);
  });

  it('is taken where leaders do not tell', () => {
    const { rig, partition } = metAnother();
    look(rig, partition, undefined);
    expect(lastRead(rig)).toBe(3);
    rig.records(partition, [by(6, 3)]);
    expect(partition.nextOffset).toBe(4);
  });

  it('waits on when the look began before anything was read, so that nobody was asked', () => {
    const { rig, partition } = metAnother();
    const log = { start: 0, end: 1_000, topicId: 'topic', statePin: pin, readTo: 0, left: undefined };
    rig.tell((core, at) => core.logSeen(at, partition, { ...log, nothingAsked: true }));
    expect([lastRead(rig), partition.logRead.isAsked]).toEqual([0, true]);
    look(rig, partition, { presentEpoch: 6, end: 1 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 1, to: 3 }]);
  });

  it('is told of when it has waited for 30 s, once each time', () => {
    const { rig, partition } = metAnother();
    const told = () => rig.reports('reading-waits');
    rig.pass(29_999);
    expect(told()).toEqual([]);
    rig.pass(1);
    rig.pass(60_000);
    const first = { kind: 'reading-waits', partition: 0, offset: 3, elapsedMs: 30_000 };
    expect(told()).toEqual([first]);
    look(rig, partition, { presentEpoch: 6, end: 3 });
    rig.records(partition, [by(6, 3)]);
    rig.pass(60_000);
    rig.records(partition, [by(7, 4)]);
    rig.pass(20_000);
    look(rig, partition, { presentEpoch: 7, end: 4 }); // in time
    rig.records(partition, [by(7, 4), by(8, 5)]);
    rig.pass(30_000);
    expect(told()).toEqual([first, { ...first, offset: 5 }]);
  });

  it('says nothing of a wait that ended with a halt', () => {
    const { rig, partition } = metAnother();
    look(rig, partition, { presentEpoch: 6, end: 1 });
    rig.pass(60_000);
    expect(rig.reports('reading-waits')).toEqual([]);
  });

  it('is taken at once when nothing was read before', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [by(6, 0)]);
    expect([rig.runningKeys, rig.of('look')]).toEqual([['k0'], []]);
  });

  it('is looked at once more when the leader changes again', () => {
    const { rig, partition } = metAnother();
    look(rig, partition, { presentEpoch: 6, end: 3 });
    rig.records(partition, [by(6, 3), by(7, 4)]);
    expect([partition.nextOffset, rig.of('look').length]).toEqual([4, 2]);
    look(rig, partition, { presentEpoch: 7, end: 4 });
    rig.records(partition, [by(7, 4)]);
    expect(partition.nextOffset).toBe(5);
  });

  it('is not taken for a loss behind offsets that hold no records', () => {
    const { rig, partition } = metAnother();
    look(rig, partition, { presentEpoch: 6, end: 3 });
    for (let again = 0; again < 2; again += 1) rig.records(partition, [by(6, 5)]);
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 0, found: 5 }));
    expect(partition.commitState(pin).leaderEpoch).toBe(4); // of what lies below what runs
    rig.records(partition, [by(8, 5)]);
    look(rig, partition, { presentEpoch: 8, end: 3 });
    expect([halts(rig), lastRead(rig)]).toEqual([[], 5]);
  });
});

describe('a log that is looked at from time to time', () => {
  it('stops its partition when its leader lacks what was read, though nothing new has come', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [by(4, 0), by(4, 1)]);
    look(rig, partition, { presentEpoch: 4, end: 2 });
    expect(halts(rig)).toEqual([]);
    look(rig, partition, { presentEpoch: 5, end: 1 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 1, to: 2 }]);
  });

  it('is as long as it was asked about: what was read meanwhile is not missing', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [by(4, 0)]);
    const asked = partition.logRead.part;
    rig.records(partition, [by(4, 1), by(4, 2)]);
    look(rig, partition, { presentEpoch: 4, end: 2 }, asked);
    expect(halts(rig)).toEqual([]);
  });
});

it('a record that is read again is not taken from a leader that has others where that one was', () => {
  const rig = new CoreRig({ concurrency: 2, partitionBytes: 1_000, lookAheadCount: 1 });
  const partition = rig.take(0);
  rig.records(partition, [by(4, 0, 'k', 800), by(4, 1, 'k', 800), by(4, 2, 'k', 800)]);
  rig.fail(rig.runOf('k'), { delayMs: 10 });
  rig.pass(10);
  rig.finish(rig.runOf('k'));
  expect(partition.sweep).toMatchObject({ at: 1 });
  rig.swept(partition, [by(6, 1, 'k')]);
  expect([rig.runningKeys, rig.of('look').length]).toEqual([[], 1]);
  look(rig, partition, { presentEpoch: 6, end: 1 });
  expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 1, to: 3 }]);
});

describe('a sweep that meets another leader', () => {
  /** The records at 1 and 2 are swept; before that, three of leader 4 were read. */
  function sweeping(): { rig: CoreRig; partition: PartitionState } {
    const rig = new CoreRig({ concurrency: 2, partitionBytes: 1_000, lookAheadCount: 1 });
    const partition = rig.take(0);
    rig.records(partition, [by(4, 0, 'k', 800), by(4, 1, 'k', 800), by(4, 2, 'k', 800)]);
    rig.fail(rig.runOf('k'), { delayMs: 10 });
    rig.pass(10);
    rig.finish(rig.runOf('k'));
    return { rig, partition };
  }

  it('takes what comes after a record that was refused for no gap, and is begun anew where it stood', () => {
    const { rig, partition } = sweeping();
    rig.swept(partition, [by(6, 1, 'k')]);
    for (let again = 0; again < 3; again += 1) rig.swept(partition, [by(6, 2, 'k')]);
    expect([rig.of('check-gap'), rig.of('sweep').length, partition.sweep?.at]).toEqual([[], 1, 1]);
    look(rig, partition, undefined);
    expect(rig.of('sweep').map(({ reading }) => reading.offset)).toEqual([1, 1]);
    rig.swept(partition, [by(6, 1, 'k', 800), by(6, 2, 'k', 800)]);
    expect(rig.runOf('k').item.offset).toBe(1);
  });

  it('brings what it did not take while the tail had met one', () => {
    const { rig, partition } = sweeping();
    rig.records(partition, [by(6, 3)]);
    rig.swept(partition, [by(4, 1, 'k', 800), by(4, 2, 'k', 800)]);
    expect(rig.runningKeys).toEqual([]);
    look(rig, partition, { presentEpoch: 6, end: 3 });
    expect([lastRead(rig), rig.of('sweep').at(-1)?.reading.offset]).toEqual([3, 1]);
    rig.swept(partition, [by(4, 1, 'k', 800), by(4, 2, 'k', 800)]);
    expect(rig.runOf('k').item.offset).toBe(1);
  });
});

describe('whose records were read', () => {
  it('is committed, and known to whoever is next', () => {
    const { rig, partition } = metAnother();
    for (const key of ['k0', 'k1', 'k2']) rig.finish(rig.runOf(key));
    const [item] = rig.settle().slice(-1);
    const { offset = 0, metadata = '' } = item ?? {};
    expect(decodeMetadata(metadata, offset)).toMatchObject({ state: { doneBelow: 3, leaderEpoch: 4 } });
    partition.logRead.begin({ leaderEpoch: 4, below: 3 });
    expect([partition.logRead.leaderBelow(3), partition.logRead.leaderBelow(4)]).toEqual([4, undefined]);
  });
});

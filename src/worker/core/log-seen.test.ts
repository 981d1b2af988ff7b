import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import { encodeMetadata } from './commit-metadata.ts';
import { keyHash } from './key-hash.ts';
import type { LogSeen } from './log-seen.ts';
import type { PartitionState } from './partition-state.ts';

const pin = 'abcdefghijklmnopqrstuv';

function look(rig: CoreRig, partition: PartitionState, log: Partial<LogSeen>): void {
  const { nextOffset: readTo } = partition;
  const seen = { start: 0, end: 100, topicId: 'topic', statePin: pin, readTo, left: undefined, ...log };
  rig.tell((core, at) => core.logSeen(at, partition, seen));
}

function halts(rig: CoreRig): object[] {
  return rig.reports('partition-halted').map(({ reason, from, to }) => ({ reason, from, to }));
}

/** Key k is held at 1, with 3 behind it; what it holds is in memory or not. 0, 2 and 4 are done. */
function holding(where: 'memory' | 'log'): { rig: CoreRig; partition: PartitionState } {
  const rig = new CoreRig(where === 'memory' ? {} : { partitionBytes: 100, lookAheadCount: 0 });
  const partition = rig.take(0);
  for (const [offset, key] of ['a', 'k', 'b', 'k', 'c'].entries()) {
    rig.records(partition, [itemOf(offset, key)]);
    if (offset === 1) rig.fail(rig.runOf('k'), { delayMs: 60_000 });
    if (key !== 'k') rig.finish(rig.runOf(key));
  }
  rig.settle();
  expect(partition.commitState(pin).frontier).toBe(1);
  return { rig, partition };
}

describe('a log that was looked at', () => {
  it('is fine as it was, and when all that is finished is gone', () => {
    const { rig, partition } = holding('memory');
    look(rig, partition, {});
    look(rig, partition, { start: 1, end: 5 });
    expect([halts(rig), partition.phase]).toEqual([[], 'running']);
  });

  it('stops the partition within a look when it lacks the task of a key that waits, though others go on', () => {
    const { rig, partition } = holding('log');
    look(rig, partition, { start: 2 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 1, to: 2 }]);
    rig.records(partition, [itemOf(5, 'd')]);
    expect([partition.phase, rig.runningKeys]).toEqual(['halted', []]);
  });

  it('does not when that task is in memory: it can still be done', () => {
    const { rig, partition } = holding('memory');
    look(rig, partition, { start: 4 });
    expect(partition.phase).toBe('running');
    rig.pass(60_000);
    rig.finish(rig.runOf('k'));
    rig.finish(rig.runOf('k'));
    rig.settle();
    expect(partition.committedFrontier).toBe(5);
  });

  it('stops it when it lacks what was to be read next', () => {
    const { rig, partition } = holding('memory');
    look(rig, partition, { start: 6 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 1, to: 6 }]);
  });

  it('stops it when it lacks what an owner before has left, and no sweep has come there yet', () => {
    const lane = { hash: keyHash('k'), offset: 12, attempts: 0, firstFailedAtMs: undefined, starts: 0 };
    const commit = {
      frontier: 12,
      epoch: 101,
      clean: true,
      statePin: pin,
      doneBelow: 20,
      horizon: 20,
      lanes: [lane],
    };
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    const history = foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'w', offset: 101 }]);
    rig.inspect(partition, { history, committed: { offset: 12, metadata: encodeMetadata(commit).text } });
    rig.ack();
    rig.confirm(partition);
    look(rig, partition, { start: 12 });
    expect(halts(rig)).toEqual([]);
    look(rig, partition, { start: 13 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 12, to: 13 }]);
  });

  it.each([
    [{ topicId: 'other' }, 'topic-recreated', 1],
    [{ statePin: 'other' }, 'state-topic-lost', 5],
  ])('stops it when a topic is another one: %j', (log, reason, to) => {
    const { rig, partition } = holding('memory');
    look(rig, partition, log);
    expect(halts(rig)).toEqual([{ reason, from: 1, to }]);
  });

  it('stops it when it ends before what was read, and that is seen twice; the journal is told', () => {
    const { rig, partition } = holding('memory');
    look(rig, partition, { end: 4 });
    look(rig, partition, { end: 5 });
    look(rig, partition, { end: 4 });
    expect(halts(rig)).toEqual([]);
    look(rig, partition, { end: 3 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 3, to: 5 }]);
    expect(rig.of('write')).toMatchObject([{ write: { kind: 'truncated', from: 3, to: 5 } }]);
  });

  it('is not believed to end too early before that has lasted, where leaders say that nothing is lost', () => {
    const { rig, partition } = holding('memory');
    const stale = { end: 4, left: { of: { leaderEpoch: 3, below: 5 }, presentEpoch: 3, end: undefined } };
    const lookFor = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        look(rig, partition, stale);
        rig.pass(1_000);
      }
    };
    lookFor(30_000);
    look(rig, partition, { end: 5 });
    lookFor(30_000);
    expect(halts(rig)).toEqual([]);
    look(rig, partition, stale);
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 4, to: 5 }]);
  });

  it('says that it ended where it ended first: what came there since is new', () => {
    const { rig, partition } = holding('memory');
    look(rig, partition, { end: 2 });
    look(rig, partition, { end: 4 });
    expect(halts(rig)).toEqual([{ reason: 'data-loss', from: 2, to: 5 }]);
  });

  it('says nothing of what has been read since it was looked at', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c']));
    for (let i = 0; i < 2; i += 1) look(rig, partition, { end: 2, readTo: 2 });
    expect(halts(rig)).toEqual([]);
  });

  it('says how long it is to whoever looks after what is finished', () => {
    const rig = new CoreRig();
    const partition = rig.take(0, { logEnd: 7 });
    expect(partition.logEnd).toBe(7);
    look(rig, partition, { end: 9 });
    expect(partition.logEnd).toBe(9);
  });

  it('says nothing of a partition that is not worked on', () => {
    const { rig, partition } = holding('log');
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    look(rig, partition, { start: 90, topicId: 'other' });
    expect(halts(rig)).toEqual([]);
  });
});

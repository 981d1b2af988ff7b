import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import type { PartitionState } from './partition-state.ts';

const transient = { kind: 'transient', code: 14, message: 'loading' } as const;
const fenced = { kind: 'fenced', code: 25, message: 'unknown member' } as const;

/** A partition that found its log to begin beyond what it had read, and was halted; it may have something to commit. */
function halted(rig: CoreRig, keys: readonly string[]): PartitionState {
  const partition = rig.take(0);
  rig.records(partition, itemsOf(0, keys));
  rig.tell((core, at) => core.tailStalled(at, partition, 100));
  expect(partition.phase).toBe('halted');
  return partition;
}

function revoke(rig: CoreRig, numbers: readonly number[] = [0]): void {
  rig.tell((core, at) => core.revoked(at, 1, numbers));
}

describe('a partition that is given up before its work began', () => {
  it('is gone at once while nothing of it is on its way to the group', () => {
    const rig = new CoreRig();
    const claiming = rig.assign(0);
    const inspecting = rig.assign(1);
    rig.claim(inspecting);
    const confirming = rig.assign(2);
    rig.claim(confirming);
    rig.inspect(confirming);
    rig.ack();
    revoke(rig, [0, 1, 2]);
    expect([claiming, inspecting, confirming].map(({ phase }) => phase)).toEqual(['gone', 'gone', 'gone']);
    expect(rig.of('answer-revoke')).toHaveLength(1);
    expect(rig.of('stop-reading')).toEqual([]);
  });

  it('waits for its taking commit, states nothing of its own, and is gone whatever the answer', () => {
    for (const failure of [undefined, transient]) {
      const rig = new CoreRig();
      const partition = rig.assign(0);
      rig.claim(partition);
      rig.inspect(partition);
      revoke(rig);
      expect([partition.phase, rig.of('answer-revoke')]).toEqual(['draining', []]);
      rig.ack(failure);
      expect([partition.phase, rig.of('answer-revoke').length]).toEqual(['gone', 1]);
      expect(rig.of('confirm')).toEqual([]);
      expect(rig.reports('revoked-uncommitted')).toEqual([]);
      rig.pass(1_000);
      expect(rig.of('commit')).toHaveLength(1);
    }
  });

  it('and is not waited for when another partition of the commit is: it has said nothing yet', () => {
    const rig = new CoreRig();
    const taken = rig.take(1);
    rig.records(taken, itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition);
    expect(partition.phase).toBe('taking');
    revoke(rig);
    expect([partition.phase, rig.of('answer-revoke').length]).toEqual(['gone', 1]);
  });

  it('does not hear of a newer claim while it has none of its own', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.tell((core, at) => core.claimConfirmed(at, 0, 500));
    expect(rig.partition(0)).toBe(partition);
    expect(rig.of('claim')).toHaveLength(1);
  });
});

describe('a halted partition', () => {
  it('with nothing to say is gone at once', () => {
    const rig = new CoreRig();
    const partition = halted(rig, []);
    rig.settle();
    revoke(rig);
    expect([partition.phase, rig.of('answer-revoke').length]).toEqual(['gone', 1]);
    expect(rig.of('confirm').map(({ reason }) => reason)).toEqual(['taken']);
  });

  it('waits for what still runs, and for what is not committed', () => {
    const rig = new CoreRig();
    const partition = halted(rig, ['a']);
    rig.settle();
    revoke(rig);
    expect([partition.phase, rig.of('answer-revoke')]).toEqual(['draining', []]);
    rig.finish(rig.runOf('a'));
    expect(rig.of('answer-revoke')).toEqual([]);
    rig.settle();
    expect([partition.phase, rig.of('answer-revoke').length]).toEqual(['gone', 1]);
    expect(rig.of('confirm').at(-1)).toMatchObject({ reason: 'stopped', frontier: 1 });
  });

  it('waits for what was finished and not committed', () => {
    const rig = new CoreRig();
    const partition = halted(rig, ['a']);
    rig.settle();
    rig.finish(rig.runOf('a'));
    revoke(rig);
    expect(partition.phase).toBe('draining');
    rig.settle();
    expect(rig.of('committed').at(-1)?.item.offset).toBe(1);
    expect(partition.phase).toBe('gone');
  });

  it('whose taking was stopped never commits', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition, { committed: { offset: 5, metadata: '' }, logStart: 9 });
    expect(partition.phase).toBe('halted');
    rig.tell((core, at) => core.stoodStill(at));
    rig.pass(1_000);
    expect(rig.of('commit')).toEqual([]);
  });

  it('is not read any more, so the reading is not stopped again when it is lost', () => {
    const rig = new CoreRig();
    halted(rig, []);
    expect(rig.of('stop-reading')).toHaveLength(1);
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.of('stop-reading')).toHaveLength(1);
  });

  it('stays as it is when a newer claim is confirmed', () => {
    const rig = new CoreRig();
    const partition = halted(rig, []);
    rig.tell((core, at) => core.claimConfirmed(at, 0, partition.epoch + 1));
    expect(rig.partition(0)).toBe(partition);
    expect(rig.of('claim')).toHaveLength(1);
  });
});

describe('a drain', () => {
  it('that only waits for an answer of the group has no handlers to tell of when its time is over', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    revoke(rig);
    rig.pass(5_000);
    expect(rig.reports('drain-expired')).toEqual([]);
    expect(rig.of('answer-revoke')).toEqual([]);
  });

  it('is expired once: handlers that ignore it are not told again', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    revoke(rig);
    rig.pass(1_000);
    rig.pass(1_000);
    expect(rig.reports('drain-expired')).toHaveLength(1);
    expect(rig.of('abort')).toHaveLength(1);
  });
});

describe('a worker that the group does not know any more', () => {
  it('says of partitions in their drain that they ended uncommitted, and takes the others anew, later', () => {
    const rig = new CoreRig();
    const [leaving, stays] = [rig.take(0), rig.take(1)];
    rig.records(leaving, itemsOf(0, ['a']));
    rig.records(stays, itemsOf(0, ['b']));
    rig.finish(rig.runOf('a'));
    rig.finish(rig.runOf('b'));
    revoke(rig);
    rig.pass(100);
    rig.ack(fenced);
    expect(rig.reports('revoked-uncommitted')).toMatchObject([{ partition: 0 }]);
    expect([...rig.core.state.partitions.keys()]).toEqual([1]);
    const claims = rig.of('claim').length;
    rig.pass(4_000);
    expect(rig.of('claim')).toHaveLength(claims);
    rig.pass(1_000);
    expect(rig.of('claim')).toHaveLength(claims + 1);
  });
});

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { decodeMetadata } from './commit-metadata.ts';
import type { Effect } from './effects.ts';

const transient = { kind: 'transient', code: 14, message: 'loading' } as const;

function revoke(rig: CoreRig, id: number, ...partitions: number[]): readonly Effect[] {
  return rig.tell((core, at) => core.revoked(at, id, partitions));
}

/** Revokes that were answered, by id. */
function answers(rig: CoreRig): number[] {
  return rig.of('answer-revoke').map(({ revocation }) => revocation);
}

describe('a revoke', () => {
  it('of an idle partition is answered as soon as the group has heard that it ended well', () => {
    const rig = new CoreRig();
    rig.take(0);
    rig.settle();
    revoke(rig, 1, 0, 7);
    const [item] = rig.ack();
    expect(decodeMetadata(item?.metadata ?? '', 0)).toMatchObject({ state: { clean: true } });
    expect(answers(rig)).toEqual([1]);
    expect(rig.core.state.partitions.size).toBe(0);
  });

  it('lets what runs come to its end, starts nothing, commits, and is answered after the ack', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    rig.settle();
    const effects = revoke(rig, 1, 0);
    expect(effects).toMatchObject([{ kind: 'stop-reading' }, { kind: 'drain', run: rig.runOf('a') }]);
    rig.finish(rig.runOf('a'));
    expect(rig.running).toEqual([]);
    expect(answers(rig)).toEqual([]);
    expect(rig.commit()).toMatchObject([{ offset: 1 }]);
    rig.ack();
    expect(answers(rig)).toEqual([1]);
    expect(rig.of('confirm').at(-1)).toMatchObject({ frontier: 1, reason: 'stopped' });
    expect(partition.phase).toBe('gone');
  });

  it('does not wait for the commit interval, and tries again after an error', () => {
    const rig = new CoreRig({ commitIntervalMs: 60_000 });
    rig.records(rig.take(0), itemsOf(0, ['a']));
    revoke(rig, 1, 0);
    rig.finish(rig.runOf('a'));
    rig.ack(transient);
    expect(answers(rig)).toEqual([]);
    rig.pass(100);
    rig.ack();
    expect(answers(rig)).toEqual([1]);
  });

  it('leaves the partitions that stay alone', () => {
    const rig = new CoreRig({ concurrency: 4 });
    rig.records(rig.take(0), itemsOf(0, ['a']));
    const stays = rig.take(1);
    revoke(rig, 1, 0);
    rig.records(stays, itemsOf(0, ['b', 'c']));
    expect(rig.runningKeys).toEqual(['a', 'b', 'c']);
    rig.finish(rig.runOf('b'));
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
  });

  it('is over for handlers that do not end in time: their signals abort and their work is void', () => {
    const rig = new CoreRig({ drainMs: 1_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['slow', 'quick']));
    revoke(rig, 1, 0);
    rig.finish(rig.runOf('quick'));
    rig.pass(999);
    expect(rig.of('abort')).toEqual([]);
    rig.pass(1);
    expect(rig.of('abort')).toMatchObject([{ run: rig.runOf('slow'), reason: 'partition-lost' }]);
    expect(rig.reports('drain-expired')).toEqual([{ kind: 'drain-expired', partition: 0, runningCount: 1 }]);
    rig.ack();
    expect(answers(rig)).toEqual([]); // that one was sent while they ran
    const [item] = rig.ack();
    expect(item).toMatchObject({ offset: 0, doneBelow: 2 });
    expect(decodeMetadata(item?.metadata ?? '', 0)).toMatchObject({ state: { clean: false } });
    expect(answers(rig)).toEqual([1]);
    rig.finish(rig.runOf('slow'));
    expect(rig.budget.usedBytes).toBe(0);
  });

  it('says clean when everything that was started has ended', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    revoke(rig, 1, 0);
    rig.finish(rig.runOf('a'));
    rig.finish(rig.runOf('b'));
    while (answers(rig).length === 0) {
      const [item] = rig.ack();
      if (answers(rig).length === 0) continue;
      expect(decodeMetadata(item?.metadata ?? '', item?.offset ?? -1)).toMatchObject({
        state: { clean: true, frontier: 2 },
      });
    }
  });

  it('is answered without a commit when the group does not take one in time, and that is said', () => {
    const rig = new CoreRig({ drainMs: 1_000 });
    rig.records(rig.take(0), itemsOf(0, ['a']));
    revoke(rig, 1, 0);
    rig.finish(rig.runOf('a'));
    for (let i = 0; i < 200 && answers(rig).length === 0; i += 1) {
      rig.pass(100);
      if (rig.core.state.commitUnderWay) rig.ack(transient);
    }
    expect(answers(rig)).toEqual([1]);
    expect(rig.reports('revoked-uncommitted')).toEqual([{ kind: 'revoked-uncommitted', partition: 0 }]);
    expect(rig.of('confirm').map(({ reason }) => reason)).toEqual(['taken']);
  });

  it('waits for a commit that is under way, whose ack may be slow', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    revoke(rig, 1, 0);
    rig.pass(5_000);
    expect(answers(rig)).toEqual([]);
    rig.ack();
    rig.settle();
    expect(answers(rig)).toEqual([1]);
  });

  it('whose last commit is refused because the group has forgotten the worker says that it ended uncommitted', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    revoke(rig, 1, 0);
    if (!rig.core.state.commitUnderWay) rig.pass(100);
    rig.ack({ kind: 'fenced', code: 25, message: 'unknown member' });
    expect(answers(rig)).toEqual([1]);
    expect(rig.reports('revoked-uncommitted')).toMatchObject([{ partition: 0 }]);
  });

  it('that comes while a taking commit is under way waits for its answer, and starts nothing', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition);
    expect(rig.core.state.commitUnderWay).toBe(true);
    revoke(rig, 1, 0);
    expect(answers(rig)).toEqual([]);
    rig.ack();
    expect(answers(rig)).toEqual([1]);
    expect(rig.of('confirm')).toEqual([]);
    expect(partition.phase).toBe('gone');
  });

  it.each(['claiming', 'inspecting', 'confirming'] as const)(
    'that comes while a partition is %s is answered at once, and the late step changes nothing',
    (phase) => {
      const rig = new CoreRig();
      const partition = rig.assign(0);
      if (phase !== 'claiming') rig.claim(partition);
      if (phase === 'confirming') {
        rig.inspect(partition);
        rig.ack();
      }
      expect(partition.phase).toBe(phase);
      revoke(rig, 1, 0);
      expect(answers(rig)).toEqual([1]);
      rig.claim(partition);
      rig.inspect(partition);
      rig.confirm(partition);
      rig.records(partition, itemsOf(0, ['a']));
      expect([partition.phase, rig.running]).toEqual(['gone', []]);
    },
  );

  it('gives a partition back that is assigned again before: everything is taken anew', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    revoke(rig, 1, 0);
    rig.settle();
    expect(answers(rig)).toEqual([1]);
    const after = rig.take(0);
    expect(after.epoch).toBeGreaterThan(101);
    rig.records(after, itemsOf(0, ['a']));
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('may be the second while the first still drains', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.records(rig.take(1), itemsOf(0, ['b']));
    revoke(rig, 1, 0);
    revoke(rig, 2, 1);
    rig.finish(rig.runOf('b'));
    while (rig.core.state.commitUnderWay) rig.ack();
    expect(answers(rig)).toEqual([2]);
    rig.finish(rig.runOf('a'));
    rig.settle();
    expect(answers(rig)).toEqual([2, 1]);
  });

  it('aborts for the shutdown of the worker when that is why', () => {
    const rig = new CoreRig({ drainMs: 10 });
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.tell((core, at) => core.stopping(at));
    revoke(rig, 1, 0);
    rig.pass(10);
    expect(rig.of('abort')).toMatchObject([{ reason: 'shutdown' }]);
  });

  it('sets the memory of what will not start free at once', () => {
    const rig = new CoreRig({ concurrency: 1 });
    rig.records(rig.take(0), itemsOf(0, ['a', 'b', 'c', 'd'], { bytes: 1_000 }));
    expect(rig.budget.usedBytes).toBe(4_000);
    revoke(rig, 1, 0);
    expect(rig.budget.usedBytes).toBe(1_000);
    rig.finish(rig.runOf('a'));
    expect(rig.budget.usedBytes).toBe(0);
  });
});

describe('partitions that are lost', () => {
  it('are void at once: runs abort, nothing is committed', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    const effects = rig.tell((core, at) => core.lost(at, [0]));
    expect(effects).toMatchObject([
      { kind: 'stop-reading' },
      { kind: 'abort', run: rig.runOf('b'), reason: 'partition-lost' },
    ]);
    rig.pass(10_000);
    expect(rig.of('commit')).toHaveLength(1); // the taking commit
  });

  it('end a revoke that waits for them', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    revoke(rig, 1, 0);
    rig.tell((core, at) => core.lost(at, [0]));
    expect(answers(rig)).toEqual([1]);
  });

  it('give back every byte once their handlers have ended', () => {
    const rig = new CoreRig({ concurrency: 2 });
    rig.records(rig.take(0), itemsOf(0, ['a', 'b', 'c', 'a', 'b'], { bytes: 1_000 }));
    rig.fail(rig.runOf('b'));
    rig.tell((core, at) => core.lost(at, [0]));
    while (rig.running[0] !== undefined) rig.finish(rig.running[0]);
    expect(rig.budget.usedBytes).toBe(0);
  });
});

describe('a newer claim that was confirmed', () => {
  it('voids what we do, and the partition is taken anew', () => {
    const rig = new CoreRig();
    const before = rig.take(0);
    rig.records(before, itemsOf(0, ['a']));
    const old = rig.runOf('a');
    rig.tell((core, at) => core.claimConfirmed(at, 0, before.epoch + 1));
    expect(rig.of('abort')).toMatchObject([{ run: old, reason: 'partition-lost' }]);
    expect(before.phase).toBe('gone');
    const after = rig.partition(0);
    expect([after.phase, rig.of('claim').at(-1)?.partition]).toEqual(['claiming', after]);
  });

  it.each([
    ['our own', 0],
    ['an older one', -1],
  ])('that is %s changes nothing', (_what, difference) => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.tell((core, at) => core.claimConfirmed(at, 0, partition.epoch + difference));
    expect(partition.phase).toBe('running');
  });

  it('of a partition that we do not have, or that is being given up, changes nothing', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a']));
    revoke(rig, 1, 0);
    rig.tell((core, at) => core.claimConfirmed(at, 0, 10_000));
    rig.tell((core, at) => core.claimConfirmed(at, 9, 10_000));
    expect(partition.phase).toBe('draining');
  });
});

describe('a halted partition', () => {
  it('keeps no memory: others may need it', () => {
    const rig = new CoreRig({ concurrency: 1 }, { budgetBytes: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], { bytes: 1_300 }));
    expect(rig.core.wantedCount()).toBe(0);
    rig.records(partition, [itemOf(50, 'z')]);
    rig.records(partition, [itemOf(50, 'z')]);
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 50, found: 50 }));
    expect(partition.phase).toBe('halted');
    rig.finish(rig.runOf('a'));
    expect(rig.budget.usedBytes).toBe(0);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
  });

  it('commits what it finished before it is given up', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    rig.records(partition, [itemOf(50, 'z')]);
    rig.records(partition, [itemOf(50, 'z')]);
    rig.tell((core, at) => core.gapChecked(at, partition, { start: 50, found: 50 }));
    rig.finish(rig.runOf('a'));
    rig.settle();
    expect(rig.of('committed').at(-1)?.item.offset).toBe(1);
    revoke(rig, 1, 0);
    expect(answers(rig)).toEqual([1]);
  });
});

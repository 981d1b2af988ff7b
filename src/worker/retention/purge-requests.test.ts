import { describe, expect, it } from 'vitest';
import {
  KEEP_MS,
  MARGIN_MS,
  type OwnerRig,
  PurgeRig,
  ROUND_MS,
  UPLOAD_MS,
} from '../../../test/support/purge-rig.ts';
import type { MarkEntry } from '../../journal/journal.ts';
import { failures } from '../../kafka/memory/failures.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import { NO_PINS } from './pin-book.ts';

const OLD_MS = KEEP_MS + UPLOAD_MS + MARGIN_MS;

/** Notes which places the ends of logs are asked for. */
function endsAsked(owner: OwnerRig): TopicPartition[] {
  const asked: TopicPartition[] = [];
  const { admin } = owner;
  owner.admin = new Proxy(admin, {
    get: (target, name) =>
      name === 'eachLogEnds'
        ? (places: readonly TopicPartition[]) => {
            asked.push(...places);
            return admin.eachLogEnds(places);
          }
        : (Reflect.get(target, name) as unknown),
  });
  return asked;
}

/** Its answers come so much later. */
function slow(rig: PurgeRig, owner: OwnerRig, call: 'offsetsForTime' | 'leaderEnds', ms: number): void {
  const { admin } = owner;
  owner.admin = new Proxy(admin, {
    get: (target, name) =>
      name === call
        ? (asked: never, timeMs: never) =>
            new Promise((resolve) => void rig.clock.setTimer(ms, () => resolve(admin[call](asked, timeMs))))
        : (Reflect.get(target, name) as unknown),
  });
}

function mark(owner: OwnerRig, parkedFrom: number): MarkEntry {
  const place = { group: 'g', partition: 0, epoch: owner.state().epoch };
  const cause = { reason: 'asked', error: '', atMs: 0, command: '' } as const;
  return { kind: 'mark', ...place, key: 'k', scope: 'key', from: 0, parkedFrom, type: '', id: '', ...cause };
}

describe('a partition in which nothing happens', () => {
  it('is asked nothing about, from the round on that has deleted what was there', async () => {
    await using rig = new PurgeRig(4);
    const owner = await rig.owner({ partitions: [3] }); // none of the other topics has it
    rig.append('q', 3, 5);
    owner.finish(3, 5);
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(rig.start('q', 3)).toBe(5);
    rig.asked.length = 0;
    await rig.rounds(3);
    expect(rig.asked).toEqual([]);
    expect(owner.of('problem')).toEqual([]);
    expect(owner.purger.health).toEqual({ pinned: NO_PINS, refused: [], alarms: [] });
  });

  it('has the journal read all the same, of all queue partitions that share its parked one', async () => {
    await using rig = new PurgeRig(4);
    const owner = await rig.owner({ partitions: [1] });
    const asked = endsAsked(owner);
    rig.append('q.parked', 1, 1);
    await rig.rounds(2);
    asked.length = 0;
    await rig.rounds(1);
    expect(asked).toEqual([
      { topic: 'q.parked', partition: 1 },
      { topic: 'q.parts', partition: 1 },
      { topic: 'q.state', partition: 1 },
    ]);
  });
});

describe('what is beside the queue', () => {
  it('is deleted without a commit, and no request is made where nothing may go', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    owner.confirm(0, 0);
    rig.journal(mark(owner, 0));
    rig.append('q.parked', 0, 5);
    rig.append('q.parts', 0, 3);
    await rig.pass(OLD_MS - ROUND_MS);
    expect(rig.asked).not.toContain('deleteRecords');
    await rig.rounds(2);
    expect([rig.start('q.parked'), rig.start('q.parts')]).toEqual([0, 3]);
    rig.asked.length = 0;
    await rig.rounds(4);
    expect(rig.asked).not.toContain('deleteRecords');
    expect(owner.asked).toEqual([]);
    expect(owner.purger.health.pinned.worst).toMatchObject([{ topic: 'q.parked', by: { kind: 'parked' } }]);
    expect(owner.of('problem')).toEqual([]);
  });

  it('keeps nothing pinned when it has gone', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q.parts', 0, 3);
    rig.append('q.parked', 0, 3);
    await rig.pass(OLD_MS + ROUND_MS);
    expect([rig.start('q.parked'), rig.start('q.parts')]).toEqual([3, 3]);
    expect(owner.purger.health.pinned).toEqual(NO_PINS);
    expect(owner.of('retention-pinned')).toEqual([]);
  });

  it('costs one question about times for as long as all of it is young', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 2);
    owner.finish(0, 0, 2);
    rig.append('q.parts', 0, 3);
    await rig.rounds(2);
    rig.asked.length = 0;
    await rig.rounds(1);
    // That one, and the queue's own.
    expect(rig.asked.filter((call) => call === 'offsetsForTime')).toHaveLength(2);
  });
});

describe('a deletion', () => {
  it('waits for a slow cluster, and for a commit on top', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 5);
    owner.finish(0, 5);
    await rig.pass(KEEP_MS);
    slow(rig, owner, 'offsetsForTime', 40_000);
    await rig.pass(ROUND_MS + 40_000);
    expect(rig.start('q')).toBe(5);
  });

  it('is not made when the answer about leaders came so late that what others had finished is old', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 5);
    owner.commit(0, 5);
    owner.confirm(0, 5, 0);
    await rig.pass(KEEP_MS);
    const { admin } = owner;
    slow(rig, owner, 'leaderEnds', 90_000);
    await rig.pass(ROUND_MS);
    owner.admin = admin;
    await rig.pass(90_000);
    expect(rig.start('q')).toBe(0);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(5);
  });

  it('is made once the group has acknowledged what was to be committed anew', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 5);
    owner.finish(0, 5);
    await rig.pass(KEEP_MS);
    owner.state().frozenUntil = owner.state().changes + 1; // the commit that is asked for
    await rig.rounds(1);
    expect(rig.start('q')).toBe(5);
  });

  it('that fails in a partition is told', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 5);
    owner.finish(0, 5);
    rig.cluster.faults.refuseDeletion({ topic: 'q', partition: 0 }, failures.notEnoughReplicas);
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(owner.of('problem')).toEqual([{ failure: failures.notEnoughReplicas }]);
    expect(owner.of('purged')).toEqual([]);
    expect(owner.purger.health.refused).toEqual([]);
  });

  it('does not follow a CONFIRM that a claim may still make void, until that claim is old', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 5);
    await rig.pass(KEEP_MS);
    rig.journal({ kind: 'claim', group: 'g', partition: 0, by: 'next' });
    owner.finish(0, 5);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(0);
    await rig.pass(KEEP_MS);
    expect(rig.start('q')).toBe(5);
  });
});

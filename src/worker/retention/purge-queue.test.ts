import { describe, expect, it } from 'vitest';
import {
  holdBackTimes,
  KEEP_MS,
  type OwnerRig,
  PurgeRig,
  ROUND_MS,
} from '../../../test/support/purge-rig.ts';

/** Has finished all 10; the other group had come to 8 when its worker ended, and its offset was then set back to 3. */
async function ownerBesideSetBack(rig: PurgeRig, groups: string[]): ReturnType<PurgeRig['owner']> {
  const owner = await rig.owner({ groups });
  rig.append('q', 0, 10);
  owner.finish(0, 10);
  const before = await rig.owner({ group: 'other', groups });
  before.finish(0, 8);
  await before.purger.stop();
  rig.commit('other', 0, 3); // by an admin, and nobody has taken it since
  await rig.pass(KEEP_MS * 2);
  return owner;
}

describe('the log of a queue', () => {
  it('begins, in time, where all is unfinished or younger than finished tasks are kept', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 6);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(0);
    await rig.pass(KEEP_MS);
    await rig.rounds();
    expect(rig.start('q')).toBe(6);
    expect(owner.of('purged')).toEqual([{ topic: 'q', partition: 0, below: 6n }]);
    rig.append('q', 0, 10);
    owner.finish(0, 20);
    await rig.rounds();
    expect(rig.start('q')).toBe(10); // the others were finished late, but are young
    await rig.pass(KEEP_MS);
    await rig.rounds();
    expect(rig.start('q')).toBe(20);
    expect(owner.of('problem')).toEqual([]);
  });

  it('does not begin beyond what the journal says, nor beyond what was committed', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 3);
    owner.commit(0, 8);
    await rig.pass(KEEP_MS * 2);
    expect(rig.start('q')).toBe(3);
    owner.confirm(0, 8);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(8);
  });

  it('waits for every declared group, the slowest of all', async () => {
    await using rig = new PurgeRig();
    const groups = ['g', 'slow'];
    const owner = await rig.owner({ groups });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS * 2);
    expect(rig.start('q')).toBe(0);
    expect(owner.toldPins[0]).toMatchObject({
      topic: 'q',
      partition: 0,
      by: { kind: 'group', group: 'slow' },
      records: 10,
    });
    const slow = await rig.owner({ group: 'slow', groups });
    slow.finish(0, 4);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(4);
    await slow.purger.stop();
    slow.finish(0, 7);
    rig.commit('slow', 0, 5);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(5);
  });

  it('is left alone while a group that was set back has not come to where it was', async () => {
    await using rig = new PurgeRig();
    const groups = ['g', 'other'];
    await ownerBesideSetBack(rig, groups);
    expect(rig.start('q')).toBe(3);
    const after = await rig.owner({ group: 'other', groups });
    after.commit(0, 9); // its CONFIRM says 3
    await rig.rounds(3);
    expect(rig.start('q')).toBe(3);
    after.confirm(0, 9);
    await rig.rounds(3);
    expect(rig.start('q')).toBe(9);
  });

  it('is left alone so also when a claim that nobody confirms came in between', async () => {
    await using rig = new PurgeRig();
    const owner = await ownerBesideSetBack(rig, ['g', 'other']);
    const place = { group: 'other', partition: 0 };
    const epoch = rig.journal({ kind: 'claim', ...place, by: 'w' });
    rig.journal({ kind: 'claim', ...place, by: 'expelled' });
    const said = { epoch, topicId: owner.state(0).topicId, reason: 'taken' } as const;
    rig.journal({ kind: 'confirm', ...place, ...said, frontier: 3 });
    rig.commit('other', 0, 8);
    await rig.rounds(2);
    expect(rig.start('q')).toBe(3);
    rig.journal({ kind: 'confirm', ...place, ...said, frontier: 8 });
    await rig.pass(KEEP_MS * 2);
    expect(rig.start('q')).toBe(8);
  });

  it('is not judged by a CONFIRM that speaks of a topic that is gone', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ groups: ['g', 'other'] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    const epoch = rig.journal({ kind: 'claim', group: 'other', partition: 0, by: 'w' });
    const said = { epoch, frontier: 9, topicId: 'another', reason: 'taken' } as const;
    rig.journal({ kind: 'confirm', group: 'other', partition: 0, ...said });
    rig.commit('other', 0, 9);
    await rig.pass(KEEP_MS * 2);
    expect(rig.start('q')).toBe(0);
  });

  it('moves when the partition is idle, by a commit that is asked for; then nothing more is asked', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    rig.append('q', 1, 10);
    owner.finish(0, 10);
    owner.finish(1, 10);
    await rig.pass(KEEP_MS * 2);
    expect([rig.start('q', 0), rig.start('q', 1)]).toEqual([10, 10]);
    expect(owner.asked).toEqual([owner.state(0), owner.state(1)]); // in one go
    await rig.rounds();
    rig.asked.length = 0;
    await rig.rounds(3);
    // Of parts and parked tasks; settings are looked at now and then.
    expect(rig.asked.filter((call) => call !== 'topicConfigs')).toEqual([
      'eachLogEnds',
      'eachLogEnds',
      'eachLogEnds',
    ]);
  });

  it('costs few requests, however many partitions there are', async () => {
    await using rig = new PurgeRig(768);
    const owner = await rig.owner({ groups: ['g', 'h'] });
    for (let partition = 0; partition < 768; partition += 1) {
      rig.append('q', partition, 2);
      owner.finish(partition, 1, 2);
    }
    await rig.rounds();
    rig.asked.length = 0;
    await rig.rounds();
    expect(rig.asked).toEqual(['eachLogEnds', 'committedOffsets', 'offsetsForTime']);
  });

  it('is not touched by an owner whose commit the group does not acknowledge', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    owner.answers = false;
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(owner.asked).toHaveLength(1);
    owner.commits.acknowledged({
      partition: owner.state(0),
      changes: owner.state(0).changes - 1,
      offset: 10,
      metadata: '',
      doneBelow: 10,
      horizon: 0,
    });
    await rig.pass(15_000); // it was sent before
    expect(rig.start('q')).toBe(0);
    owner.answers = true;
    await rig.rounds(6);
    expect(rig.start('q')).toBe(10);
  });

  const changes: readonly (readonly [why: string, what: (owner: OwnerRig) => void])[] = [
    ['was given up', (owner) => owner.state(0).move('gone')],
    ['halted', (owner) => owner.state(0).move('halted')],
    [
      'has to be committed again, as its process stood still',
      (owner) => {
        owner.state(0).changes += 1;
        owner.state(0).frozenUntil = owner.state(0).changes + 1;
      },
    ],
    [
      'was set back',
      (owner) => {
        owner.state(0).committedFrontier = 9;
      },
    ],
  ];

  it.each(changes)('is not touched when the partition %s before the acknowledgement', async (_why, what) => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    owner.answers = false;
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(owner.asked).toHaveLength(1);
    what(owner);
    owner.acknowledge(owner.state(0));
    await rig.rounds(1);
    expect(rig.start('q')).toBe(0);
    expect(rig.asked).not.toContain('deleteRecords');
  });

  it.each(changes)(
    'is not touched when the partition %s before brokers let it be deleted',
    async (_why, what) => {
      await using rig = new PurgeRig();
      const owner = await rig.owner({ partitions: [0] });
      const { admin } = owner;
      let letGo = (): void => {};
      const deleteRecords: typeof admin.deleteRecords = async (positions, mayGo) => {
        await new Promise<void>((resolve) => {
          letGo = resolve;
        });
        return await admin.deleteRecords(positions, mayGo);
      };
      owner.admin = new Proxy(admin, {
        get: (target, name) =>
          name === 'deleteRecords' ? deleteRecords : (Reflect.get(target, name) as unknown),
      });
      rig.append('q', 0, 10);
      owner.finish(0, 10);
      await rig.pass(KEEP_MS + ROUND_MS);
      expect(owner.asked).toHaveLength(1);
      what(owner);
      letGo();
      await rig.pass(0);
      expect(rig.asked).toContain('deleteRecords');
      expect(rig.start('q')).toBe(0);
    },
  );

  it('is not touched by a process that stood still between the question and the deletion', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS);
    const held = holdBackTimes(owner);
    await rig.rounds(2);
    await rig.pass(60_000);
    held.answer?.();
    owner.admin = held.admin;
    rig.asked.length = 0;
    await rig.pass(0);
    expect(owner.asked).toHaveLength(1);
    expect(rig.asked).not.toContain('deleteRecords');
    await rig.rounds(2);
    expect(rig.start('q')).toBe(10);
  });

  it('is looked after although the clock of the worker is wrong by a year, either way', async () => {
    for (const wallOffMs of [-365 * 86_400_000, 365 * 86_400_000]) {
      await using rig = new PurgeRig();
      const owner = await rig.owner({ wallOffMs });
      rig.append('q', 0, 10);
      owner.finish(0, 10);
      await rig.rounds(3);
      expect(rig.start('q')).toBe(0);
      await rig.pass(KEEP_MS);
      await rig.rounds();
      expect(rig.start('q')).toBe(10);
    }
  });

  it('stays as it is without an append of ours, or when the timestamps are those of producers', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    rig.cluster.setTopicConfig('q', 'message.timestamp.type', 'CreateTime');
    await rig.pass(KEEP_MS * 4);
    expect(rig.start('q')).toBe(0);
    expect(owner.of('retention-refused').map(({ topic }) => topic)).toContain('q');
    expect(owner.purger.health.refused).toMatchObject([{ topic: 'q' }]);
    rig.cluster.setTopicConfig('q', 'message.timestamp.type', 'LogAppendTime');
    await rig.rounds(2);
    expect(rig.start('q')).toBe(10);
    expect(owner.purger.health.refused).toEqual([]);
  });

  it('is deleted for several workers, each of its own partitions', async () => {
    await using rig = new PurgeRig();
    const one = await rig.owner({ partitions: [0] });
    const other = await rig.owner({ partitions: [1] });
    for (const partition of [0, 1]) rig.append('q', partition, 5);
    one.finish(0, 5);
    other.finish(1, 4);
    await rig.pass(KEEP_MS * 2);
    expect([rig.start('q', 0), rig.start('q', 1)]).toEqual([5, 4]);
    expect(one.of('purged')).toHaveLength(1);
    expect(other.of('purged')).toHaveLength(1);
  });
});

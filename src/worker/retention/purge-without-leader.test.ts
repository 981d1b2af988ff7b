import { describe, expect, it } from 'vitest';
import {
  KEEP_MS,
  MARGIN_MS,
  type OwnerRig,
  PurgeRig,
  ROUND_MS,
  UPLOAD_MS,
} from '../../../test/support/purge-rig.ts';

/** After that parts and parked tasks of nothing that is there are old enough. */
const SIDES_MS = KEEP_MS + UPLOAD_MS + MARGIN_MS;

/** Four partitions of the queue that share two of everything else, with finished tasks, parts and parked tasks, all old. */
async function allOld(): Promise<{ rig: PurgeRig; owner: OwnerRig }> {
  const rig = new PurgeRig(4);
  const owner = await rig.owner();
  for (const topic of ['q.parts', 'q.parked'])
    for (const partition of [0, 1]) rig.append(topic, partition, 5);
  return { rig, owner };
}

function finishAll(rig: PurgeRig, owner: OwnerRig): void {
  for (const partition of [0, 1, 2, 3]) {
    rig.append('q', partition, 10);
    owner.finish(partition, 10);
  }
}

function startsOf(rig: PurgeRig, topic: string): readonly number[] {
  const partitions = topic === 'q' ? [0, 1, 2, 3] : [0, 1];
  return partitions.map((partition) => rig.start(topic, partition));
}

function startsOfAll(rig: PurgeRig) {
  return { queue: startsOf(rig, 'q'), parked: startsOf(rig, 'q.parked'), parts: startsOf(rig, 'q.parts') };
}

const allGone = { queue: [10, 10, 10, 10], parked: [5, 5], parts: [5, 5] };

describe('a partition without a leader', () => {
  it.each([
    // Partition 2 of the queue shares parts with 0.
    { place: { topic: 'q', partition: 2 }, kept: { queue: [10, 10, 0, 10], parked: [5, 5], parts: [0, 5] } },
    // Half of the journal: what it says of the queue partitions 1 and 3, and of the marks whose tasks are in parked partition 1.
    // Their logs begin with tasks that are there still, and are older by now than all that is tried of parts.
    {
      place: { topic: 'q.state', partition: 1 },
      kept: { queue: [10, 0, 10, 0], parked: [5, 0], parts: [5, 0] },
    },
    {
      place: { topic: 'q.parked', partition: 0 },
      kept: { queue: [10, 10, 10, 10], parked: [0, 5], parts: [5, 5] },
    },
    {
      place: { topic: 'q.parts', partition: 1 },
      kept: { queue: [10, 10, 10, 10], parked: [5, 5], parts: [5, 0] },
    },
  ])('keeps what depends on it, and nothing else: $place.topic', async ({ place, kept }) => {
    const { rig, owner } = await allOld();
    await using _rig = rig;
    finishAll(rig, owner);
    const elected = rig.cluster.faults.loseLeader(place);
    await rig.pass(SIDES_MS + ROUND_MS);
    expect(startsOfAll(rig)).toEqual(kept);
    elected();
    await rig.pass(ROUND_MS * 2);
    expect(startsOfAll(rig)).toEqual(allGone);
  });

  it('of the state topic may say what nobody has read yet: what was read before is not enough', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.rounds();
    const elected = rig.cluster.faults.loseLeader({ topic: 'q.state', partition: 0 });
    owner.confirm(0, 4);
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(rig.start('q')).toBe(0);
    elected();
    await rig.rounds();
    expect(rig.start('q')).toBe(4);
  });

  it('is told once a round, whatever has none', async () => {
    const { rig, owner } = await allOld();
    await using _rig = rig;
    finishAll(rig, owner);
    rig.cluster.faults.loseLeader({});
    await rig.rounds(3);
    expect(owner.of('problem')).toMatchObject(Array(3).fill({ failure: { code: 5 } }));
    expect(startsOfAll(rig)).toEqual({ queue: [0, 0, 0, 0], parked: [0, 0], parts: [0, 0] });
  });

  it.each(['eachLogEnds', 'offsetsForTime'] as const)(
    'may lose it between two questions: what is not answered by %s keeps the records',
    async (call) => {
      const { rig, owner } = await allOld();
      await using _rig = rig;
      finishAll(rig, owner);
      const { admin } = owner;
      // As each is asked about: no partition of the queue but 0 is told; all of it was before.
      owner.admin = new Proxy(admin, {
        get: (target, name) => {
          if (name !== call) return Reflect.get(target, name) as unknown;
          return async (...given: Parameters<typeof admin.offsetsForTime>) => {
            const elected = [1, 2, 3].map((partition) =>
              rig.cluster.faults.loseLeader({ topic: 'q', partition }),
            );
            const answers = await admin[call](...given);
            for (const elect of elected) elect();
            return answers;
          };
        },
      });
      await rig.pass(SIDES_MS + ROUND_MS);
      expect(startsOfAll(rig)).toEqual({ queue: [10, 0, 0, 0], parked: [5, 5], parts: [0, 0] });
    },
  );

  it('keeps what a leader may not have: that is asked for last', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    for (const partition of [0, 1]) {
      rig.append('q', partition, 10);
      owner.commit(partition, 10);
      owner.confirm(partition, 10, 0);
    }
    const { admin } = owner;
    const leaderEnds = async (...given: Parameters<typeof admin.leaderEnds>) => {
      const elected = rig.cluster.faults.loseLeader({ topic: 'q', partition: 0 });
      const answers = await admin.leaderEnds(...given);
      elected();
      return answers;
    };
    owner.admin = new Proxy(admin, {
      get: (target, name) => (name === 'leaderEnds' ? leaderEnds : (Reflect.get(target, name) as unknown)),
    });
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(startsOf(rig, 'q').slice(0, 2)).toEqual([0, 10]);
    expect(owner.of('problem')).toMatchObject([{ failure: { code: 5 } }]);
  });

  it('is still said to be pinned, as it was, and is not told anew', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    for (const partition of [0, 1]) {
      rig.append('q', partition, 10);
      owner.finish(partition, 0, 10); // all of it was read
    }
    await rig.pass(KEEP_MS + ROUND_MS);
    const before = owner.purger.health.pinned;
    expect(before.partitions).toBe(2);
    const told = owner.of('retention-pinned').length;
    const elected = rig.cluster.faults.loseLeader({ topic: 'q', partition: 0 });
    await rig.rounds();
    expect(owner.purger.health.pinned.worst).toEqual(expect.arrayContaining([...before.worst]));
    elected();
    await rig.rounds();
    expect(owner.of('retention-pinned')).toHaveLength(told);
    owner.finish(0, 10);
    owner.finish(1, 10);
    await rig.rounds(2);
    expect(owner.purger.health.pinned.partitions).toBe(0);
  });

  it('of which nobody may be asked is a topic of which nothing can be deleted', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    const failure = { kind: 'authorization', code: 29, message: 'no' } as const;
    const { admin } = owner;
    const eachLogEnds: typeof admin.eachLogEnds = async (places) =>
      places.map(({ topic, partition }) =>
        topic === 'q.parts'
          ? { topic, partition, failure }
          : { topic, partition, start: 0, end: 0, ...rig.cluster.log({ topic, partition })?.ends },
      );
    owner.admin = new Proxy(admin, {
      get: (target, name) => (name === 'eachLogEnds' ? eachLogEnds : (Reflect.get(target, name) as unknown)),
    });
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(rig.start('q')).toBe(10);
    expect(owner.purger.health.refused).toMatchObject([{ topic: 'q.parts', failure }]);
    expect(owner.of('problem')).toEqual([]);
  });
});

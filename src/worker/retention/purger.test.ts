import { describe, expect, it } from 'vitest';
import { KEEP_MS, type OwnerRig, PurgeRig, ROUND_MS } from '../../../test/support/purge-rig.ts';
import { resolveRetention } from '../../options/retention.ts';
import { NO_PINS } from './pin-book.ts';

const denied = { kind: 'authorization', code: 29, message: 'Group authorization failed' } as const;

/** What is asked for by this name is answered when the test says so. */
function hold(owner: OwnerRig, call: 'eachLogEnds'): { answer: () => void } {
  const { admin } = owner;
  const held = { answer: (): void => {} };
  owner.admin = new Proxy(admin, {
    get: (target, name) =>
      name === call
        ? (...given: Parameters<typeof admin.eachLogEnds>) =>
            new Promise((resolve) => {
              held.answer = () => resolve(admin.eachLogEnds(...given));
            })
        : (Reflect.get(target, name) as unknown),
  });
  return held;
}

describe('reports', () => {
  it('are of each partition and of each topic', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ groups: ['g', 'h'] });
    for (const partition of [0, 1]) rig.append('q', partition, 4);
    for (const partition of [0, 1]) owner.finish(partition, 4);
    await rig.pass(KEEP_MS + ROUND_MS);
    const [pinned] = owner.of('retention-pinned');
    expect(pinned?.worst.map(({ partition }) => partition)).toEqual([0, 1]);
    expect(owner.purger.health.pinned).toMatchObject({ partitions: 2, records: 8 });

    await using other = new PurgeRig();
    const looking = await other.owner({ retention: resolveRetention({ timeMs: 4 * ROUND_MS }, 1_000) });
    for (const partition of [0, 1]) other.append('q', partition, 4);
    for (const partition of [0, 1]) looking.finish(partition, 0, 4);
    await other.pass(4 * ROUND_MS);
    expect(looking.purger.health.alarms.map(({ partition }) => partition)).toEqual([0, 1]);

    await using third = new PurgeRig();
    const refused = await third.owner({ partitions: [0] });
    third.append('q', 0, 1);
    refused.finish(0, 1);
    for (const topic of ['q', 'q.state'])
      third.cluster.setTopicConfig(topic, 'message.timestamp.type', 'CreateTime');
    await third.rounds(1);
    expect(refused.of('retention-refused').map(({ topic }) => topic)).toEqual(['q', 'q.state']);
    expect(refused.purger.health.refused).toHaveLength(2);
  });

  it('of a pin keep what was found out when it was told, for as long as it is the same', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0], groups: ['g', 'h'] });
    rig.append('q', 0, 4);
    owner.finish(0, 4);
    await rig.pass(2 * KEEP_MS + ROUND_MS);
    const [told] = owner.of('retention-pinned').slice(-1);
    expect(told?.worst).toMatchObject([{ bytes: 400, by: { kind: 'group', group: 'h' } }]);
    await rig.rounds(1);
    expect(owner.purger.health.pinned).toEqual(told);
    expect(told?.worst[0]?.ageMs).toBeGreaterThan(KEEP_MS);
    // The group has begun, at the same offset: a task of its own keeps the records now.
    rig.commit('h', 0, 0);
    const epoch = rig.journal({ kind: 'claim', group: 'h', partition: 0, by: 'w' });
    const { topicId } = owner.state();
    rig.journal({ kind: 'confirm', group: 'h', partition: 0, epoch, frontier: 0, topicId, reason: 'taken' });
    await rig.rounds(1);
    expect(owner.purger.health.pinned.worst).toMatchObject([
      { by: { kind: 'task', group: 'h' }, bytes: undefined },
    ]);
  });

  it('end when the worker has no partition: nothing is told of that', async () => {
    await using rig = new PurgeRig();
    const retention = resolveRetention({ timeMs: 4 * ROUND_MS }, 1_000);
    const owner = await rig.owner({ partitions: [0], retention });
    rig.append('q', 0, 4);
    owner.finish(0, 0, 4);
    await rig.pass(4 * ROUND_MS);
    expect(owner.purger.health.alarms).toHaveLength(1);
    const told = owner.events.length;
    owner.state().move('gone');
    await rig.rounds(1);
    expect(owner.purger.health).toEqual({ pinned: NO_PINS, refused: [], alarms: [] });
    expect(owner.events).toHaveLength(told);
  });
});

describe('a round', () => {
  it('whose questions are not allowed says what is missing', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0], groups: ['g', 'h'] });
    rig.append('q', 0, 4);
    owner.finish(0, 4);
    rig.cluster.faults.failAdmin('committedOffsets', denied);
    await rig.rounds(1);
    const [refusal] = owner.of('retention-refused');
    expect(refusal).toMatchObject({ topic: 'q', failure: denied });
    expect(refusal?.why).toMatch(/Group authorization failed/);
    expect(owner.of('problem')).toEqual([]);
  });

  it('that fails for another reason than the cluster says so, and the next one begins', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 4);
    owner.finish(0, 4);
    const { admin } = owner;
    owner.admin = new Proxy(admin, {
      get: () => () => {
        throw new TypeError('a bug');
      },
    });
    await rig.rounds(1);
    expect(owner.of('problem')).toEqual([{ failure: { kind: 'other', code: undefined, message: 'a bug' } }]);
    owner.admin = admin;
    await rig.pass(KEEP_MS);
    expect(rig.start('q')).toBe(4);
  });

  it('that is under way when the worker ends asks nothing more, says nothing, and none follows', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 4);
    owner.finish(0, 4);
    const held = hold(owner, 'eachLogEnds');
    await rig.rounds(1);
    const stopping = owner.purger.stop();
    rig.asked.length = 0;
    held.answer();
    await stopping;
    await rig.pass(KEEP_MS * 2);
    expect(rig.asked).toEqual(['eachLogEnds']);
    expect(owner.events).toEqual([]);
  });
});

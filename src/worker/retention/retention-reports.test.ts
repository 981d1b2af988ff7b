import { describe, expect, it } from 'vitest';
import { itemOf } from '../../../test/support/core-rig.ts';
import { KEEP_MS, PurgeRig } from '../../../test/support/purge-rig.ts';
import { resolveRetention } from '../../options/retention.ts';
import { Lane } from '../core/lane.ts';
import type { PartitionState } from '../core/partition-state.ts';
import { judgeHealth } from '../worker-health.ts';

/** A key's task is unfinished. */
function open(partition: PartitionState, offset: number, key: string): void {
  const lane = new Lane(key);
  lane.pushTail(itemOf(offset, key));
  partition.lanes.set(key, lane);
}

describe('what pins records', () => {
  it('is told with its key, how many, how old and how large they are, when it begins and then once in a while', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 10);
    await rig.pass(1_000);
    rig.append('q', 0, 10);
    owner.finish(0, 4, 20);
    open(owner.state(), 4, Buffer.from('größe').toString('latin1'));
    await rig.pass(KEEP_MS - 1_000);
    expect(owner.of('retention-pinned')).toEqual([]);
    await rig.rounds(1);
    const pin = {
      topic: 'q',
      partition: 0,
      by: { kind: 'task', group: 'g', partition: 0, offset: 4n, key: 'größe' },
      offset: 4n,
      records: 16,
      ageMs: KEEP_MS,
      bytes: 1_600,
    };
    expect(owner.of('retention-pinned')).toEqual([
      { partitions: 1, queuePartitions: 1, records: 16, bytes: 1_600, worst: [pin] },
    ]);
    await rig.pass(KEEP_MS - 500);
    expect(owner.of('retention-pinned')).toHaveLength(1);
    await rig.rounds(1);
    expect(owner.of('retention-pinned')).toHaveLength(2);
    expect(owner.of('retention-pinned')[1]?.worst[0]?.ageMs).toBeGreaterThanOrEqual(KEEP_MS * 2);
    expect(owner.purger.health.pinned.worst).toMatchObject([{ offset: 4n, records: 16, bytes: 1_600 }]);
    const health = judgeHealth('running', { retention: owner.purger.health }, 0);
    expect(health).toMatchObject({ status: 'degraded', retention: { pinned: { partitions: 1 } } });
    expect(health.reasons).toEqual(['what is finished is kept longer than asked for in 1 partition']);
    owner.finish(0, 6, 20); // another task now
    open(owner.state(), 6, 'other');
    await rig.rounds(1);
    expect(owner.of('retention-pinned')).toHaveLength(2);
    expect(owner.purger.health.pinned).toMatchObject({
      bytes: undefined,
      worst: [{ by: { key: 'other' }, offset: 6n, bytes: undefined }],
    });
    owner.finish(0, 20);
    await rig.rounds(2);
    expect(owner.purger.health.pinned).toMatchObject({ partitions: 0, worst: [] });
    expect(rig.start('q')).toBe(20);
    expect(owner.of('retention-pinned')).toHaveLength(2);
  });

  it('is told without its size where that may not be asked', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0], groups: ['g', 'h'] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    rig.cluster.faults.failAdmin('logSizes', { kind: 'authorization', code: 31, message: 'no' });
    await rig.pass(KEEP_MS * 1.5);
    expect(owner.of('retention-pinned')).toMatchObject([
      { bytes: undefined, worst: [{ by: { kind: 'group', group: 'h' }, bytes: undefined }] },
    ]);
    expect(owner.of('retention-refused')).toEqual([]);
  });

  it('is told in one event for all partitions: how much it is, and those with the most records', async () => {
    await using rig = new PurgeRig(30);
    const owner = await rig.owner({ groups: ['g', 'h'] });
    for (let partition = 0; partition < 30; partition += 1) {
      rig.append('q', partition, 1 + partition);
      owner.finish(partition, 1 + partition);
    }
    await rig.pass(KEEP_MS * 1.5);
    const told = owner.of('retention-pinned');
    expect(told).toMatchObject([{ partitions: 30, queuePartitions: 30, records: 465, bytes: 46_500 }]);
    const numbers = Array.from({ length: 10 }, (_, n) => 29 - n);
    expect(told[0]?.worst.map(({ partition }) => partition)).toEqual(numbers);
    expect(owner.purger.health.pinned).toEqual(told[0]);
    // One more: all are told again, and the ten minutes (here: 10 s) begin anew.
    rig.asked.length = 0;
    owner.state(3).move('gone');
    await rig.rounds(1);
    expect(owner.purger.health.pinned).toMatchObject({ partitions: 29, records: 461, bytes: undefined });
    expect(owner.of('retention-pinned')).toHaveLength(1);
    expect(rig.asked).not.toContain('logSizes');
  });

  it('is a backlog of which nothing has been read, too, once somebody has looked at the log', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    await rig.rounds(1);
    rig.append('q', 0, 5); // and no reader brings it: there is no room
    await rig.pass(KEEP_MS * 2);
    expect(owner.of('retention-pinned')).toEqual([]);
    owner.state().logEnd = 5;
    await rig.rounds(1);
    expect(owner.of('retention-pinned')).toMatchObject([
      { worst: [{ by: { kind: 'task', offset: 0n, key: undefined }, records: 5 }] },
    ]);
  });

  it('is forgotten when the partition has gone', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0], groups: ['g', 'h'] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS * 2);
    expect(owner.purger.health.pinned.partitions).toBe(1);
    owner.state().move('gone');
    await rig.rounds(2);
    expect(owner.purger.health.pinned).toMatchObject({ partitions: 0, worst: [] });
  });
});

describe('a queue whose records Kafka deletes by their age', () => {
  const retention = resolveRetention({ timeMs: 20_000 }, 1_000);

  it('has an alarm when an unfinished task is half as old, again once in a while, and never deletes by itself', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0], retention });
    rig.append('q', 0, 10);
    owner.finish(0, 4, 10);
    open(owner.state(), 4, 'k');
    await rig.pass(10_000);
    expect(owner.of('retention-alarm')).toEqual([]);
    await rig.pass(5_000);
    expect(owner.of('retention-alarm')).toEqual([
      { partition: 0, offset: 4n, key: 'k', ageMs: 10_000, timeMs: 20_000 },
    ]);
    await rig.pass(15_000);
    expect(owner.of('retention-alarm')).toHaveLength(1);
    await rig.pass(10_000);
    expect(owner.of('retention-alarm')).toHaveLength(2);
    expect(judgeHealth('running', { retention: owner.purger.health }, 0).reasons).toEqual([
      'Kafka will delete unfinished tasks of 1 partition',
    ]);
    owner.finish(0, 10);
    await rig.pass(5_000);
    expect(owner.purger.health.alarms).toEqual([]);
    rig.append('q', 0, 1);
    await rig.pass(5_000);
    expect(owner.purger.health.alarms).toEqual([]); // it is young
    expect(rig.start('q')).toBe(0);
    expect(new Set(rig.asked)).toEqual(
      new Set(['describeTopics', 'topicConfigs', 'eachLogEnds', 'offsetsForTime']),
    );
  });

  it.each(['eachLogEnds', 'offsetsForTime'] as const)(
    'has its alarms for the others while one has no leader, and for that one as before: by %s',
    async (call) => {
      await using rig = new PurgeRig();
      const owner = await rig.owner({ retention });
      rig.append('q', 0, 10);
      await rig.pass(15_000);
      expect(owner.of('retention-alarm')).toMatchObject([{ partition: 0 }]);
      const { admin } = owner;
      const lossy = async (...given: Parameters<typeof admin.offsetsForTime>) => {
        const elected = rig.cluster.faults.loseLeader({ topic: 'q', partition: 0 });
        const answers = await admin[call](...given);
        elected();
        return answers;
      };
      owner.admin = new Proxy(admin, {
        get: (target, name) => (name === call ? lossy : (Reflect.get(target, name) as unknown)),
      });
      rig.append('q', 1, 10);
      owner.finish(0, 10); // nobody knows whether there is more
      await rig.pass(15_000);
      expect(owner.of('retention-alarm').map(({ partition }) => partition)).toEqual([0, 1]);
      expect(owner.purger.health.alarms).toMatchObject([{ partition: 0 }, { partition: 1 }]);
      owner.admin = admin;
      await rig.pass(5_000);
      expect(owner.purger.health.alarms).toMatchObject([{ partition: 1 }]);
    },
  );
});

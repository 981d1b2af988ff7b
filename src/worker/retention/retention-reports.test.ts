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
    expect(owner.of('retention-pinned')).toEqual([
      {
        topic: 'q',
        partition: 0,
        by: { kind: 'task', group: 'g', partition: 0, offset: 4n, key: 'größe' },
        offset: 4n,
        records: 16,
        ageMs: KEEP_MS,
        bytes: 1_600,
      },
    ]);
    await rig.pass(KEEP_MS - 500);
    expect(owner.of('retention-pinned')).toHaveLength(1);
    await rig.rounds(1);
    expect(owner.of('retention-pinned')).toHaveLength(2);
    expect(owner.of('retention-pinned')[1]?.ageMs).toBeGreaterThanOrEqual(KEEP_MS * 2);
    expect(owner.purger.health.pinned).toMatchObject([{ offset: 4n, records: 16 }]);
    const health = judgeHealth('running', { retention: owner.purger.health }, 0);
    expect(health).toMatchObject({ status: 'degraded', retention: { pinned: [{ topic: 'q' }] } });
    expect(health.reasons).toEqual(['what is finished is kept longer than asked for in 1 partition']);
    owner.finish(0, 6, 20); // another task now
    open(owner.state(), 6, 'other');
    await rig.rounds(1);
    expect(owner.of('retention-pinned')).toHaveLength(2);
    expect(owner.purger.health.pinned).toMatchObject([
      { by: { key: 'other' }, offset: 6n, bytes: undefined },
    ]);
    owner.finish(0, 20);
    await rig.rounds(2);
    expect(owner.purger.health.pinned).toEqual([]);
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
      { by: { kind: 'group', group: 'h' }, bytes: undefined },
    ]);
    expect(owner.of('retention-refused')).toEqual([]);
  });

  it('is forgotten when the partition has gone', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0], groups: ['g', 'h'] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS * 2);
    expect(owner.purger.health.pinned).toHaveLength(1);
    owner.state().move('gone');
    await rig.rounds(2);
    expect(owner.purger.health.pinned).toEqual([]);
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
      new Set(['describeTopics', 'topicConfigs', 'logEnds', 'offsetsForTime']),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { toldOf } from '../told.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { memoryDriver } from './memory-driver.ts';

const record = (value: string) => ({ key: null, value: Buffer.from(value), headers: [] });

describe('a memory cluster', () => {
  it('gives a topic that was created again another id and an empty log', async () => {
    const cluster = new MemoryCluster();
    cluster.createTopic('t');
    cluster.write({ topic: 't', partition: 0 }, [record('a')]);
    const admin = await memoryDriver(cluster).admin();
    const before = (await admin.describeTopics(['t'])).get('t')?.id;
    cluster.deleteTopic('t');
    expect((await admin.describeTopics(['t'])).size).toBe(0);
    cluster.createTopic('t');
    expect((await admin.describeTopics(['t'])).get('t')?.id).not.toBe(before);
    expect(cluster.records('t')).toEqual([]);
  });

  it("applies the brokers' settings to topics that set nothing", async () => {
    const cluster = new MemoryCluster({ brokerConfigs: { 'min.insync.replicas': '2' } });
    cluster.createTopic('plain');
    cluster.createTopic('own', { configs: { 'min.insync.replicas': '3', 'cleanup.policy': 'compact' } });
    const admin = await memoryDriver(cluster).admin();
    expect((await admin.topicConfigs('plain')).get('min.insync.replicas')).toBe('2');
    expect((await admin.topicConfigs('own')).get('min.insync.replicas')).toBe('3');
    cluster.setTopicConfig('own', 'cleanup.policy', 'delete');
    expect((await admin.topicConfigs('own')).get('cleanup.policy')).toBe('delete');
    expect((await admin.brokerConfigs()).get('min.insync.replicas')).toBe('2');
  });

  it('brings the offsets topic into being with the first member', async () => {
    const cluster = new MemoryCluster({ brokers: 1 });
    const driver = memoryDriver(cluster);
    const admin = await driver.admin();
    expect((await admin.describeTopics(['__consumer_offsets'])).size).toBe(0);
    const member = driver.membership({
      group: 'g',
      topics: [],
      protocol: 'classic',
      sessionTimeoutMs: 30_000,
      maxPollIntervalMs: 300_000,
      staticMemberId: undefined,
      rackId: undefined,
    });
    await member.join(() => {});
    const topic = (await admin.describeTopics(['__consumer_offsets'])).get('__consumer_offsets');
    expect(topic?.partitions).toHaveLength(50);
    expect(topic?.partitions[0]?.replicas).toHaveLength(1);
    expect((await admin.topicConfigs('__consumer_offsets')).get('cleanup.policy')).toBe('compact');
    await member.leave();
  });

  it('elects leaders that lack the end of a log, and says what is left of those before', async () => {
    const cluster = new MemoryCluster();
    cluster.createTopic('t');
    const place = { topic: 't', partition: 0 };
    const admin = await memoryDriver(cluster).admin();
    const ends = async () => {
      const answers = [0, 1, 2, 3].map((leaderEpoch) => admin.leaderEnds([{ ...place, leaderEpoch }]));
      return (await Promise.all(answers)).map((told) => toldOf(told)[0]?.end);
    };
    cluster.write(place, ['a', 'b', 'c'].map(record));
    cluster.elect(place);
    cluster.write(place, ['d'].map(record));
    expect(await ends()).toEqual([3, 4, undefined, undefined]);
    cluster.elect(place, 2);
    cluster.write(place, ['x', 'y', 'z'].map(record));
    expect(await ends()).toEqual([2, 2, 5, undefined]);
    const appended = cluster
      .records('t')
      .map(({ value, leaderEpoch }) => `${value?.toString()}${leaderEpoch}`);
    expect(appended).toEqual(['a0', 'b0', 'x2', 'y2', 'z2']);
    cluster.deleteRecords(place, 4);
    expect(await ends()).toEqual([4, 4, 5, undefined]);
  });

  it('fails admin calls when told to, once each', async () => {
    const cluster = new MemoryCluster();
    const admin = await memoryDriver(cluster).admin();
    cluster.faults.failAdmin('topicConfigs', { kind: 'authorization', code: 29, message: 'not authorized' });
    cluster.createTopic('t');
    await expect(admin.topicConfigs('t')).rejects.toMatchObject({ failure: { kind: 'authorization' } });
    expect((await admin.topicConfigs('t')).size).toBeGreaterThan(10);
  });

  it('notes polls that overlap', async () => {
    const cluster = new MemoryCluster();
    const reader = await memoryDriver(cluster).reader({ name: 'r', prefetchBytes: 1 });
    await reader.poll(1);
    expect(cluster.misuses).toEqual([]);
    await Promise.all([reader.poll(1), reader.poll(1)]);
    expect(cluster.misuses).toEqual(['poll() was called while another was under way']);
  });
});

import { describe, expect, it } from 'vitest';
import { resolveRetention } from '../options/retention.ts';
import { fitToCluster, planTopics, type TopicDeclaration, topicSpec } from './topic-plan.ts';

const declaration: TopicDeclaration = {
  queue: 'orders',
  partitions: 768,
  replicationFactor: undefined,
  minInsyncReplicas: undefined,
  maxRecordBytes: 2_000_000,
  retention: resolveRetention({}, 1_800_000),
};

describe('planTopics', () => {
  it('plans the queue as declared, and its other topics with at most 24 partitions', () => {
    expect(planTopics(declaration).topics).toMatchObject([
      { role: 'queue', name: 'orders', partitions: 768 },
      { role: 'state', name: 'orders.state', partitions: 24 },
      { role: 'parked', name: 'orders.parked', partitions: 24 },
      { role: 'parts', name: 'orders.parts', partitions: 24, maxRecordBytes: 2_000_000 },
    ]);
    const five = planTopics({ ...declaration, partitions: 5 }).topics;
    expect(five.map(({ partitions }) => partitions)).toEqual([5, 5, 5, 5]);
  });

  it('refuses a name that no topic can have', () => {
    expect(() => planTopics({ ...declaration, queue: 'my orders' })).toThrow(
      expect.objectContaining({
        code: 'OPTIONS_INVALID',
        problems: [expect.objectContaining({ path: 'name', value: '"my orders"' })],
      }),
    );
  });
});

describe('fitToCluster', () => {
  it.each([
    // brokers, declared replicas, declared in sync -> replicas, in sync, lowered
    [3, undefined, undefined, 3, 2, false],
    [9, undefined, undefined, 3, 2, false],
    [2, undefined, undefined, 2, 1, true],
    [1, undefined, undefined, 1, 1, true],
    [0, undefined, undefined, 1, 1, true],
    [1, 3, 2, 3, 2, false],
    [5, 5, 3, 5, 3, false],
    [3, 1, undefined, 1, 1, false],
    [3, 2, undefined, 2, 1, false],
    [3, undefined, 3, 3, 3, false],
  ])(
    '%i brokers, declared %s/%s: %i replicas, %i in sync',
    (brokers, rf, min, replicationFactor, minInsyncReplicas, lowered) => {
      const plan = planTopics({ ...declaration, replicationFactor: rf, minInsyncReplicas: min });
      expect(fitToCluster(plan, brokers)).toMatchObject({ replicationFactor, minInsyncReplicas, lowered });
    },
  );
});

describe('topicSpec', () => {
  it('keeps every record until its owner deletes it, on enough brokers', () => {
    const plan = fitToCluster(planTopics(declaration), 3);
    const [queue, state, parked, parts] = plan.topics.map((topic) => topicSpec(plan, topic));
    expect(queue).toEqual({
      name: 'orders',
      partitions: 768,
      replicationFactor: 3,
      configs: {
        'cleanup.policy': 'delete',
        'retention.ms': '-1',
        'retention.bytes': '-1',
        'message.timestamp.type': 'LogAppendTime',
        'min.insync.replicas': '2',
        'unclean.leader.election.enable': 'false',
        'max.message.bytes': '2000000',
        'compression.type': 'producer',
      },
    });
    expect(state?.configs).toMatchObject({ 'cleanup.policy': 'delete', 'max.message.bytes': '1048588' });
    expect(parked?.configs).toEqual({ ...queue?.configs, 'max.message.bytes': '2002560' });
    expect(parts).toEqual({ ...queue, name: 'orders.parts', partitions: 24 });
  });

  it('has Kafka delete tasks and their parts by age where that is asked for, and nothing else', () => {
    const retention = resolveRetention({ timeMs: 86_400_000 }, 1_800_000);
    const plan = fitToCluster(planTopics({ ...declaration, retention }), 3);
    const times = plan.topics.map((topic) => {
      const { configs } = topicSpec(plan, topic);
      return [topic.role, configs['retention.ms'], configs['segment.ms'], configs['retention.bytes']];
    });
    expect(times).toEqual([
      ['queue', '86400000', '86400000', '-1'],
      ['state', '-1', undefined, '-1'],
      ['parked', '-1', undefined, '-1'],
      ['parts', '175200000', undefined, '-1'],
    ]);
  });

  it('lets everything that fits into the queue fit into the parked topic, also what others wrote', () => {
    const plan = fitToCluster(planTopics({ ...declaration, maxRecordBytes: 900_000 }), 3);
    const limits = plan.topics.map((topic) => topicSpec(plan, topic).configs['max.message.bytes']);
    expect(limits).toEqual(['1048588', '1048588', '1051148', '1048588']);
  });
});

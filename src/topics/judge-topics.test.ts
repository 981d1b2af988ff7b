import { describe, expect, it } from 'vitest';
import { resolveRetention } from '../options/retention.ts';
import type { ClusterFacts, TopicAsIs } from './cluster-facts.ts';
import { clusterSize, judgeCreation } from './judge-creation.ts';
import { judgeTopics } from './judge-topics.ts';
import { fitToCluster, planTopics, topicSpec } from './topic-plan.ts';

const declared = planTopics({
  queue: 'q',
  partitions: 12,
  replicationFactor: undefined,
  minInsyncReplicas: undefined,
  maxRecordBytes: 2_000_000,
  retention: resolveRetention({}, 1_800_000),
});
const plan = fitToCluster(declared, 3);

function good(fitted = plan): readonly TopicAsIs[] {
  return fitted.topics.map((topic) => {
    const { configs, ...shape } = topicSpec(fitted, topic);
    return { ...shape, configs: new Map(Object.entries(configs)) };
  });
}

function withConfigs(topic: TopicAsIs, changes: Record<string, string>): TopicAsIs {
  if ('unreadable' in topic.configs) return topic;
  return { ...topic, configs: new Map([...topic.configs, ...Object.entries(changes)]) };
}

function cluster(changes: Partial<ClusterFacts> = {}): ClusterFacts {
  return {
    topics: good(),
    brokerCount: 3,
    brokerConfigs: new Map([
      ['socket.request.max.bytes', '104857600'],
      ['offsets.topic.replication.factor', '3'],
      ['min.insync.replicas', '2'],
    ]),
    offsetsTopic: {
      name: '__consumer_offsets',
      partitions: 50,
      replicationFactor: 3,
      configs: new Map([['min.insync.replicas', '2']]),
    },
    ...changes,
  };
}

/** The good topics, the queue's changed. */
function changed(change: (queue: TopicAsIs) => TopicAsIs): ClusterFacts {
  return cluster({ topics: good().map((topic) => (topic.name === 'q' ? change(topic) : topic)) });
}

function found(facts: ClusterFacts, fitted = plan): readonly string[] {
  return judgeTopics(fitted, facts).map((p) => `${p.severity} ${p.code} ${p.topic}`);
}

describe('judgeTopics', () => {
  it('finds nothing wrong with topics as keylane creates them', () => {
    expect(judgeTopics(plan, cluster())).toEqual([]);
  });

  it.each([
    [{ 'cleanup.policy': 'compact' }, 'refuse TOPIC_COMPACTED q'],
    [{ 'cleanup.policy': 'compact,delete' }, 'refuse TOPIC_COMPACTED q'],
    [{ 'min.insync.replicas': '3' }, 'refuse MIN_INSYNC_TOO_HIGH q'],
    [{ 'min.insync.replicas': '4' }, 'refuse MIN_INSYNC_TOO_HIGH q'],
    [{ 'min.insync.replicas': '1' }, 'refuse MIN_INSYNC_TOO_LOW q'],
    [{ 'unclean.leader.election.enable': 'true' }, 'refuse UNCLEAN_ELECTION q'],
    [{ 'retention.ms': '604800000' }, 'refuse RETENTION_TIME_FINITE q'],
    [{ 'retention.ms': '0' }, 'refuse RETENTION_TIME_FINITE q'],
    [{ 'retention.bytes': '1073741824' }, 'refuse RETENTION_BYTES_FINITE q'],
    [{ 'message.timestamp.type': 'CreateTime' }, 'warn TIMESTAMPS_BY_PRODUCER q'],
    [{ 'max.message.bytes': '1048588' }, 'warn RECORD_LIMIT_TOO_LOW q'],
  ])('judges %o', (configs, expected) => {
    expect(found(changed((queue) => withConfigs(queue, configs)))).toEqual([expected]);
  });

  it('accepts what is safer or larger than asked for', () => {
    const safer = changed((queue) => ({
      ...withConfigs(queue, { 'min.insync.replicas': '3', 'max.message.bytes': '9000000' }),
      replicationFactor: 5,
    }));
    expect(found(safer)).toEqual([]);
  });

  it.each([
    [8, 'refuse PARTITIONS_TOO_FEW q', 'topic.partitions: 8'],
    [24, 'refuse PARTITIONS_TOO_MANY q', 'topic.partitions: 24'],
  ])('refuses %i partitions where 12 are declared', (partitions, expected, cure) => {
    const facts = changed((queue) => ({ ...queue, partitions }));
    expect(found(facts)).toEqual([expected]);
    expect(judgeTopics(plan, facts)[0]?.cure).toContain(cure);
  });

  it.each(['q.state', 'q.parked', 'q.parts'])('judges %s as strictly as the queue', (name) => {
    const topics = good().map((topic) =>
      topic.name === name ? { ...withConfigs(topic, { 'cleanup.policy': 'compact' }), partitions: 3 } : topic,
    );
    expect(found(cluster({ topics }))).toEqual([
      `refuse PARTITIONS_TOO_FEW ${name}`,
      `refuse TOPIC_COMPACTED ${name}`,
    ]);
  });

  it('warns of a parts topic with a lower limit, which takes smaller parts', () => {
    const topics = good().map((topic) =>
      topic.name === 'q.parts' ? withConfigs(topic, { 'max.message.bytes': '500000' }) : topic,
    );
    expect(found(cluster({ topics }))).toEqual(['warn RECORD_LIMIT_TOO_LOW q.parts']);
    expect(judgeTopics(plan, cluster({ topics }))[0]?.what).toContain('cut into parts of that');
  });

  it('warns of two replicas, and refuses one that is acknowledged alone', () => {
    expect(
      found(
        changed((queue) => ({ ...withConfigs(queue, { 'min.insync.replicas': '1' }), replicationFactor: 2 })),
      ),
    ).toEqual(['refuse MIN_INSYNC_TOO_LOW q', 'warn REPLICATION_TOO_LOW q']);
  });

  it('only warns where a single copy is what was declared', () => {
    const alone = fitToCluster({ ...declared, replicationFactor: 1, minInsyncReplicas: 1 }, 3);
    const codes = found(cluster({ topics: good(alone) }), alone);
    expect(new Set(codes.map((code) => code.split(' ')[0]))).toEqual(new Set(['warn']));
    expect(codes).toContain('warn MIN_INSYNC_TOO_LOW q');
    expect(codes).toContain('warn REPLICATION_TOO_LOW q');
  });

  it('says nothing more of a development cluster, which was warned of once', () => {
    const small = fitToCluster(declared, 1);
    const offsetsTopic = {
      name: '__consumer_offsets',
      partitions: 50,
      replicationFactor: 1,
      configs: new Map([['min.insync.replicas', '1']]),
    };
    expect(found(cluster({ topics: good(small), brokerCount: 1, offsetsTopic }), small)).toEqual([]);
  });

  it.each([
    ['fewer replicas', { replicationFactor: 1, configs: new Map([['min.insync.replicas', '2']]) }],
    ['fewer in sync', { replicationFactor: 3, configs: new Map([['min.insync.replicas', '1']]) }],
  ])('warns of committed offsets with %s than the queue', (_name, weaker) => {
    const offsetsTopic = { name: '__consumer_offsets', partitions: 50, ...weaker };
    expect(found(cluster({ offsetsTopic }))).toEqual(['warn OFFSETS_TOPIC_WEAKER __consumer_offsets']);
  });

  it('judges an offsets topic that is yet to be made by what it will be made from', () => {
    const brokerConfigs = new Map([
      ['offsets.topic.replication.factor', '1'],
      ['min.insync.replicas', '1'],
    ]);
    expect(found(cluster({ offsetsTopic: undefined, brokerConfigs }))).toEqual([
      'warn OFFSETS_TOPIC_WEAKER __consumer_offsets',
    ]);
  });

  it('warns of brokers that take no request as large as our records', () => {
    const brokerConfigs = new Map([['socket.request.max.bytes', '1000000']]);
    expect(found(cluster({ brokerConfigs }))).toEqual(['warn REQUEST_LIMIT_TOO_LOW q']);
  });

  it('reports what may not be read as unknown, and still judges the rest', () => {
    const hidden = { unreadable: 'not authorized' };
    const facts = cluster({
      topics: good().map((topic) => ({
        ...topic,
        partitions: topic.name === 'q' ? 1 : topic.partitions,
        configs: hidden,
      })),
      brokerConfigs: hidden,
      offsetsTopic: hidden,
    });
    expect(found(facts)).toEqual([
      'refuse PARTITIONS_TOO_FEW q',
      'unknown TOPIC_CONFIGS_UNKNOWN q',
      'unknown TOPIC_CONFIGS_UNKNOWN q.state',
      'unknown TOPIC_CONFIGS_UNKNOWN q.parked',
      'unknown TOPIC_CONFIGS_UNKNOWN q.parts',
      'unknown BROKER_CONFIGS_UNKNOWN q',
      'unknown OFFSETS_TOPIC_UNKNOWN __consumer_offsets',
    ]);
  });

  it('lists everything at once, each with a cure', () => {
    const facts = changed((queue) => ({
      ...withConfigs(queue, {
        'cleanup.policy': 'compact',
        'retention.ms': '1000',
        'min.insync.replicas': '3',
      }),
      partitions: 1,
    }));
    const problems = judgeTopics(plan, facts);
    expect(problems.map((p) => p.code)).toEqual([
      'PARTITIONS_TOO_FEW',
      'TOPIC_COMPACTED',
      'RETENTION_TIME_FINITE',
      'MIN_INSYNC_TOO_HIGH',
    ]);
    expect(problems.every((p) => p.cure.length > 20 && p.what.length > 10)).toBe(true);
  });
});

describe('judgeCreation', () => {
  const none = cluster({ topics: [] });

  it('has nothing against creating on three brokers', () => {
    expect(judgeCreation(plan, none, 'create')).toEqual([]);
  });

  it('names every topic that is missing when it may not create', () => {
    const problems = judgeCreation(plan, none, 'fail');
    expect(problems.map((p) => [p.code, p.topic])).toEqual([
      ['TOPIC_MISSING', 'q'],
      ['TOPIC_MISSING', 'q.state'],
      ['TOPIC_MISSING', 'q.parked'],
      ['TOPIC_MISSING', 'q.parts'],
    ]);
  });

  it('warns once that a small cluster gets fewer copies', () => {
    const facts = cluster({ topics: [], brokerCount: 1, offsetsTopic: undefined, brokerConfigs: new Map() });
    const fitted = fitToCluster(declared, clusterSize(facts));
    expect(judgeCreation(fitted, facts, 'create').map((p) => p.code)).toEqual(['REPLICATION_LOWERED']);
  });

  it('does not take a cluster with a broker down for a small one', () => {
    const facts = cluster({ topics: [], brokerCount: 2 });
    const fitted = fitToCluster(declared, clusterSize(facts));
    expect(fitted.replicationFactor).toBe(3);
    expect(judgeCreation(fitted, facts, 'create').map((p) => p.code)).toEqual(['BROKERS_MISSING']);
  });

  it('lets topics that exist be used while a broker is down', () => {
    const facts = cluster({ brokerCount: 2 });
    const fitted = fitToCluster(declared, clusterSize(facts));
    expect(judgeCreation(fitted, facts, 'create')).toEqual([]);
    expect(judgeTopics(fitted, facts)).toEqual([]);
  });

  it('refuses more declared replicas than there are brokers', () => {
    const fitted = fitToCluster({ ...declared, replicationFactor: 5 }, 3);
    expect(judgeCreation(fitted, none, 'create').map((p) => p.code)).toEqual(['REPLICATION_IMPOSSIBLE']);
  });
});

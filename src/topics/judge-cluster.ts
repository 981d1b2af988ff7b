import type { ConfigMap } from '../kafka/admin.ts';
import { type ClusterFacts, isUnreadable, type Unreadable } from './cluster-facts.ts';
import type { FittedPlan } from './topic-plan.ts';
import type { TopicProblem } from './topic-problem.ts';

/** The brokers close the connection on a larger request, without an answer. */
export function judgeRequestLimit(
  plan: FittedPlan,
  configs: ConfigMap | Unreadable,
): readonly TopicProblem[] {
  if (isUnreadable(configs)) {
    const what = `the brokers' configs could not be read: ${configs.unreadable}`;
    const cure = 'Allow DescribeConfigs on the cluster, or check it yourself against docs/topics.md.';
    return [{ code: 'BROKER_CONFIGS_UNKNOWN', severity: 'unknown', topic: plan.queue, what, cure }];
  }
  const limit = Number(configs.get('socket.request.max.bytes') ?? Number.POSITIVE_INFINITY);
  const largest = Math.max(...plan.topics.map((topic) => topic.maxRecordBytes));
  if (limit > largest) return [];
  return [
    {
      code: 'REQUEST_LIMIT_TOO_LOW',
      severity: 'warn',
      topic: plan.queue,
      what: `the brokers' socket.request.max.bytes is ${limit}: they close the connection on a record of ${largest} bytes`,
      cure: 'Raise socket.request.max.bytes on every broker, or send smaller tasks.',
    },
  ];
}

/** Lost committed offsets make tasks run again, so they should be as safe as the tasks. */
export function judgeOffsetsTopic(plan: FittedPlan, facts: ClusterFacts): readonly TopicProblem[] {
  const topic = '__consumer_offsets';
  const weak = offsetsStrength(facts);
  if (weak === undefined) return [];
  if (isUnreadable(weak)) {
    const what = `it could not be read: ${weak.unreadable}`;
    const cure = 'Allow Describe and DescribeConfigs on it, or check its replication yourself.';
    return [{ code: 'OFFSETS_TOPIC_UNKNOWN', severity: 'unknown', topic, what, cure }];
  }
  const { replicationFactor, minInsync } = weak;
  if (replicationFactor >= plan.replicationFactor && minInsync >= plan.minInsyncReplicas) return [];
  return [
    {
      code: 'OFFSETS_TOPIC_WEAKER',
      severity: 'warn',
      topic,
      what: `committed offsets have ${replicationFactor} replicas, ${minInsync} in sync, and tasks ${plan.replicationFactor}, ${plan.minInsyncReplicas} in sync: offsets that are lost make finished tasks run again`,
      cure: `Raise its replication factor to ${plan.replicationFactor} and its min.insync.replicas to ${plan.minInsyncReplicas} (before it exists: the brokers' offsets.topic.replication.factor and min.insync.replicas).`,
    },
  ];
}

function offsetsStrength(
  facts: ClusterFacts,
): { readonly replicationFactor: number; readonly minInsync: number } | Unreadable | undefined {
  const { offsetsTopic, brokerConfigs } = facts;
  if (offsetsTopic === undefined) {
    // Not made yet: it will be made from these. Unreadable ones are reported by themselves.
    if (isUnreadable(brokerConfigs)) return undefined;
    const replicationFactor = Number(brokerConfigs.get('offsets.topic.replication.factor') ?? Number.NaN);
    const minInsync = Number(brokerConfigs.get('min.insync.replicas') ?? Number.NaN);
    return Number.isNaN(replicationFactor) || Number.isNaN(minInsync)
      ? undefined
      : { replicationFactor, minInsync };
  }
  if (isUnreadable(offsetsTopic)) return offsetsTopic;
  if (isUnreadable(offsetsTopic.configs)) return offsetsTopic.configs;
  const minInsync = Number(offsetsTopic.configs.get('min.insync.replicas') ?? 1);
  return { replicationFactor: offsetsTopic.replicationFactor, minInsync };
}

import type { ConfigMap } from '../kafka/admin.ts';
import { type ClusterFacts, isUnreadable, type TopicAsIs } from './cluster-facts.ts';
import { setConfig } from './cures.ts';
import { judgeOffsetsTopic, judgeRequestLimit } from './judge-cluster.ts';
import { judgeRetention } from './judge-retention.ts';
import type { FittedPlan, PlannedTopic } from './topic-plan.ts';
import type { TopicProblem } from './topic-problem.ts';

/** Judges the topics that exist, and what they stand on. Order: by topic, the worst first. */
export function judgeTopics(plan: FittedPlan, facts: ClusterFacts): readonly TopicProblem[] {
  const problems = [
    ...plan.topics.flatMap((planned) => {
      const fact = facts.topics.find((topic) => topic.name === planned.name);
      return fact === undefined ? [] : judgeTopic(plan, planned, fact);
    }),
    ...judgeRequestLimit(plan, facts.brokerConfigs),
    ...judgeOffsetsTopic(plan, facts),
  ];
  return [...problems].sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
}

const severities = ['refuse', 'warn', 'unknown'] as const;

function judgeTopic(plan: FittedPlan, planned: PlannedTopic, fact: TopicAsIs): readonly TopicProblem[] {
  const topic = fact.name;
  const shape = [...judgePartitions(planned, fact), ...judgeReplication(plan, fact)];
  if (isUnreadable(fact.configs)) {
    const what = `its configs could not be read: ${fact.configs.unreadable}`;
    const cure =
      'Allow DescribeConfigs on the topic, or check it yourself against docs/topics.md; keylane starts without knowing.';
    return [...shape, { code: 'TOPIC_CONFIGS_UNKNOWN', severity: 'unknown', topic, what, cure }];
  }
  const configs = fact.configs;
  return [
    ...shape,
    ...judgeCleanup(topic, configs),
    ...judgeRetention(planned, topic, configs),
    ...judgeMinInsync(plan, fact, configs),
    ...judgeRecords(planned, topic, configs),
  ];
}

function judgePartitions(planned: PlannedTopic, fact: TopicAsIs): readonly TopicProblem[] {
  if (fact.partitions === planned.partitions) return [];
  const topic = fact.name;
  const what = `it has ${fact.partitions} partitions, and ${planned.partitions} are declared`;
  const declare =
    planned.role === 'queue'
      ? `Declare topic.partitions: ${fact.partitions} in every producer and worker.`
      : `Declare the topic.partitions that this queue was created with; its other topics have min(24, that) partitions.`;
  const why = 'A key must stay in one partition: never change the number while unfinished tasks exist.';
  const code = fact.partitions < planned.partitions ? 'PARTITIONS_TOO_FEW' : 'PARTITIONS_TOO_MANY';
  return [{ code, severity: 'refuse', topic, what, cure: `${declare} ${why}` }];
}

function judgeReplication(plan: FittedPlan, fact: TopicAsIs): readonly TopicProblem[] {
  const wanted = Math.max(3, plan.replicationFactor);
  // Where the plan itself asks for fewer, that was said once, for all topics.
  if (
    fact.replicationFactor >= wanted ||
    (plan.lowered && fact.replicationFactor >= plan.replicationFactor)
  ) {
    return [];
  }
  return [
    {
      code: 'REPLICATION_TOO_LOW',
      severity: 'warn',
      topic: fact.name,
      what: `it has ${fact.replicationFactor} replicas; ${wanted} let one broker die while another is being restarted`,
      cure: `Raise its replication factor to ${wanted} with kafka-reassign-partitions.`,
    },
  ];
}

function judgeCleanup(topic: string, configs: ConfigMap): readonly TopicProblem[] {
  const problems: TopicProblem[] = [];
  const policy = configs.get('cleanup.policy');
  if (policy?.split(',').some((part) => part.trim() === 'compact')) {
    problems.push({
      code: 'TOPIC_COMPACTED',
      severity: 'refuse',
      topic,
      what: `cleanup.policy is ${policy}: Kafka keeps only the last task of each key`,
      cure: setConfig(topic, 'cleanup.policy=delete'),
    });
  }
  if (configs.get('unclean.leader.election.enable') === 'true') {
    problems.push({
      code: 'UNCLEAN_ELECTION',
      severity: 'refuse',
      topic,
      what: 'unclean.leader.election.enable is true: a replica without the newest records may become leader',
      cure: setConfig(topic, 'unclean.leader.election.enable=false'),
    });
  }
  return problems;
}

function judgeMinInsync(plan: FittedPlan, fact: TopicAsIs, configs: ConfigMap): readonly TopicProblem[] {
  const text = configs.get('min.insync.replicas');
  if (text === undefined) return [];
  const topic = fact.name;
  const actual = Number(text);
  // A single replica cannot have fewer than one copy in sync; that it is single is warned of by itself.
  if (actual >= fact.replicationFactor && !(actual === 1 && fact.replicationFactor === 1)) {
    const most = Math.max(1, fact.replicationFactor - 1);
    return [
      {
        code: 'MIN_INSYNC_TOO_HIGH',
        severity: 'refuse',
        topic,
        what: `min.insync.replicas is ${actual} of ${fact.replicationFactor} replicas: nothing can be enqueued while one broker is down`,
        cure: setConfig(topic, `min.insync.replicas=${Math.min(most, plan.minInsyncReplicas)}`),
      },
    ];
  }
  if (actual >= plan.minInsyncReplicas && actual >= 2) return [];
  if (actual >= plan.minInsyncReplicas && plan.lowered) return [];
  // One copy is lost with its broker. Whoever declares 1 has been told and accepts it.
  const refuse = actual < 2 && plan.minInsyncReplicas >= 2;
  const wanted = Math.max(2, plan.minInsyncReplicas);
  const cure = setConfig(topic, `min.insync.replicas=${wanted}`);
  return [
    {
      code: 'MIN_INSYNC_TOO_LOW',
      severity: refuse ? 'refuse' : 'warn',
      topic,
      what: `min.insync.replicas is ${actual}: a task is acknowledged with ${actual === 1 ? 'one copy' : `${actual} copies`}`,
      cure:
        fact.replicationFactor > wanted
          ? cure
          : `Raise its replication factor to ${wanted + 1} first; then ${cure}`,
    },
  ];
}

function judgeRecords(planned: PlannedTopic, topic: string, configs: ConfigMap): readonly TopicProblem[] {
  const problems: TopicProblem[] = [];
  const limit = Number(configs.get('max.message.bytes') ?? Number.POSITIVE_INFINITY);
  if (limit < planned.maxRecordBytes) {
    problems.push({
      code: 'RECORD_LIMIT_TOO_LOW',
      severity: 'warn',
      topic,
      what:
        planned.role === 'parts'
          ? `max.message.bytes is ${limit}: large tasks are cut into parts of that instead of ${planned.maxRecordBytes} bytes, which takes longer`
          : `max.message.bytes is ${limit}; records of up to ${planned.maxRecordBytes} bytes are sent, larger ones than the limit are refused`,
      cure: setConfig(topic, `max.message.bytes=${planned.maxRecordBytes}`),
    });
  }
  if (configs.get('message.timestamp.type') === 'CreateTime') {
    problems.push({
      code: 'TIMESTAMPS_BY_PRODUCER',
      severity: 'warn',
      topic,
      what: "message.timestamp.type is CreateTime: the ages of tasks depend on every producer's clock",
      cure: setConfig(topic, 'message.timestamp.type=LogAppendTime'),
    });
  }
  return problems;
}

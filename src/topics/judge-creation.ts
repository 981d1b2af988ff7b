import { type ClusterFacts, isUnreadable } from './cluster-facts.ts';
import { DEFAULT_REPLICATION, type FittedPlan } from './topic-plan.ts';
import type { TopicProblem } from './topic-problem.ts';

/**
 * How many brokers the cluster has, those that are down included: a broker that is being restarted must not make us
 * create topics with fewer replicas for good. Existing topics and the brokers' own settings tell.
 */
export function clusterSize(facts: ClusterFacts): number {
  const seen = [facts.brokerCount, ...facts.topics.map((topic) => topic.replicationFactor)];
  if (facts.offsetsTopic !== undefined) {
    if (!isUnreadable(facts.offsetsTopic)) seen.push(facts.offsetsTopic.replicationFactor);
  } else if (!isUnreadable(facts.brokerConfigs)) {
    seen.push(Number(facts.brokerConfigs.get('offsets.topic.replication.factor') ?? 0));
  }
  return Math.max(...seen);
}

/** What stands against creating the topics that do not exist, and what has to be said about it. */
export function judgeCreation(
  plan: FittedPlan,
  facts: ClusterFacts,
  onMissing: 'create' | 'fail',
): readonly TopicProblem[] {
  const missing = plan.topics.filter((planned) => !facts.topics.some((topic) => topic.name === planned.name));
  const lowered = judgeLowering(plan, facts);
  if (missing.length === 0) return lowered;
  if (onMissing === 'fail') {
    return missing.map(({ name, partitions }) => ({
      code: 'TOPIC_MISSING',
      severity: 'refuse',
      topic: name,
      what: "it does not exist, and topic.onMissing is 'fail'",
      cure: `Create it with ${partitions} partitions and the configs in docs/topics.md, or use topic.onMissing: 'create'.`,
    }));
  }
  return [...lowered, ...judgeRoom(plan, facts)];
}

function judgeLowering(plan: FittedPlan, facts: ClusterFacts): readonly TopicProblem[] {
  if (!plan.lowered) return [];
  const copies = plan.replicationFactor === 1 ? 'one copy' : `${plan.replicationFactor} copies`;
  return [
    {
      code: 'REPLICATION_LOWERED',
      severity: 'warn',
      topic: plan.queue,
      what: `the cluster has ${brokers(facts.brokerCount)}: its topics have ${copies} instead of ${DEFAULT_REPLICATION}, and tasks can be lost with a broker`,
      cure: 'Good for development. Use at least 3 brokers for work that matters.',
    },
  ];
}

function judgeRoom(plan: FittedPlan, facts: ClusterFacts): readonly TopicProblem[] {
  if (plan.replicationFactor <= facts.brokerCount) return [];
  const up = `${brokers(facts.brokerCount)} ${facts.brokerCount === 1 ? 'is' : 'are'} up`;
  if (plan.replicationFactor <= clusterSize(facts)) {
    return [
      {
        code: 'BROKERS_MISSING',
        severity: 'refuse',
        topic: plan.queue,
        what: `its topics must be created with ${plan.replicationFactor} replicas, and ${up} of a cluster set up for ${clusterSize(facts)}`,
        cure: 'Start the other brokers first. For a single development broker set offsets.topic.replication.factor=1 on it, or declare topic.replicationFactor: 1.',
      },
    ];
  }
  return [
    {
      code: 'REPLICATION_IMPOSSIBLE',
      severity: 'refuse',
      topic: plan.queue,
      what: `topic.replicationFactor is ${plan.replicationFactor}, and ${up}`,
      cure: 'Declare no more replicas than there are brokers, or leave topic.replicationFactor out.',
    },
  ];
}

function brokers(count: number): string {
  return count === 1 ? '1 broker' : `${count} brokers`;
}

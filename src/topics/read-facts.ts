import type { Admin, ConfigMap, TopicDescription } from '../kafka/admin.ts';
import type { KafkaFailureKind } from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import type { ClusterFacts, TopicAsIs, Unreadable } from './cluster-facts.ts';
import type { TopicPlan } from './topic-plan.ts';

const OFFSETS_TOPIC = '__consumer_offsets';

/** What was seen of a cluster in one look. */
export interface Look {
  readonly facts: ClusterFacts;
  readonly descriptions: ReadonlyMap<string, TopicDescription>;
}

/** Reads all that is judged; writes nothing. What the principal may not read is noted as such. */
export async function readFacts(admin: Admin, plan: TopicPlan): Promise<Look> {
  const names = plan.topics.map((topic) => topic.name);
  const [descriptions, offsetsTopic, brokerConfigs, brokerCount] = await Promise.all([
    admin.describeTopics(names),
    readOffsetsTopic(admin),
    readable(() => admin.brokerConfigs()),
    admin.brokerCount(),
  ]);
  const topics = await Promise.all(
    [...descriptions.values()].map((description) => readTopic(admin, description)),
  );
  return { facts: { topics, brokerCount, brokerConfigs, offsetsTopic }, descriptions };
}

async function readOffsetsTopic(admin: Admin): Promise<TopicAsIs | Unreadable | undefined> {
  const found = await readable(async () => (await admin.describeTopics([OFFSETS_TOPIC])).get(OFFSETS_TOPIC));
  return found === undefined || 'unreadable' in found ? found : readTopic(admin, found);
}

async function readTopic(admin: Admin, description: TopicDescription): Promise<TopicAsIs> {
  const { name, partitions } = description;
  const configs: ConfigMap | Unreadable = await readable(() => admin.topicConfigs(name));
  return {
    name,
    partitions: partitions.length,
    replicationFactor: Math.min(...partitions.map((p) => p.replicas.length)),
    configs,
  };
}

/** Failures that have nothing to do with this one fact: without a cluster there is nothing to judge. */
const noCluster: ReadonlySet<KafkaFailureKind> = new Set(['unreachable', 'authentication', 'closed']);

async function readable<T>(read: () => Promise<T>): Promise<T | Unreadable> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KafkaRequestError) || noCluster.has(error.failure.kind)) throw error;
    return { unreadable: error.failure.message };
  }
}

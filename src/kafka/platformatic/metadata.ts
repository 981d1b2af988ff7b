import type { PartitionDescription, TopicDescription } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import type { BrokerAddress } from './connection-options.ts';
import { type Attempt, type Connection, send } from './requests.ts';

export interface ClusterView {
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  readonly controllerId: number;
  /** Topics that do not exist are not here. */
  readonly topics: ReadonlyMap<string, TopicDescription>;
}

/**
 * One broker's view of the cluster and of these topics; never creates a topic. Asked anew each time: the client's own
 * `metadata()` caches, leaves internal topics out and, of several missing topics, names one.
 */
export async function readMetadata(
  { library, connections }: Attempt,
  names: readonly string[],
  through?: Connection,
): Promise<ClusterView> {
  const connection = through ?? (await connections.any());
  const answer = await send(library.metadataV12.api, connection, [...names], false, false);
  const topics = new Map<string, TopicDescription>();
  for (const topic of answer.topics) {
    const name = topic.name ?? '';
    if (topic.errorCode === UNKNOWN_TOPIC) continue;
    if (topic.errorCode !== 0)
      throw new BrokerRefusal(topic.errorCode, `the broker refused to describe '${name}'`);
    topics.set(name, {
      name,
      id: topicId(topic.topicId),
      partitions: topic.partitions.map(describePartition).sort((a, b) => a.partition - b.partition),
    });
  }
  const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
  return { brokers, controllerId: answer.controllerId, topics };
}

/** A connection to that broker of the view. */
export async function connectionTo(attempt: Attempt, view: ClusterView, nodeId: number): Promise<Connection> {
  const broker = view.brokers.get(nodeId);
  if (broker === undefined) throw new BrokerRefusal(BROKER_NOT_AVAILABLE, `broker ${nodeId} is not up`);
  return attempt.connections.to(broker);
}

export const UNKNOWN_TOPIC = 3;
export const LEADER_NOT_AVAILABLE = 5;
const BROKER_NOT_AVAILABLE = 8;

function describePartition(partition: {
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
}): PartitionDescription {
  return {
    partition: partition.partitionIndex,
    // A partition's own error code (no leader, a replica away) says nothing more than these fields.
    leader: partition.leaderId < 0 ? undefined : partition.leaderId,
    replicas: partition.replicaNodes,
    inSyncReplicas: partition.isrNodes,
  };
}

/** The id as Kafka's own tools print it. */
function topicId(uuid: string): string | undefined {
  const hex = uuid.replaceAll('-', '');
  return /^0*$/.test(hex) ? undefined : Buffer.from(hex, 'hex').toString('base64url');
}

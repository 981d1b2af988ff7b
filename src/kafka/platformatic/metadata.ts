import type { PartitionDescription, TopicDescription } from '../admin.ts';
import type { TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import type { BrokerAddress } from './connection-options.ts';
import { type Attempt, type Connection, send } from './requests.ts';

export interface ClusterView {
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  readonly controllerId: number;
  /** Topics that do not exist are not here. */
  readonly topics: ReadonlyMap<string, TopicDescription>;
  /** The epoch of each partition's leader, by `topic/partition`. */
  readonly leaderEpochs: ReadonlyMap<string, number>;
  /** Partitions that have a newer leader than the broker knows, by `topic/partition`. */
  readonly outdated: ReadonlySet<string>;
}

/** A {@link ClusterView} with the topics that the broker refused to describe (no right to, most of all). */
export interface PartialView extends ClusterView {
  readonly refused: ReadonlyMap<string, BrokerRefusal>;
}

/** One broker's view of the cluster and of these topics. Throws what it says of the first topic that it refuses to describe. */
export async function readMetadata(
  attempt: Attempt,
  names: readonly string[],
  through?: Connection,
): Promise<ClusterView> {
  const view = await readPartialMetadata(attempt, names, through);
  for (const refusal of view.refused.values()) throw refusal;
  return view;
}

/**
 * One broker's view of the cluster and of these topics; never creates a topic. Asked anew each time: the client's own
 * `metadata()` caches, leaves internal topics out and, of several missing topics, names one.
 */
export async function readPartialMetadata(
  { library, connections, epochs }: Attempt,
  names: readonly string[],
  through?: Connection,
): Promise<PartialView> {
  const connection = through ?? (await connections.any());
  const answer = await send(library.metadataV12.api, connection, [...names], false, false);
  const topics = new Map<string, TopicDescription>();
  const leaderEpochs = new Map<string, number>();
  const outdated = new Set<string>();
  const refused = new Map<string, BrokerRefusal>();
  for (const topic of answer.topics) {
    const name = topic.name ?? '';
    if (topic.errorCode === UNKNOWN_TOPIC) continue;
    if (topic.errorCode !== 0) {
      refused.set(name, new BrokerRefusal(topic.errorCode, `the broker refused to describe '${name}'`));
      continue;
    }
    const id = topicId(topic.topicId);
    for (const { partitionIndex, leaderEpoch } of topic.partitions) {
      leaderEpochs.set(`${name}/${partitionIndex}`, leaderEpoch);
      const place = { topic: id ?? name, partition: partitionIndex };
      if (!epochs.isNewest(place, leaderEpoch)) outdated.add(`${name}/${partitionIndex}`);
    }
    topics.set(name, {
      name,
      id,
      partitions: topic.partitions.map(describePartition).sort((a, b) => a.partition - b.partition),
    });
  }
  const brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
  connections.know([...brokers.values()]);
  return { brokers, controllerId: answer.controllerId, topics, leaderEpochs, outdated, refused };
}

/** The broker that leads this partition, or why there is none. */
export function leaderOf(
  view: ClusterView & { readonly refused?: PartialView['refused'] },
  { topic, partition }: TopicPartition,
): number | BrokerRefusal {
  const refusal = view.refused?.get(topic);
  if (refusal !== undefined) return refusal;
  const known = view.topics.get(topic)?.partitions.find((p) => p.partition === partition);
  if (known === undefined) return new BrokerRefusal(UNKNOWN_TOPIC, `${topic} has no partition ${partition}`);
  if (view.outdated.has(`${topic}/${partition}`)) {
    return new BrokerRefusal(
      FENCED_LEADER_EPOCH,
      `the broker names a leader of partition ${partition} of ${topic} that was replaced`,
    );
  }
  return (
    known.leader ??
    new BrokerRefusal(LEADER_NOT_AVAILABLE, `partition ${partition} of ${topic} has no leader`)
  );
}

/** The epoch of the partition's leader; -1, which every leader takes for its own, where the broker does not tell. */
export function epochIn(view: ClusterView, { topic, partition }: TopicPartition): number {
  return view.leaderEpochs.get(`${topic}/${partition}`) ?? -1;
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
const FENCED_LEADER_EPOCH = 74;

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

import { PARKED_COPY_BYTES } from '../codec/parked-copy.ts';
import { OptionsError } from '../errors/options-error.ts';
import type { TopicSpec } from '../kafka/admin.ts';
import type { Retention } from '../options/retention.ts';
import { queueNameProblem } from './queue-name.ts';

/** What a topic is to its queue. */
export type TopicRole = 'queue' | 'state' | 'parked' | 'parts';

/** What a queue asks of the cluster; `undefined` leaves the choice to {@link fitToCluster}. */
export interface TopicDeclaration {
  /** The queue's name, and its topic's. */
  readonly queue: string;
  readonly partitions: number;
  readonly replicationFactor: number | undefined;
  readonly minInsyncReplicas: number | undefined;
  /** The largest record the queue sends. Kafka: max.message.bytes. */
  readonly maxRecordBytes: number;
  readonly retention: Retention;
}

export interface PlannedTopic {
  readonly role: TopicRole;
  readonly name: string;
  readonly partitions: number;
  /** The largest record that is sent to it. */
  readonly maxRecordBytes: number;
  /** Age at which Kafka deletes records, finished or not; undefined = never. Kafka: retention.ms. */
  readonly retentionMs: number | undefined;
  /** Time that one segment may span; undefined = as the brokers have it. Kafka: segment.ms. */
  readonly segmentMs: number | undefined;
}

/** The topics of one queue, before a cluster has been looked at. */
export interface TopicPlan {
  readonly queue: string;
  readonly topics: readonly PlannedTopic[];
  readonly replicationFactor: number | undefined;
  readonly minInsyncReplicas: number | undefined;
}

/** A plan with the numbers that this cluster can have. */
export interface FittedPlan extends TopicPlan {
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  /** The defaults were lowered because the cluster is smaller than 3 brokers. */
  readonly lowered: boolean;
}

/** More partitions make a journal no faster: its records are few and small. What is parked is seldom read, and parts are read in long stretches. */
const MOST_SIDE_PARTITIONS = 24;

/** Journal records are small, but a batch of them counts as one against max.message.bytes. */
const STATE_RECORD_BYTES = 1_048_588;

export const DEFAULT_REPLICATION = 3;
const DEFAULT_MIN_INSYNC = 2;

/**
 * The topics that a queue lives in.
 *
 * @throws OptionsError when the name cannot be a topic's.
 */
export function planTopics(declaration: TopicDeclaration): TopicPlan {
  const { queue, partitions, replicationFactor, minInsyncReplicas, maxRecordBytes, retention } = declaration;
  const problem = queueNameProblem(queue);
  if (problem !== undefined) {
    throw new OptionsError('a queue', [{ path: 'name', value: JSON.stringify(queue), ...problem }]);
  }
  const topics: readonly PlannedTopic[] = [
    { role: 'queue', name: queue, partitions, maxRecordBytes, ...tasksTime(retention) },
    {
      role: 'state',
      name: stateTopicName(queue),
      partitions: Math.min(MOST_SIDE_PARTITIONS, partitions),
      maxRecordBytes: STATE_RECORD_BYTES,
      ...noTime,
    },
    {
      role: 'parked',
      name: parkedTopicName(queue),
      partitions: Math.min(MOST_SIDE_PARTITIONS, partitions),
      maxRecordBytes: maxRecordBytes + PARKED_COPY_BYTES,
      ...noTime,
    },
    {
      role: 'parts',
      name: partsTopicName(queue),
      partitions: Math.min(MOST_SIDE_PARTITIONS, partitions),
      maxRecordBytes,
      ...partsTime(retention),
    },
  ];
  return { queue, topics, replicationFactor, minInsyncReplicas };
}

type Times = Pick<PlannedTopic, 'retentionMs' | 'segmentMs'>;

/** The journal says who owns what, and what is parked waits for people: neither has an age at which it may go. */
const noTime: Times = { retentionMs: undefined, segmentMs: undefined };

function tasksTime(retention: Retention): Times {
  if (retention.kind === 'keep-finished') return noTime;
  return { retentionMs: retention.timeMs, segmentMs: retention.segmentMs };
}

function partsTime(retention: Retention): Times {
  if (retention.kind === 'keep-finished') return noTime;
  return { retentionMs: retention.partsMs, segmentMs: undefined };
}

/** The topic of a queue's journal. */
function stateTopicName(queue: string): string {
  return `${queue}.state`;
}

/** The topic of the tasks that were given up. */
function parkedTopicName(queue: string): string {
  return `${queue}.parked`;
}

/** The topic of the parts of large tasks. */
function partsTopicName(queue: string): string {
  return `${queue}.parts`;
}

/**
 * Fills in what was not declared. Fewer than 3 brokers get what they can hold; declared numbers are never changed.
 */
export function fitToCluster(plan: TopicPlan, brokerCount: number): FittedPlan {
  const room = Math.max(1, brokerCount);
  const replicationFactor = plan.replicationFactor ?? Math.min(DEFAULT_REPLICATION, room);
  // One replica fewer than there are, or a single dead broker stops the queue.
  const minInsyncReplicas =
    plan.minInsyncReplicas ?? Math.max(1, Math.min(DEFAULT_MIN_INSYNC, replicationFactor - 1));
  const lowered = plan.replicationFactor === undefined && replicationFactor < DEFAULT_REPLICATION;
  return { ...plan, replicationFactor, minInsyncReplicas, lowered };
}

/** How a planned topic is created. */
export function topicSpec(plan: FittedPlan, topic: PlannedTopic): TopicSpec {
  return {
    name: topic.name,
    partitions: topic.partitions,
    replicationFactor: plan.replicationFactor,
    configs: {
      // Compaction keeps the last record of a key: every other task of that key would be gone.
      'cleanup.policy': 'delete',
      // Unfinished tasks have no size at which they may go, and an age only if one was declared; else what is finished is
      // deleted by its owner.
      'retention.ms': String(topic.retentionMs ?? -1),
      'retention.bytes': '-1',
      ...(topic.segmentMs === undefined ? {} : { 'segment.ms': String(topic.segmentMs) }),
      // Ages are judged by the brokers' clocks: producers' clocks are many and wrong.
      'message.timestamp.type': 'LogAppendTime',
      'min.insync.replicas': String(plan.minInsyncReplicas),
      // A leader that lacks acked records would make them undone.
      'unclean.leader.election.enable': 'false',
      'max.message.bytes': String(recordLimit(topic)),
      // Brokers keep what clients compressed instead of doing it again.
      'compression.type': 'producer',
    },
  };
}

/** Whatever fits into the queue's topic also fits into the parked one, with what is added to it there. */
function recordLimit({ role, maxRecordBytes }: PlannedTopic): number {
  return role === 'parked'
    ? Math.max(STATE_RECORD_BYTES + PARKED_COPY_BYTES, maxRecordBytes)
    : Math.max(STATE_RECORD_BYTES, maxRecordBytes);
}

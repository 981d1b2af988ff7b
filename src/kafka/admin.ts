import type { CommittedOffset, GroupProtocol, KafkaFailure, Position, TopicPartition } from './port.ts';

/**
 * The control plane of the port: what keylane asks about topics, logs and groups, and has done with them from outside. As
 * for the rest of it, one conformance suite runs against all implementations.
 */

export interface PartitionDescription {
  readonly partition: number;
  /** undefined while no leader is elected. */
  readonly leader: number | undefined;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
}

export interface TopicDescription {
  readonly name: string;
  /** Kafka's topic id; undefined where it is not offered (embedded). */
  readonly id: string | undefined;
  readonly partitions: readonly PartitionDescription[];
}

/** Values as Kafka writes them, by config name. */
export type ConfigMap = ReadonlyMap<string, string>;

/** What the coordinator of a KIP-848 group believes of one of its members. */
export interface GroupMember {
  /** Nobody else is given these: the member was told that it owns them, and has not given them up. */
  readonly owns: readonly TopicPartition[];
  /** What it is to own in the end: it was asked to give up the others of those it owns. */
  readonly shouldOwn: readonly TopicPartition[];
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

/**
 * What was told of a partition, or why nothing was. Each has its own: one that has no leader, or whose broker does not answer,
 * hides no other. What was not told says nothing, and least of all "none".
 */
export type Told<T extends TopicPartition> =
  | (T & { readonly failure?: undefined })
  | (TopicPartition & { readonly failure: KafkaFailure });

export interface LogEnds extends TopicPartition {
  /** Kafka: log start offset, the lowest that can be read. */
  readonly start: number;
  /** Kafka: high watermark, the offset the next record gets. */
  readonly end: number;
}

/** A leader of a partition, past or present. The number rises with each election. Kafka: leader epoch. */
export interface PastLeader extends TopicPartition {
  readonly leaderEpoch: number;
}

/** What the present leader of a partition has of a past one. */
export interface LeaderEnd extends PastLeader {
  /** The present leader's own epoch. */
  readonly presentEpoch: number;
  /**
   * One past what was appended by that leader and those before it, as far as the present one has it; where none of that is
   * in the log any more, the log's start. What lies beyond is of later leaders. undefined = it has never heard of that
   * leader.
   */
  readonly end: number | undefined;
}

/** What became of deleting one partition's records below an offset. */
export interface DeleteOutcome extends TopicPartition {
  /** Where the log starts now, on every live replica; undefined where the request failed, or was not sent. */
  readonly logStart: number | undefined;
  /** undefined = done, or not sent. `other` with code 1: the offset is beyond the log's end, and nothing was deleted. */
  readonly failure: KafkaFailure | undefined;
}

export interface OffsetForTime extends TopicPartition {
  /** The first offset whose record is not older than the time asked for; undefined = every record is older, or none is there. */
  readonly offset: number | undefined;
}

/** The control plane. Every call rejects with a KafkaRequestError; `unsupported` where the cluster does not offer it. */
export interface Admin {
  /** Topics that do not exist are missing from the answer. */
  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>>;
  /** Effective values, defaults included. */
  topicConfigs(name: string): Promise<ConfigMap>;
  /** The effective broker-level defaults of one live broker. */
  brokerConfigs(): Promise<ConfigMap>;
  brokerCount(): Promise<number>;
  /** A topic that exists already is left as it is and named in `existed`. Resolves when every partition has a leader. */
  createTopics(
    specs: readonly TopicSpec[],
  ): Promise<{ readonly created: readonly string[]; readonly existed: readonly string[] }>;
  /** All of them, or it rejects: sits out elections for a minute. Kafka: ListOffsets. */
  logEnds(partitions: readonly TopicPartition[]): Promise<readonly LogEnds[]>;
  /**
   * One answer a partition, in their order, as far as their leaders answer now: for those who ask about many, and ask again
   * later about those of which nothing was told. Rejects when nobody could say who leads them.
   */
  eachLogEnds(partitions: readonly TopicPartition[]): Promise<readonly Told<LogEnds>[]>;
  /**
   * One answer a question, in their order, like {@link eachLogEnds}; each partition at most once. An election can lose the end
   * of a log; what is read on from there looks as if nothing had happened. It shows here: the end of the leader whose records
   * were read lies below what was read. Kafka: OffsetForLeaderEpoch (needs Describe on the topic).
   */
  leaderEnds(leaders: readonly PastLeader[]): Promise<readonly Told<LeaderEnd>[]>;
  /**
   * Moves the log start of each partition up to its offset: all records below are gone for ever. An offset below the log
   * start changes nothing. One outcome a position, in their order: what goes wrong with one partition is its outcome and
   * is not tried again here. Waits until all live replicas have done it. `mayGo` is asked of each position when its request is
   * about to be sent, whatever was waited for before: without a yes nothing is deleted there. Left out: all may. Kafka:
   * DeleteRecords (needs Delete on the topic).
   */
  deleteRecords(
    positions: readonly Position[],
    mayGo?: (position: Position) => boolean,
  ): Promise<readonly DeleteOutcome[]>;
  /**
   * One answer a partition, like {@link eachLogEnds}, of records with a timestamp >= `timestampMs`. Only with LogAppendTime
   * do timestamps rise with offsets. Kafka: ListOffsets.
   */
  offsetsForTime(
    partitions: readonly TopicPartition[],
    timestampMs: number,
  ): Promise<readonly Told<OffsetForTime>[]>;
  /**
   * What any group has committed, without being in it: one answer a partition, in their order. A group or partition that
   * does not exist has committed nothing; an error is never "none". Kafka: OffsetFetch (needs Describe on the group).
   */
  committedOffsets(group: string, partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>;
  /**
   * Bytes of one replica (the leader's) of each partition, keyed `topic/partition`. Whole segments: deleted records count
   * until their segment is gone. Kafka: DescribeLogDirs (needs Describe on the cluster, which few principals have).
   */
  logSizes(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>>;
  /** What lives under this group name; `none` when no such group. */
  groupProtocol(group: string): Promise<GroupProtocol | 'none'>;
  /** The members of a KIP-848 group; none when no such group. Kafka: ConsumerGroupDescribe (members may ask for it). */
  groupMembers(group: string): Promise<readonly GroupMember[]>;
  /** Whether the brokers offer KIP-848 groups. */
  offersConsumerProtocol(): Promise<boolean>;
  close(): Promise<void>;
}

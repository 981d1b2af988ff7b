/**
 * What keylane needs of Kafka, in our own words: here appending, reading and membership, in `admin.ts` the control plane, in
 * `driver.ts` what makes them. Everything above speaks these interfaces; only `kafka/confluent` and `kafka/platformatic` know
 * a client library, and `kafka/memory` is the in-memory fake. One conformance suite runs against all of them.
 *
 * Offsets are plain numbers here: a Kafka offset is a 64-bit integer, but no log reaches 2^53 records. What users see
 * is `bigint`.
 */

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A place in a partition's log. */
export interface Position extends TopicPartition {
  readonly offset: number;
}

/** A record header. Names may repeat; the order is kept. */
export type RecordHeader = readonly [name: string, value: Buffer];

/** A record to be appended. The value is never null: keylane writes no tombstones. */
export interface OutgoingRecord {
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: readonly RecordHeader[];
}

/** A record as read from a log. `value` is null when somebody else wrote a tombstone. */
export interface IncomingRecord extends Position {
  /** The broker's append time (LogAppendTime), or the producer's where the topic says CreateTime. */
  readonly timestampMs: number;
  /** Which leader appended it; left out where that is not told. Kafka: partition leader epoch. */
  readonly leaderEpoch?: number | undefined;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/** What went wrong in Kafka, in the few classes the decisions above need. */
export type KafkaFailureKind =
  /** The broker could not be reached, or did not answer in time. */
  | 'unreachable'
  /** User name, password, token or certificate refused. */
  | 'authentication'
  /** The principal may not do this. */
  | 'authorization'
  /** A passing condition of the cluster (leader election, not enough replicas, coordinator moving). */
  | 'transient'
  /** The record or batch is larger than the broker or the client takes. */
  | 'too-large'
  /** Topic or partition does not exist. */
  | 'unknown-topic'
  /** The group member is not known any more (error 25), or fenced: everything it held is lost. */
  | 'fenced'
  /** The group is rebalancing or the generation is old (errors 22, 27): rebuild and send again while still owner. */
  | 'rebalancing'
  /** The client object was closed before the answer came. */
  | 'closed'
  /** The producer met a fatal error and was rebuilt. */
  | 'producer-fatal'
  /** Not offered by this implementation or this broker. */
  | 'unsupported'
  /** Anything else; see `code` and `message`. */
  | 'other';

/** A failed request to Kafka. A value, not thrown where a result can carry it. */
export interface KafkaFailure {
  readonly kind: KafkaFailureKind;
  /** Kafka's protocol error code (positive), librdkafka's local one (negative), or undefined. */
  readonly code: number | undefined;
  readonly message: string;
}

/** Records for one partition, in order. */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly OutgoingRecord[];
}

/** What became of one record. */
export type RecordOutcome =
  | { readonly kind: 'appended'; readonly offset: number; readonly timestampMs: number }
  /** Surely not in the log, and never will be. */
  | { readonly kind: 'absent'; readonly failure: KafkaFailure }
  /** May be in the log, or come into it later. Also what a client acked without an offset. */
  | { readonly kind: 'unknown'; readonly failure: KafkaFailure };

export interface AppendResult {
  /** One outcome a record, in the batch's order. */
  readonly outcomes: readonly RecordOutcome[];
  /** The producer identity the batch was sent under; see {@link Appender.incarnation}. */
  readonly incarnation: number;
}

/**
 * Appends batches to logs: acks=all, idempotent, no topic auto-creation, no timeout of its own (a batch is retried
 * until it is acked or definitely refused; deadlines are the caller's business).
 *
 * Batches given to one partition reach its log in the order of the calls, also when several are under way, once the
 * partition is *warm*: it has acked a record with an offset in this incarnation. Into a partition that is not warm the
 * caller puts one record and waits, because a fresh idempotent producer can lose an acked record otherwise.
 */
export interface Appender {
  /** Changes whenever the producer id changes; no partition is warm in a new incarnation. */
  readonly incarnation: number;
  /** Never rejects. Takes the buffers by reference until it resolves. */
  append(batch: RecordBatch): Promise<AppendResult>;
  /** Settles everything still open (as `unknown` after the timeout) and disconnects. Idempotent. */
  close(options: { readonly timeoutMs: number }): Promise<void>;
}

/**
 * Reads explicitly assigned partitions from explicit offsets, without a group. A client has one position per partition.
 * All calls are safe in any order; the implementation runs them one after the other.
 */
export interface Reader {
  /**
   * Adds partitions at exact offsets (or moves those already assigned). Records fetched before are never handed out
   * after. An assigned partition flows, also when it was paused before.
   */
  assign(positions: readonly Position[]): Promise<void>;
  /** After it resolves no record of these partitions is handed out. Partitions not assigned are ignored. */
  unassign(partitions: readonly TopicPartition[]): Promise<void>;
  /** Stops handing out records of these partitions, keeping their position. Costs a refetch: use with hysteresis. */
  pause(partitions: readonly TopicPartition[]): Promise<void>;
  resume(partitions: readonly TopicPartition[]): Promise<void>;
  /**
   * Up to `maxRecords` records that are here already; resolves at once, with an empty list when there are none. One call
   * at a time. Within a partition offsets rise without repeats.
   */
  poll(maxRecords: number): Promise<readonly IncomingRecord[]>;
  /** Called when poll() may have something after it had nothing. One listener. */
  onReadable(listener: () => void): void;
  /** Called with problems that reading meets (authentication, offset out of range...). One listener. Reading goes on. */
  onProblem(listener: (failure: KafkaFailure) => void): void;
  close(): Promise<void>;
}

export interface ReaderOptions {
  /** Shown in broker logs; also the name of the (never joined) group that the client insists on. */
  readonly name: string;
  /** Upper bound of bytes fetched ahead inside the client. Kafka: queued.max.messages.kbytes. */
  readonly prefetchBytes: number;
  /**
   * Most that one fetch brings of one partition. A batch that does not fit is cut off, and fetched again: the less this is,
   * the more comes twice. Default 1 MiB. Kafka: max.partition.fetch.bytes.
   */
  readonly partitionFetchBytes?: number | undefined;
  /**
   * How long a broker holds a fetch that finds nothing. Until it answers the client asks it for nothing else: a seek at the
   * end of a log waits as long. Default 500. Kafka: fetch.max.wait.ms.
   */
  readonly fetchWaitMs?: number | undefined;
  /**
   * How long nothing more is fetched of a partition once enough is fetched ahead. Readers whose consumers take that in less
   * time stand still for the rest. Default 50. librdkafka: fetch.queue.backoff.ms.
   */
  readonly fullWaitMs?: number | undefined;
  /** Reads from a replica in this rack where the brokers are set up for it. Kafka: client.rack. */
  readonly rackId?: string | undefined;
}

/** How the client compresses batches, off the JS thread. */
export type BatchCompression = 'lz4' | 'zstd' | 'none';

export type GroupProtocol = 'classic' | 'consumer';

export interface MembershipOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** `classic` = cooperative-sticky; `consumer` = KIP-848. */
  readonly protocol: GroupProtocol;
  /** Classic only. Kafka: session.timeout.ms. */
  readonly sessionTimeoutMs: number;
  /** Longest time between a revoke and its answer. Kafka: max.poll.interval.ms. */
  readonly maxPollIntervalMs: number;
  /** Kafka: group.instance.id. */
  readonly staticMemberId: string | undefined;
  /** Kafka: client.rack. */
  readonly rackId: string | undefined;
}

export type MembershipEvent =
  /** The member owns these now, in addition. Already answered. */
  | { readonly kind: 'assigned'; readonly partitions: readonly TopicPartition[] }
  /** The member must give these up and call `answer` once; it may take its time within maxPollIntervalMs. Commits work until then. */
  | { readonly kind: 'revoked'; readonly partitions: readonly TopicPartition[]; readonly answer: () => void }
  /** The member has lost these already; commits are refused. Already answered. */
  | { readonly kind: 'lost'; readonly partitions: readonly TopicPartition[] }
  /**
   * An answer of the brokers did not come in time, and what it said is not said again (see `Admin.groupMembers`): it
   * may have given the member partitions, or have asked for some back.
   */
  | { readonly kind: 'unheard' }
  /** Something the member meets; it goes on by itself unless `fatal`. */
  | { readonly kind: 'problem'; readonly failure: KafkaFailure; readonly fatal: boolean };

export interface OffsetCommit extends Position {
  readonly metadata: string;
}

/** `failure` undefined = the broker acknowledged it. */
export interface CommitOutcome extends TopicPartition {
  readonly failure: KafkaFailure | undefined;
}

export interface CommittedOffset extends TopicPartition {
  /** undefined = this group never committed here (0 is a real offset). */
  readonly offset: number | undefined;
  readonly metadata: string;
}

/**
 * A member of a consumer group that fetches nothing: it joins, owns partitions, commits. Polls by itself for as long as
 * it lives, whatever the caller does.
 */
export interface Membership {
  /** Starts joining; events follow. Resolves when the client is connected. Rejects with a KafkaRequestError. */
  join(listener: (event: MembershipEvent) => void): Promise<void>;
  /** Real acknowledgements, one outcome a partition. Metadata: at most 4,000 characters. Never rejects. */
  commit(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]>;
  /** Reads committed offsets. Rejects with a KafkaRequestError on any failure: an error is never "none". */
  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>;
  /** Leaves the group: what is owned arrives as `revoked` and must be answered; then disconnects. Idempotent. */
  leave(): Promise<void>;
  /** Disconnects without waiting for anything; owned partitions stay unanswered. For a process that is giving up. Idempotent. */
  abandon(): Promise<void>;
}

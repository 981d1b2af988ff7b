/** Everything that can be found wrong with a queue's topics. */
export type TopicProblemCode =
  | 'TOPIC_MISSING'
  | 'TOPIC_COMPACTED'
  | 'MIN_INSYNC_TOO_HIGH'
  | 'MIN_INSYNC_TOO_LOW'
  | 'UNCLEAN_ELECTION'
  | 'PARTITIONS_TOO_FEW'
  | 'PARTITIONS_TOO_MANY'
  | 'RETENTION_TIME_FINITE'
  | 'RETENTION_TIME_TOO_SHORT'
  | 'RETENTION_TIME_TOO_LONG'
  | 'RETENTION_BYTES_FINITE'
  | 'SEGMENT_TIME_TOO_LONG'
  | 'RECORD_LIMIT_TOO_LOW'
  | 'REQUEST_LIMIT_TOO_LOW'
  | 'TIMESTAMPS_BY_PRODUCER'
  | 'REPLICATION_TOO_LOW'
  | 'REPLICATION_LOWERED'
  | 'REPLICATION_IMPOSSIBLE'
  | 'BROKERS_MISSING'
  | 'OFFSETS_TOPIC_WEAKER'
  | 'TOPIC_CONFIGS_UNKNOWN'
  | 'BROKER_CONFIGS_UNKNOWN'
  | 'OFFSETS_TOPIC_UNKNOWN'
  | 'TOPICS_NOT_JUDGED';

export interface TopicProblem {
  readonly code: TopicProblemCode;
  /** `refuse`: loses, reorders or stops tasks, keylane does not start. `warn`: works. `unknown`: could not be read; stops nothing. */
  readonly severity: 'refuse' | 'warn' | 'unknown';
  readonly topic: string;
  /** What is the case. */
  readonly what: string;
  /** What to do about it. */
  readonly cure: string;
}

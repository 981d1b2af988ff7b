import type { KafkaFailure } from '../../kafka/port.ts';

/** Why old records are still there. */
export type PinnedBy =
  /** An unfinished task: the first one of its partition. `key` where this worker knows it: of its own group. */
  | {
      readonly kind: 'task';
      readonly group: string;
      readonly partition: number;
      readonly offset: bigint;
      readonly key: string | undefined;
    }
  /** A declared group has never worked here. */
  | { readonly kind: 'group'; readonly group: string }
  /** What is parked: the mark whose tasks lie lowest. */
  | {
      readonly kind: 'parked';
      readonly group: string;
      readonly partition: number;
      readonly key: string;
      readonly mark: number;
    }
  /** Of parts: the log of this queue partition begins with tasks that may need them. */
  | { readonly kind: 'queue-partition'; readonly partition: number };

/** Records of a partition that are older than they would be kept, but for what pins them. */
export interface RetentionPin {
  readonly topic: string;
  readonly partition: number;
  readonly by: PinnedBy;
  /** The first of them, and how many. */
  readonly offset: bigint;
  readonly records: number;
  /** The first of them is at least as old. By the brokers' clocks. */
  readonly ageMs: number;
  /** Their share of what the partition takes on one broker's disk; undefined where that may not be asked. */
  readonly bytes: number | undefined;
}

/** All that is pinned, in one: there may be as many pins as partitions. */
export interface RetentionPins {
  /** Of the queue's topics, with something that is pinned. */
  readonly partitions: number;
  /** Those of the queue itself among them: kept by unfinished tasks, or by a group that does not work. */
  readonly queuePartitions: number;
  readonly records: number;
  /** Of all of them; undefined where that may not be asked, or has changed since it was asked. */
  readonly bytes: number | undefined;
  /** At most ten: those with the most records. */
  readonly worst: readonly RetentionPin[];
}

/** Nothing of a topic can be deleted. */
export interface RetentionRefusal {
  readonly topic: string;
  readonly why: string;
  /** What Kafka answered, if it is Kafka that refuses. */
  readonly failure: KafkaFailure | undefined;
}

/** With `timeMs`: the oldest unfinished task of a partition has half of its time behind it. */
export interface RetentionAlarm {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | undefined;
  /** It is at least as old. By the brokers' clocks. */
  readonly ageMs: number;
  /** When Kafka deletes it. */
  readonly timeMs: number;
}

/** What keeps finished tasks on disk, or threatens unfinished ones. As of the last look. */
export interface RetentionHealth {
  readonly pinned: RetentionPins;
  readonly refused: readonly RetentionRefusal[];
  readonly alarms: readonly RetentionAlarm[];
}

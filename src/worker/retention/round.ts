import type { Admin, KafkaFailure } from '../../kafka/port.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { RetentionAlarm, RetentionPin, RetentionPins } from './retention-health.ts';

/** What one round may ask and say. */
export interface Round {
  /** The brokers' time when it began, or somewhat earlier. */
  readonly brokerNowMs: number;
  readonly startedMs: number;
  /** Those that ran when it began. */
  readonly partitions: readonly PartitionState[];
  /** Asks the cluster; rejects once the worker ends, and asks nothing more. */
  readonly ask: <T>(request: (admin: Admin) => Promise<T>) => Promise<T>;
  /** Whether nothing of this topic may be deleted, as far as is known. */
  readonly isRefused: (topic: string) => boolean;
  readonly refuse: (topic: string, failure: KafkaFailure) => void;
}

/** What a round found. */
export interface Findings {
  readonly pinned: readonly RetentionPin[];
  readonly alarms: readonly RetentionAlarm[];
  /** Fills in what is only asked for when something is told. */
  readonly describe: (pinned: readonly RetentionPin[]) => Promise<RetentionPins>;
}

import type { Admin, Told } from '../../kafka/admin.ts';
import type { KafkaFailure, TopicPartition } from '../../kafka/port.ts';
import { toldOf } from '../../kafka/told.ts';
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
  /** Something was asked about a partition and not told: nothing that needs it is done in this round. */
  readonly untold: (place: TopicPartition, failure: KafkaFailure) => void;
  readonly isUntold: (place: TopicPartition) => boolean;
}

/** Asks about many partitions; resolves with what was told. The others are noted. */
export async function askEach<T extends TopicPartition>(
  round: Pick<Round, 'ask' | 'untold'>,
  request: (admin: Admin) => Promise<readonly Told<T>[]>,
): Promise<readonly T[]> {
  const answers = await round.ask(request);
  for (const one of answers) if (one.failure !== undefined) round.untold(one, one.failure);
  return toldOf(answers);
}

/** What a round found. */
export interface Findings {
  readonly pinned: readonly RetentionPin[];
  readonly alarms: readonly RetentionAlarm[];
  /** Fills in what is only asked for when something is told. */
  readonly describe: (pinned: readonly RetentionPin[]) => Promise<RetentionPins>;
}

import type { KafkaFailure, OutgoingRecord } from '../../kafka/port.ts';
import type { Item, RecordFate, Stage } from './item.ts';
import type { PartitionLine } from './partition-line.ts';

/** Tasks that go to the appender together; a `RecordBatch` as it stands. */
export interface Batch {
  readonly line: PartitionLine;
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly OutgoingRecord[];
  /** One a record, in the same order. */
  readonly items: readonly Item[];
  readonly bytes: number;
  readonly sentAtMs: number;
}

/** Why a caller's promise is rejected. */
export type Failure =
  /** Its own validation or encoding failed; the error goes to the caller as it is. */
  | { readonly kind: 'own'; readonly error: unknown }
  | { readonly kind: 'aborted'; readonly stage: Stage; readonly reason: unknown }
  | { readonly kind: 'timeout'; readonly stage: Stage }
  /** Kafka refused it: surely absent. */
  | { readonly kind: 'refused'; readonly failure: KafkaFailure }
  /** Kafka did not confirm it: unknown. */
  | { readonly kind: 'unconfirmed'; readonly failure: KafkaFailure }
  | { readonly kind: 'predecessor'; readonly id: string }
  /** It was appended too late to count: whoever reads it passes it over. */
  | { readonly kind: 'void' }
  | { readonly kind: 'closed'; readonly stage: Stage }
  /** No connection could be made. */
  | { readonly kind: 'unconnected'; readonly error: unknown };

/** What the core wants done. */
export type Effect =
  /** Call the task's `encode`: answered by `encoded` or `encodeFailed`. */
  | { readonly kind: 'encode'; readonly item: Item }
  /** It was given up while it was being encoded, and something listens for that: call its `cancel`. */
  | { readonly kind: 'cancel'; readonly item: Item }
  | { readonly kind: 'resolve'; readonly item: Item; readonly offset: number; readonly timestampMs: number }
  | { readonly kind: 'reject'; readonly item: Item; readonly failure: Failure }
  /** Somebody wants to hear what became of its record. */
  | { readonly kind: 'settled'; readonly item: Item; readonly fate: RecordFate }
  /** Everything before a flush is answered. */
  | { readonly kind: 'flushed'; readonly done: () => void };

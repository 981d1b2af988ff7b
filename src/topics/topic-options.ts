import { z } from 'zod';
import { option } from '../options/parse-options.ts';

/** A queue's topics: what they should be, and whether keylane may create them. */
export interface TopicOptions {
  /**
   * Partitions of the queue's topic; at least 1, default 24. A key lives in partition `murmur2(key) mod partitions`, so
   * the number must never change while unfinished tasks exist, and every producer and worker must declare the same.
   * More partitions let more workers share the queue; each costs broker memory, files and failover time. Kafka:
   * num.partitions.
   */
  readonly partitions?: number;
  /**
   * Copies of every record. Default 3, or the number of brokers where there are fewer (with a warning; development).
   * Higher: survives more dead brokers, costs disk and network. Kafka: replication factor.
   */
  readonly replicationFactor?: number;
  /**
   * Copies that must have a record before its `enqueue` resolves; less than `replicationFactor`. Default 2, or 1 with
   * fewer than 3 brokers. Higher: survives more dead brokers at once, but fewer may be down before enqueueing stops.
   * Kafka: min.insync.replicas.
   */
  readonly minInsyncReplicas?: number;
  /** What to do about a topic that does not exist. Default `create`; `fail` for clusters whose topics are made elsewhere. */
  readonly onMissing?: 'create' | 'fail';
}

/** Kafka takes more, but a broker holds some 4,000 partitions comfortably. */
const MOST_PARTITIONS = 100_000;

/** The one declaration of {@link TopicOptions}: what is checked, and the defaults. */
export const topicOptions = z.strictObject({
  partitions: option(
    z.int().min(1).max(MOST_PARTITIONS),
    `a whole number from 1 to ${MOST_PARTITIONS}`,
    'Give the number of partitions that the topic has, or shall have.',
  ).default(24),
  replicationFactor: option(
    z.int().min(1).max(32_767),
    'a whole number of at least 1',
    'Use 3, or leave it out.',
  ).optional(),
  minInsyncReplicas: option(
    z.int().min(1).max(32_767),
    'a whole number of at least 1',
    'Use 2 with 3 replicas, or leave it out.',
  ).optional(),
  onMissing: option(
    z.enum(['create', 'fail']),
    "'create' or 'fail'",
    "Use 'create', or leave it out.",
  ).default('create'),
});

import { z } from 'zod';
import type { BatchCompression } from '../kafka/port.ts';
import { option } from '../options/parse-options.ts';

const MB = 1_000_000;

/** How a queue's producer buffers and sends. */
export interface ProducerOptions {
  /**
   * Bytes of tasks the producer holds at most, from the moment they are encoded until Kafka has confirmed them, and 1 MB for
   * each upload of a body. When it is full, `enqueue` waits. One partition takes at most half of it, one key a quarter, uploads
   * half; one task always has room. Parts of bodies that are on their way do not wait for it: they may be a quarter of it beside it.
   *
   * Default 64 MB. Kafka: buffer.memory (there 32 MB). Smaller: less memory, and sooner waiting when a broker fails. Larger:
   * rides out longer stalls; all of it is of unknown outcome when the process dies.
   */
  readonly bufferBytes?: number | undefined;
  /**
   * Bytes of one batch at most; a single larger task goes alone. One batch is one request per partition.
   *
   * Default 1 MB, range 16 KB to 8 MB. Kafka: batch.size. Smaller: more requests, more broker CPU. It must stay below the
   * topic's max.message.bytes (1,048,588 by default), which is what brokers measure the whole batch by.
   */
  readonly maxBatchBytes?: number | undefined;
  /**
   * Bytes of one partition that may be on their way to the broker at once, after its first confirmed task.
   *
   * Default 4 MB (measured: with few partitions one batch at a time reaches 0.7 of the client's throughput, 4 MB all of
   * it). Kafka: max.in.flight.requests.per.connection times batch.size. Smaller: less of unknown outcome when a
   * broker fails. Larger: pays only on links with long round trips.
   */
  readonly maxInFlightBytes?: number | undefined;
  /**
   * How long `enqueue` waits before it rejects: with the outcome `absent` when the task had not been given to Kafka, else
   * `unknown`. A call's own `timeoutMs` replaces it.
   *
   * Default 120,000 ms, at least 1. Kafka: delivery.timeout.ms. Shorter than about 15 s: a broker that dies fails tasks that would
   * have gone through, because a new leader takes that long (9 s until it is fenced, and the election). Longer: callers
   * hold their requests longer before they learn that Kafka is down.
   */
  readonly deliveryTimeoutMs?: number | undefined;
  /**
   * How batches of tasks are compressed, by the Kafka client, off the JS thread.
   *
   * Default `lz4` (with JSON of 100 KB 1.35 times the throughput of `none`). Kafka: compression.type. `zstd`: two thirds of
   * that on disk and network, for some four times the CPU of compressing; only where this machine's client was built with it, else an
   * OptionsError when it connects. `none`: for payloads that do not get smaller. See docs/compression.md.
   */
  readonly compression?: BatchCompression | undefined;
}

/** The same with every default filled in. */
export interface ResolvedProducerOptions {
  readonly bufferBytes: number;
  readonly maxBatchBytes: number;
  readonly maxInFlightBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly compression: BatchCompression;
}

/** The one declaration of the producer's options, for whoever parses them as part of their own. */
export const producerOptionsSchema = z.strictObject({
  bufferBytes: option(
    z
      .int()
      .min(1 * MB)
      .default(64 * MB),
    'must be a whole number of bytes, at least 1,000,000',
    'Leave it out for 64 MB.',
  ),
  maxBatchBytes: option(
    z
      .int()
      .min(16_000)
      .max(8 * MB)
      .default(1 * MB),
    'must be a whole number of bytes, 16,000 to 8,000,000',
    'Leave it out for 1 MB, and keep it below the max.message.bytes of the topic.',
  ),
  maxInFlightBytes: option(
    z
      .int()
      .min(16_000)
      .default(4 * MB),
    'must be a whole number of bytes, at least 16,000',
    'Leave it out for 4 MB.',
  ),
  deliveryTimeoutMs: option(
    z
      .number()
      .min(1)
      .max(2 ** 31 - 1)
      .default(120_000),
    'must be a number of milliseconds, 1 to 2,147,483,647',
    'Leave it out for 120,000.',
  ),
  compression: option(
    z.enum(['lz4', 'zstd', 'none']).default('lz4'),
    "must be 'lz4', 'zstd' or 'none'",
    "Leave it out for 'lz4'.",
  ),
});

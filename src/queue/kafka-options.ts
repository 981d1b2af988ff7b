import { z } from 'zod';
import type { SaslOptions, TlsOptions } from '../kafka/security.ts';
import { option, parseOptions } from '../options/parse-options.ts';
import { type ProducerOptions, producerOptionsSchema } from '../producer/producer-options.ts';

/** What a process shares towards one cluster, whatever it is connected to. */
interface SharedOptions {
  /** How this process is called in the brokers' logs and quotas. Kafka: client.id. Default 'keylane'. */
  readonly clientId?: string;
  /**
   * Bytes of tasks that all workers on this connection may hold at once: records that were read and are not finished, and
   * the content of tasks that run, such as decompressed payloads and bodies (half of it at most). Default 64 MiB, at least 1 MiB.
   * When it is full nothing more is read until some is finished, and large tasks wait for their turn; one always gets through.
   * Larger: longer look-ahead, more parallel keys from a backlog, more large tasks at once; smaller: less memory. What is
   * outside it, and what a container needs: docs/working.md, "Memory".
   */
  readonly budgetBytes?: number;
  readonly producer?: ProducerOptions;
}

/** A cluster of Kafka brokers. */
export interface BrokerOptions extends SharedOptions {
  /** host:port of some brokers; the others are found through them. Kafka: bootstrap.servers. */
  readonly brokers: readonly string[];
  /** TLS towards the brokers; `{}` uses the system's certificate authorities. Default: none. */
  readonly tls?: TlsOptions;
  /** Default: none. */
  readonly sasl?: SaslOptions;
  /** How long a first connection may take, milliseconds. Default 30,000. */
  readonly connectTimeoutMs?: number;
  readonly embedded?: undefined;
}

/**
 * A Kafka inside this process, in memory, gone with it: for a first run and for quick tests. It has 4 partitions a topic,
 * one replica, and waits before 4 MB of a partition are unfinished, because it would evict them silently.
 */
export interface EmbeddedOptions extends SharedOptions {
  readonly embedded: true;
  readonly brokers?: undefined;
}

export type KafkaOptions = BrokerOptions | EmbeddedOptions;

const pem = z.union([z.string().min(1), z.instanceof(Buffer)]);

const sasl = z.union([
  z.strictObject({
    mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    username: z.string().min(1),
    password: z.string(),
  }),
  z.strictObject({
    mechanism: z.literal('OAUTHBEARER'),
    token: z.custom<() => Promise<never>>((value) => typeof value === 'function'),
  }),
]);

const schema = z
  .strictObject({
    clientId: option(
      z.string().min(1).default('keylane'),
      'must be a non-empty string',
      "Leave it out for 'keylane'.",
    ),
    budgetBytes: option(
      z
        .int()
        .min(1024 * 1024)
        .default(64 * 1024 * 1024),
      'must be a whole number of bytes, at least 1 MiB',
      'Leave it out for 64 MiB.',
    ),
    producer: producerOptionsSchema.prefault({}),
    brokers: option(
      z
        .array(z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:.]+\]:\d{1,5}$/))
        .min(1)
        .optional(),
      "must be a list of 'host:port'",
      "Pass brokers: ['b1.example.com:9092'], or embedded: true for a Kafka inside this process.",
    ),
    embedded: option(
      z.literal(true).optional(),
      'must be true or left out',
      "Pass brokers: ['host:port'] instead.",
    ),
    tls: z
      .strictObject({
        ca: option(
          z.union([pem, z.array(pem)]).optional(),
          'must be PEM texts',
          'Read the file and pass its content, not its name.',
        ),
        cert: option(
          pem.optional(),
          'must be a PEM text',
          'Read the file and pass its content, not its name.',
        ),
        key: option(
          pem.optional(),
          'must be a PEM text',
          'Read the file and pass its content, not its name.',
        ),
        passphrase: option(z.string().optional(), 'must be a string', 'Leave it out when the key has none.'),
        rejectUnauthorized: option(
          z.boolean().default(true),
          'must be true or false',
          'Leave it out for true.',
        ),
      })
      .optional(),
    sasl: option(
      sasl.optional(),
      "must be { mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512', username, password } or { mechanism: 'OAUTHBEARER', token }",
      'See docs/connecting.md.',
    ),
    connectTimeoutMs: option(
      z.int().min(100).max(600_000).default(30_000),
      'must be a whole number of milliseconds, 100 to 600,000',
      'Leave it out for 30,000.',
    ),
  })
  .refine(
    (given: unknown) => {
      if (typeof given !== 'object' || given === null) return true;
      const { brokers, embedded } = given as { brokers?: unknown; embedded?: unknown }; // checked above, or refused already
      return (brokers === undefined) !== (embedded === undefined);
    },
    { path: ['brokers'], when: () => true }, // also beside other problems: all are listed at once
  );

export type ResolvedKafkaOptions = z.output<typeof schema>;

export function resolveKafkaOptions(given: unknown): ResolvedKafkaOptions {
  return parseOptions('connectKafka()', schema, given);
}

import { z } from 'zod';
import { MAX_UPLOAD_TIMEOUT_MS } from '../codec/codec-limits.ts';
import { isCodecName, type PayloadCodec } from '../codec/payload-codec.ts';
import { isStoreName, type PayloadStore } from '../codec/payload-store.ts';
import { OptionsError } from '../errors/options-error.ts';
import { option, parseOptions } from '../options/parse-options.ts';
import {
  DEFAULT_KEEP_FINISHED_MS,
  DEFAULT_UPLOAD_TIMEOUT_MS,
  LEAST_UPLOAD_TIMEOUT_MS,
  type Retention,
  type RetentionOptions,
  resolveRetention,
  retentionOptions,
} from '../options/retention.ts';
import type { TaskMap } from '../tasks/task-map.ts';
import type { Logger } from '../telemetry/logger.ts';
import { queueNameProblem } from '../topics/queue-name.ts';
import { type TopicOptions, topicOptions } from '../topics/topic-options.ts';
import type { EnqueueMiddleware } from './enqueue-types.ts';
import { type Kafka, KafkaConnection } from './kafka-connection.ts';

/** Options of `new TaskQueue(...)`. */
export interface QueueOptions<T extends TaskMap> {
  /** The queue's name, and its topic's. Letters, digits, dot, dash and underscore. */
  readonly name: string;
  /** The task types by name, each made by `defineTask`. */
  readonly tasks: T;
  /** Made by `connectKafka`; several queues may share one. */
  readonly kafka: Kafka;
  readonly topic?: TopicOptions;
  /**
   * The consumer groups that work on this queue; default: one, of the queue's name. Nothing is deleted before all of them
   * have finished it, so a group that works no more has to be taken out. A worker of any other group is refused. The same in
   * every process of the queue. Kafka: group.id.
   */
  readonly groups?: readonly string[];
  /** What becomes of finished tasks. Default: `{ keepFinishedMs: 86_400_000 }`, kept for a day. */
  readonly retention?: RetentionOptions;
  /**
   * How long a body or a large payload may take on its way to Kafka, from its first part to its end, milliseconds: 1,000 to
   * 86,400,000 (a day), default 1,800,000 (half an hour). What takes longer is absent (`UPLOAD_TOO_LATE`). Also how long
   * `enqueue` waits for a task with a body, unless it is told otherwise. Longer: slower sources; parts without a task stay
   * longer. The same in every producer and worker.
   */
  readonly uploadTimeoutMs?: number;
  /**
   * What payloads and bodies go through on their way: encryption, most of all. Read with it, too. Default: nothing.
   *
   * Deploy workers that have a codec in `codecs` before producers that write with it: a worker without it holds such tasks'
   * keys. See docs/compression.md.
   */
  readonly codec?: PayloadCodec;
  /** Codecs that are only read with: those of tasks that may still be there, or of a release to come. Default: none. */
  readonly codecs?: readonly PayloadCodec[];
  /**
   * Where payloads and bodies go that do not fit one record: `fileStore({ directory })`, or `s3Store(...)` of `keylane/s3`.
   * Default: parts in the topic `<name>.parts`. What is there already is read wherever it is. Its workers also delete objects
   * that are needed no more.
   *
   * Deploy workers that have the store, in `payloadStores`, before producers that write to it: a worker without it holds such
   * tasks' keys. See docs/large-tasks.md.
   */
  readonly payloadStore?: PayloadStore;
  /** Stores that are only read from: those of tasks that may still be there, or of a release to come. Default: none. */
  readonly payloadStores?: readonly PayloadStore[];
  /** Wraps every enqueue call, the first one outermost. */
  readonly middleware?: readonly EnqueueMiddleware[];
  /** Default: warnings and errors to stderr. */
  readonly logger?: Logger;
}

const codec = z.custom<PayloadCodec>((value) => {
  if (typeof value !== 'object' || value === null) return false;
  const { name, encode, decode } = value as Partial<Record<keyof PayloadCodec, unknown>>; // looked at below
  return isCodecName(name) && typeof encode === 'function' && typeof decode === 'function';
});
const CODEC_RULE =
  'must be { name, encode, decode } with a name of 1 to 32 lower-case letters, digits, dots, dashes and underscores';

const groupName = z.string().min(1).max(249);
const payloadStore = z.custom<PayloadStore>((value) => {
  if (typeof value !== 'object' || value === null) return false;
  const { name, seenWithinMs = 0, ...methods } = storeMembers(value);
  if (typeof seenWithinMs !== 'number' || !(seenWithinMs >= 0)) return false;
  return isStoreName(name) && Object.values(methods).every((method) => typeof method === 'function');
});
const STORE_RULE =
  'must be { name, put, get, copy, delete, listBelow } with a name of 1 to 32 lower-case letters, digits, dots, dashes and underscores; seenWithinMs, if there is one, a number of milliseconds from 0 on';

/** They may be a class's. */
function storeMembers(value: object): Readonly<Record<keyof PayloadStore, unknown>> {
  const {
    name,
    seenWithinMs,
    put,
    get,
    copy,
    delete: remove,
    listBelow,
  } = value as Partial<Record<keyof PayloadStore, unknown>>; // looked at by whoever asks
  return { name, seenWithinMs, put, get, copy, delete: remove, listBelow };
}

const schema = z
  .strictObject({
    name: option(
      z.string().superRefine((name, context) => {
        const problem = queueNameProblem(name);
        if (problem !== undefined) context.addIssue({ code: 'custom', params: problem });
      }),
      'must be a non-empty string of letters, digits, dot, dash and underscore',
      "Pass name: 'recordings'.",
    ),
    tasks: option(
      z.custom<TaskMap>(
        (value) => typeof value === 'object' && value !== null && Object.keys(value).length > 0,
      ),
      'must be an object with at least one task type',
      "Pass tasks: { 'my.task': defineTask({ ... }) }.",
    ),
    kafka: option(
      z.custom<KafkaConnection>((value) => value instanceof KafkaConnection),
      'must come from connectKafka()',
      "Pass kafka: connectKafka({ brokers: ['host:9092'] }).",
    ),
    topic: topicOptions.prefault({}),
    groups: option(
      z
        .array(groupName)
        .min(1)
        .refine((given) => new Set(given).size === given.length)
        .optional(),
      'must be a list of group names of 1 to 249 characters, no two the same',
      "Leave it out for one group of the queue's own name.",
    ),
    retention: retentionOptions.prefault({ keepFinishedMs: DEFAULT_KEEP_FINISHED_MS }),
    uploadTimeoutMs: option(
      z.int().min(LEAST_UPLOAD_TIMEOUT_MS).max(MAX_UPLOAD_TIMEOUT_MS).default(DEFAULT_UPLOAD_TIMEOUT_MS),
      'must be a whole number of milliseconds from 1,000 to 86,400,000',
      'Leave it out for half an hour.',
    ),
    codec: option(codec.optional(), CODEC_RULE, 'Leave it out for none.'),
    codecs: option(
      z
        .array(codec)
        .refine((given) => new Set(given).size === new Set(given.map(({ name }) => name)).size)
        .default([]),
      `must be a list of codecs with names of their own, and each ${CODEC_RULE}`,
      'Leave it out for none.',
    ),
    payloadStore: option(
      payloadStore.optional(),
      STORE_RULE,
      'Use fileStore({ directory }) or s3Store({ client, bucket }), or leave it out for none.',
    ),
    payloadStores: option(
      z
        .array(payloadStore)
        .refine((given) => new Set(given).size === new Set(given.map(({ name }) => name)).size)
        .default([]),
      `must be a list of stores with names of their own, and each ${STORE_RULE}`,
      'Leave it out for none.',
    ),
    middleware: option(
      z.array(z.custom<EnqueueMiddleware>((value) => typeof value === 'function')).default([]),
      'must be a list of functions (request, next) => promise',
      'Leave it out for none.',
    ),
    logger: option(
      z.custom<Logger>((value) => typeof value === 'object' && value !== null && 'warn' in value).optional(),
      'must be an object with debug, info, warn and error',
      'Leave it out to write warnings and errors to stderr.',
    ),
  })
  .superRefine(({ codec: writes, codecs, payloadStore: store, payloadStores }, context) => {
    const refuse = (path: string, rule: string): void => {
      const cure = 'Give them different names: the name on a task says what it is read with.';
      context.addIssue({ code: 'custom', path: [path], params: { rule, cure } });
    };
    if (codecs.some((other) => other !== writes && other.name === writes?.name))
      refuse('codecs', 'must not have another codec of the name that the one of codec: has');
    if (payloadStores.some((other) => other !== store && other.name === store?.name))
      refuse('payloadStores', 'must not have another store of the name that the one of payloadStore: has');
  });

export interface ResolvedQueueOptions
  extends Omit<z.output<typeof schema>, 'groups' | 'retention' | 'uploadTimeoutMs'> {
  readonly groups: readonly string[];
  /** With the upload timeout. */
  readonly retention: Retention;
}

/** @throws OptionsError */
export function resolveQueueOptions(given: unknown): ResolvedQueueOptions {
  if (typeof given !== 'object' || given === null) {
    const problem = {
      path: '(options)',
      rule: 'must be an object',
      value: String(given),
      cure: 'See the README.',
    };
    throw new OptionsError('new TaskQueue()', [problem]);
  }
  const { groups, retention, uploadTimeoutMs, ...rest } = parseOptions('new TaskQueue()', schema, given);
  return {
    ...rest,
    groups: groups ?? [rest.name],
    retention: resolveRetention(retention, uploadTimeoutMs),
  };
}

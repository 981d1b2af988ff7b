import { z } from 'zod';
import { option, parseOptions } from '../options/parse-options.ts';
import type { TaskMap, TaskType } from '../tasks/task-map.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AfterGiveUp } from './core/type-policy.ts';
import type { PartitionHookFunctions, RevokeReason } from './partition-hooks.ts';
import type { WorkerMiddleware } from './running/task-context.ts';
import {
  afterGiveUpSchema,
  pauseProblems,
  type ResolvedType,
  type RetryOptions,
  resolveType,
  retrySchema,
  type TypeOptions,
  typesSchema,
} from './type-options.ts';

/** Options of `queue.worker(handlers, options)`. */
export interface WorkerOptions<T extends TaskMap = TaskMap> {
  /**
   * The consumer group. Workers of one group share the partitions; another group handles every task again.
   * Kafka: group.id. Default: the queue's name. One of the queue's `groups`.
   */
  readonly group?: string;
  /** Handlers under way at once. Default 64. Higher: more parallel keys, more memory. Lower: fewer re-runs after a crash. */
  readonly concurrency?: number;
  /** Wraps every handler, the first one outermost. */
  readonly middleware?: readonly WorkerMiddleware[];
  /**
   * Pause between commits, milliseconds. Default 1,000. Lower: fewer re-runs after a crash, more load on the group's
   * coordinator. A commit is also sent, at once, before a partition is given up.
   */
  readonly commitIntervalMs?: number;
  readonly retry?: RetryOptions;
  /**
   * What becomes of a task that is not tried any more: one whose retries are used up, or that cannot be read.
   * - `'parkKey'` (default): it and all later tasks of its key go to the parked topic, until somebody redrives or discards
   *   them. Nothing of the key overtakes it, and nothing waits in the queue.
   * - `'parkTask'`: it alone; the key goes on without it.
   * - `'wait'`: nothing moves, the key is held where it is. A `ParkError` parks it all the same.
   */
  readonly afterGiveUp?: AfterGiveUp;
  /** What differs for single types, by name. */
  readonly types?: { readonly [K in TaskType<T>]?: TypeOptions | undefined };
  readonly rebalance?: RebalanceOptions;
  /**
   * Called, and awaited, when partitions were assigned, before anything of them is claimed or runs. If it throws,
   * `hook-failed` says so and the work begins all the same. For as long as it does not settle they stand still, and so do
   * partitions assigned later: `hook-slow` and a warning say so every 30 s.
   */
  readonly onPartitionsAssigned?: (partitions: readonly number[]) => unknown;
  /**
   * Called once for each partition that was assigned, when nothing of it is done here any more. `revoked` and `stopped`:
   * after its handlers were drained and the last commit was answered; the group waits up to 10 s for the promise before
   * others may have it. `lost`: the group did not ask, and others may have it already. If it throws or takes longer,
   * `hook-failed` says so. Later calls of both hooks wait until it settles: `hook-slow` and a warning say so every 30 s.
   */
  readonly onPartitionsRevoked?: (partitions: readonly number[], reason: RevokeReason) => unknown;
  readonly stuck?: StuckOptions;
  /**
   * How long stop() waits for handlers that ignore their aborted signal, milliseconds. Default 5,000. They are reported
   * and left behind after that.
   */
  readonly stopGraceMs?: number;
  /** Default: warnings and errors to stderr. */
  readonly logger?: Logger;
}

/** What to do about a handler that goes on although its signal was aborted. */
export interface StuckOptions {
  /** How long after the abort, milliseconds. Default 30,000. */
  readonly afterMs?: number;
  /**
   * - `'report'` (default): `task-stuck` says so; its key and its slot wait for it.
   * - `'stop'`: the worker also stops, as by `stop()`, and then `worker.done` rejects with a `WorkerStuckError`, for a
   *   supervisor that starts the process anew. Nothing else ends such a promise.
   */
  readonly action?: 'report' | 'stop';
}

/** How partitions move between workers. */
export interface RebalanceOptions {
  /**
   * `consumer` = KIP-848 (Kafka >= 4.0), `classic` = cooperative-sticky. Default `auto`: KIP-848 where the brokers offer
   * it and no classic group lives under the name. Kafka: group.protocol.
   */
  readonly protocol?: 'auto' | 'classic' | 'consumer';
  /**
   * How soon a dead worker is noticed with the classic protocol, milliseconds. Default 45,000; below 30,000 a group loses
   * everything whenever a broker dies (measured with Kafka 4.3). Kafka: session.timeout.ms. With KIP-848 the brokers
   * decide (group.consumer.session.timeout.ms).
   */
  readonly detectFailureMs?: number;
  /**
   * How long running handlers may go on when their partition is given up, milliseconds. Default 30,000. What has not
   * ended then is aborted and runs again elsewhere. Longer: fewer re-runs, slower deploys. Kafka's own limit
   * (max.poll.interval.ms) is set to more than twice this.
   */
  readonly drainMs?: number;
  /**
   * A name that stays with this worker over restarts; one value a worker. With KIP-848 a restarted worker has its
   * partitions back without a rebalance, and until it is back, or its session ends, nobody works on them. With `classic` a
   * worker that stops in good order leaves the group all the same. Kafka: group.instance.id.
   */
  readonly staticMemberId?: string;
  /** Where this worker runs, for reading from the nearest replica. Kafka: client.rack. */
  readonly rackId?: string;
}

const ms = (least: number) =>
  z
    .int()
    .min(least)
    .max(2 ** 31 - 1);

const hook = <F>() =>
  option(
    z.custom<F>((value) => typeof value === 'function').optional(),
    'a function, which may return a promise',
    'Leave it out when nothing is to be done.',
  );

const schema = z.strictObject({
  group: option(
    z.string().min(1).max(249).optional(),
    'a group name of 1 to 249 characters',
    "Leave it out for the queue's own name.",
  ),
  concurrency: option(
    z.int().min(1).max(10_000).default(64),
    'a whole number from 1 to 10,000',
    'Leave it out for 64.',
  ),
  middleware: option(
    z.array(z.custom<WorkerMiddleware>((value) => typeof value === 'function')).default([]),
    'a list of functions (context, next) => promise',
    'See docs/working.md.',
  ),
  commitIntervalMs: option(
    ms(10).default(1_000),
    'a whole number of milliseconds >= 10',
    'Leave it out for 1,000.',
  ),
  stopGraceMs: option(ms(0).default(5_000), 'a whole number of milliseconds >= 0', 'Leave it out for 5,000.'),
  onPartitionsAssigned: hook<NonNullable<PartitionHookFunctions['onPartitionsAssigned']>>(),
  onPartitionsRevoked: hook<NonNullable<PartitionHookFunctions['onPartitionsRevoked']>>(),
  stuck: z
    .strictObject({
      afterMs: option(
        ms(0).default(30_000),
        'a whole number of milliseconds >= 0',
        'Leave it out for 30,000.',
      ),
      action: option(
        z.enum(['report', 'stop']).default('report'),
        "'report' or 'stop'",
        "Leave it out for 'report'.",
      ),
    })
    .prefault({}),
  logger: option(
    z.custom<Logger>((value) => typeof value === 'object' && value !== null && 'warn' in value).optional(),
    'an object with debug, info, warn and error',
    'Leave it out to write warnings and errors to stderr.',
  ),
  retry: retrySchema.prefault({}),
  afterGiveUp: afterGiveUpSchema,
  rebalance: z
    .strictObject({
      protocol: option(
        z.enum(['auto', 'classic', 'consumer']).default('auto'),
        "'auto', 'classic' or 'consumer'",
        "Leave it out for 'auto'.",
      ),
      detectFailureMs: option(
        ms(1_000).default(45_000),
        'a whole number of milliseconds >= 1,000',
        'Leave it out for 45,000; the brokers refuse what is below their group.min.session.timeout.ms.',
      ),
      drainMs: option(
        ms(0).default(30_000),
        'a whole number of milliseconds >= 0',
        'Leave it out for 30,000.',
      ),
      staticMemberId: option(
        z.string().min(1).optional(),
        'a name, one a worker',
        'Leave it out for dynamic members.',
      ),
      rackId: option(z.string().min(1).optional(), "the rack's name as the brokers know it", 'Leave it out.'),
    })
    .prefault({}),
});

type Parsed = z.output<typeof schema>;

/** The options with their defaults; `ofType` says what holds for a type, by its present name. */
export interface ResolvedWorkerOptions extends Omit<Parsed, 'retry' | 'afterGiveUp'> {
  readonly ofType: (type: string) => ResolvedType;
}

/** What a worker's options are checked against. */
interface WorkersQueue {
  /** The names of its task types. */
  readonly types: readonly string[];
  /** Its name. */
  readonly queue: string;
  readonly groups: readonly string[];
}

/** @throws OptionsError */
export function resolveWorkerOptions(
  given: unknown,
  { types, queue, groups }: WorkersQueue,
): ResolvedWorkerOptions {
  const whole = schema.extend({ types: typesSchema(types) }).superRefine((options, context) => {
    const group = options.group ?? queue;
    if (!groups.includes(group)) {
      const params = {
        rule: `must be one of the queue's groups (${groups.join(', ')}), and the worker's would be '${group}'`,
        cure: `Add '${group}' to groups: of new TaskQueue() in every process that enqueues or works: what no declared group needs is deleted.`,
      };
      context.addIssue({ code: 'custom', path: ['group'], params });
    }
    for (const { path, ...params } of pauseProblems(options.retry, options.types))
      context.addIssue({ code: 'custom', path: [...path], params });
  });
  const { types: differing, ...options } = parseOptions('queue.worker()', whole, given ?? {});
  const common = resolveType(options);
  const own = new Map(
    Object.entries(differing).map(([type, differs]) => [type, resolveType(options, differs)]),
  );
  return { ...options, ofType: (type) => own.get(type) ?? common };
}

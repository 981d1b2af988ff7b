import { KeylaneError } from '../errors/keylane-error.ts';
import type { PayloadInput, TaskMap, TaskType } from '../tasks/task-map.ts';

/** What `enqueue` resolves to: the task is durable, here. */
export interface Receipt {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** When the brokers appended it. */
  readonly timestamp: Date;
}

export interface EnqueueOptions {
  /** Identifies the task over retries of this call. Default: a new UUIDv7. */
  readonly id?: string;
  /** What handlers see as `ctx.idempotencyKey`. Default: the id. */
  readonly idempotencyKey?: string;
  /** Travel with the task; names must not begin with `kl-`. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Not to run before so long from now, milliseconds, at most 7 days; for `unordered` types only. By the clocks of this
   * process and of the worker's. Meant for some hundred tasks at a time, see docs/producing.md.
   */
  readonly delayMs?: number;
  /** Ends the waiting. The task is surely absent if it was not handed to Kafka yet, see the error's `outcome`. */
  readonly signal?: AbortSignal;
  /** How long this call may wait, milliseconds. Default: the producer's deliveryTimeoutMs (120,000). */
  readonly timeoutMs?: number;
}

/** One of several tasks for `enqueueMany`. */
export type EnqueueItem<T extends TaskMap> = {
  [K in TaskType<T>]: {
    readonly type: K;
    readonly payload: PayloadInput<T, K>;
    readonly options?: EnqueueOptions;
  };
}[TaskType<T>];

/** What became of one item of `enqueueMany`. */
export type EnqueueResult =
  | { readonly ok: true; readonly receipt: Receipt }
  | { readonly ok: false; readonly error: unknown };

/** At least one task of an `enqueueMany` was not confirmed; `results` says what became of each, in order. */
export class EnqueueManyError extends KeylaneError {
  readonly results: readonly EnqueueResult[];

  constructor(results: readonly EnqueueResult[]) {
    const failed = results.filter((result) => !result.ok);
    const first = failed[0];
    super(
      'ENQUEUE_MANY_FAILED',
      `${failed.length} of ${results.length} tasks were not enqueued; see results, one an item`,
      { cause: first?.ok === false ? first.error : undefined },
    );
    this.results = results;
  }
}

/** A task on its way into the queue, as middleware sees it. */
export interface EnqueueRequest {
  readonly type: string;
  readonly payload: unknown;
  readonly options: EnqueueOptions;
}

/**
 * Wraps an enqueue call: pass the request on, or a changed copy. A task takes its place in its key's order when `next`
 * reaches the queue, so call it without awaiting anything first where order matters.
 */
export type EnqueueMiddleware = (
  request: EnqueueRequest,
  next: (request: EnqueueRequest) => Promise<Receipt>,
) => Promise<Receipt>;

/** A task as a record, to be kept in an outbox table and sent later by `queue.enqueueRecord`. */
export interface OutboxRecord {
  readonly id: string;
  readonly type: string;
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

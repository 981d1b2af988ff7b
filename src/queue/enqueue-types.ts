import { KeylaneError } from '../errors/keylane-error.ts';
import type { BodySource } from '../tasks/task-body.ts';
import type { BodyOf, PayloadInput, TaskMap, TaskType } from '../tasks/task-map.ts';

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
  /**
   * How long this call may wait, milliseconds. Default: the producer's deliveryTimeoutMs (120,000); for a task with a body
   * the queue's uploadTimeoutMs (half an hour).
   */
  readonly timeoutMs?: number;
}

/** For tasks of a type with a body. */
export interface EnqueueBodyOptions extends EnqueueOptions {
  /**
   * The task's body. A stream is read when the task's turn has come; when it fails, the task is not enqueued. One that was
   * begun is destroyed when the call fails: another try needs another stream.
   */
  readonly body: BodySource;
  /**
   * The body is compressed already, in this way: `'gzip'`, say. It travels as it is, and handlers are told as
   * `ctx.body.contentEncoding`. Default: none; then it is compressed on its way where that saves something.
   */
  readonly contentEncoding?: string;
}

/** What `enqueue` takes after the payload: options, and a body exactly for the types that have one. */
export type EnqueueRest<T extends TaskMap, K extends TaskType<T>> = [BodyOf<T, K>] extends [undefined]
  ? [options?: EnqueueOptions]
  : undefined extends BodyOf<T, K>
    ? [options?: EnqueueOptions | EnqueueBodyOptions]
    : [options: EnqueueBodyOptions];

/** What waits for nothing has no use for these. */
type Waiting = 'signal' | 'timeoutMs';

/** What `encode` takes after the payload. */
export type EncodeRest<T extends TaskMap, K extends TaskType<T>> = [BodyOf<T, K>] extends [undefined]
  ? [options?: Omit<EnqueueOptions, Waiting>]
  : undefined extends BodyOf<T, K>
    ? [options?: Omit<EnqueueOptions | EnqueueBodyOptions, Waiting>]
    : [options: Omit<EnqueueBodyOptions, Waiting>];

/** One of several tasks for `enqueueMany`. */
export type EnqueueItem<T extends TaskMap> = {
  [K in TaskType<T>]: {
    readonly type: K;
    readonly payload: PayloadInput<T, K>;
  } & (EnqueueRest<T, K> extends [EnqueueBodyOptions]
    ? { readonly options: EnqueueBodyOptions }
    : { readonly options?: EnqueueRest<T, K>[0] });
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
  readonly options: EnqueueOptions & Partial<EnqueueBodyOptions>;
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

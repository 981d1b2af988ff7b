import type { BodySource } from '../../tasks/task-body.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** What a handler is told about its task, and what it may do. */
export interface TaskContext {
  /** Unique; the same over retries and redeliveries. */
  readonly id: string;
  readonly type: string;
  /** The ordering key. */
  readonly key: string;
  /** For deduplication in other systems: the task's id unless one was given. Stable over retries and redeliveries. */
  readonly idempotencyKey: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** True when this may not be the first time: a retry, or a start that an earlier owner may have made. */
  readonly redelivered: boolean;
  readonly enqueuedAt: Date;
  readonly headers: Readonly<Record<string, string>>;
  readonly record: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: bigint;
  };
  /**
   * Rises with every change of owner of the partition. A store that remembers the highest token it has seen for a key and
   * refuses lower ones cannot be written to by a worker that was replaced without noticing.
   */
  readonly fencingToken: bigint;
  /** Aborted when the work no longer counts; `signal.reason` is a `TaskAbortedError` that says why. */
  readonly signal: AbortSignal;
  /** Aborted when the partition is being given up or the worker stops: come to an end soon. The work still counts. */
  readonly draining: AbortSignal;
  readonly logger: Logger;
  /** Starts the task's timeoutMs anew. Call it when a long task makes progress. */
  heartbeat(): void;
  /**
   * Enqueues a follow-up of this task. Its id follows from this task's id and the order of the calls, so that a retried
   * handler enqueues the same follow-ups under the same ids.
   */
  enqueue(type: string, payload: unknown, options?: FollowUpOptions): Promise<unknown>;
  /** Several follow-ups at once. */
  enqueueMany(items: readonly FollowUp[]): Promise<readonly unknown[]>;
}

export interface FollowUp {
  readonly type: string;
  readonly payload: unknown;
  readonly options?: FollowUpOptions;
}

export interface FollowUpOptions {
  /** Default: follows from the task's id and the order of the calls. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Not to run before so long from now, milliseconds, at most 7 days; for `unordered` types only, as with `queue.enqueue`. */
  readonly delayMs?: number;
  /** For types with a body, and required there. A try that repeats the call must give the same bytes again. */
  readonly body?: BodySource;
  /** How the body is compressed already, as with `queue.enqueue`. */
  readonly contentEncoding?: string;
}

/** Wraps a handler. Call `next` once; what it rejects with is the handler's error. */
export type WorkerMiddleware = (context: TaskContext, next: () => Promise<void>) => Promise<void>;

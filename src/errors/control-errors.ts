import { KeylaneError } from './keylane-error.ts';

/** Throw it from a handler: this task is to be tried again after a pause; its key waits, others go on. */
export class RetryLaterError extends KeylaneError {
  /** The pause, milliseconds. */
  readonly delayMs: number;
  /** Whether this try counts towards giving up. Default false. */
  readonly countAttempt: boolean;

  constructor(delayMs: number, options?: { readonly countAttempt?: boolean; readonly cause?: unknown }) {
    if (!Number.isFinite(delayMs) || delayMs < 0)
      throw new RangeError(`RetryLaterError: delayMs must be >= 0, got ${delayMs}`);
    super('RETRY_LATER', `try again in ${delayMs} ms`, { cause: options?.cause });
    this.delayMs = delayMs;
    this.countAttempt = options?.countAttempt ?? false;
  }
}

/** Throw it from a handler: trying again is useless. The task is given up at once. */
export class ParkError extends KeylaneError {
  readonly reason: string;

  constructor(reason: string, options?: { readonly cause?: unknown }) {
    super('PARK', `given up by its handler: ${reason}`, options);
    this.reason = reason;
  }
}

/** Throw it from a handler: the task needs no work any more. It counts as finished, and an event says so. */
export class DiscardError extends KeylaneError {
  readonly reason: string;

  constructor(reason: string) {
    super('DISCARD', `discarded by its handler: ${reason}`);
    this.reason = reason;
  }
}

/** Why a handler's signal was aborted. */
export type TaskAbortReason = 'timeout' | 'partition-lost' | 'shutdown';

const abortCodes = {
  timeout: 'TASK_TIMEOUT',
  'partition-lost': 'PARTITION_LOST',
  shutdown: 'WORKER_SHUTDOWN',
} as const;

const abortTexts = {
  timeout:
    'the task has run for longer than its timeoutMs; it will be tried again once the handler has returned',
  'partition-lost':
    'the partition went to another worker while the task ran; what this handler does no longer counts',
  shutdown: 'the worker stops and the task did not end within drainMs; another worker will run it again',
} as const;

/** The reason of an aborted `ctx.signal`. */
export class TaskAbortedError extends KeylaneError {
  readonly reason: TaskAbortReason;

  constructor(reason: TaskAbortReason) {
    super(abortCodes[reason], abortTexts[reason]);
    this.reason = reason;
  }
}

/** A verdict of this installed copy of the package or of another one, told by its code. */
export function isControlError(error: unknown, code: 'RETRY_LATER' | 'PARK' | 'DISCARD'): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    Symbol.for('keylane.error') in error &&
    'code' in error &&
    error.code === code
  );
}

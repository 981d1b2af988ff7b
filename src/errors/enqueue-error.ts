import { type ErrorCode, KeylaneError } from './keylane-error.ts';

/**
 * What is known about the task in the log when an enqueue fails.
 *
 * `absent`: surely not there, and never will be. `unknown`: it may be there once, or come to be there later.
 */
export type EnqueueOutcome = 'absent' | 'unknown';

/** The task an {@link EnqueueError} is about. */
export interface EnqueueSubject {
  readonly id: string;
  readonly type: string;
  readonly topic: string;
  readonly partition: number;
}

/**
 * A task could not be confirmed durable. `outcome` says whether it may be in the log all the same; enqueue it again
 * under the same `id` and whoever handles it can tell the two apart from a second task.
 */
export class EnqueueError extends KeylaneError {
  readonly outcome: EnqueueOutcome;
  readonly id: string;
  readonly type: string;
  readonly topic: string;
  readonly partition: number;

  constructor(
    what: {
      readonly code: ErrorCode;
      readonly outcome: EnqueueOutcome;
      readonly reason: string;
      readonly cause?: unknown;
    },
    subject: EnqueueSubject,
  ) {
    const { id, type, topic, partition } = subject;
    super(
      what.code,
      `Task ${id} (${type}) for ${topic}/${partition} ${what.reason}`,
      what.cause === undefined ? undefined : { cause: what.cause },
    );
    this.outcome = what.outcome;
    this.id = id;
    this.type = type;
    this.topic = topic;
    this.partition = partition;
  }
}

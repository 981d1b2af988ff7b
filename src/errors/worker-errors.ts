import { KeylaneError } from './keylane-error.ts';

/** A worker was asked for something that it cannot do in the state it is in. */
export class WorkerStateError extends KeylaneError {
  constructor(what: string, cure: string) {
    super('WORKER_STATE', `${what}. ${cure}`);
  }
}

/** A worker has ended because of an error in keylane itself, its `cause`. Other workers take over what it had. */
export class WorkerBrokenError extends KeylaneError {
  constructor(group: string, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(
      'WORKER_BROKEN',
      `The worker of group '${group}' has ended because of an error in keylane itself (${what}). Make a new worker to go on, and report the error with its cause.`,
      { cause },
    );
  }
}

/** A worker has ended because one of its handlers did not, although its signal was aborted. End the process. */
export class WorkerStuckError extends KeylaneError {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  /** How long before its signal was aborted. */
  readonly abortedMs: number;

  constructor(task: { readonly id: string; readonly type: string; readonly key: string }, abortedMs: number) {
    super(
      'WORKER_STUCK',
      `The worker has ended: the handler of task ${task.id} ('${task.type}', key '${task.key}') went on for ${Math.round(abortedMs)} ms ` +
        'after its signal was aborted. Only the end of the process ends it; another worker runs the task again.',
    );
    this.id = task.id;
    this.type = task.type;
    this.key = task.key;
    this.abortedMs = abortedMs;
  }
}

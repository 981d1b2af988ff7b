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

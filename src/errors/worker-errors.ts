import { KeylaneError } from './keylane-error.ts';

/** A worker was asked for something that it cannot do in the state it is in. */
export class WorkerStateError extends KeylaneError {
  constructor(what: string, cure: string) {
    super('WORKER_STATE', `${what}. ${cure}`);
  }
}

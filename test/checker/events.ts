/**
 * What the processes of a fault run write down: one JSON line an event, each written in one synchronous call, so that a
 * killed process has told everything it did up to the kill. The checker reads nothing else.
 */

interface Stamp {
  /** Milliseconds of the machine's monotonic clock, which all processes of a run share. */
  readonly at: number;
  /** One life of one process; a restarted worker has a new name. */
  readonly process: string;
}

/** Names one task where it was found in the log, and the claim it was run under. */
export interface RunPlace {
  readonly id: string;
  readonly key: string;
  readonly partition: number;
  readonly offset: number;
  /** The fencing token. */
  readonly epoch: number;
}

export interface PayloadPrint {
  readonly hash: string;
  readonly bytes: number;
}

/** What was parked, from which task on, and why. */
export interface ParkedPlace {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  readonly reason: string;
}

/** Of this lane, everything from this offset on may be unfinished. */
export interface UnfinishedFrom {
  readonly lane: string;
  readonly from: number;
}

/** What a commit says is finished: all below `offset`, and all below `doneBelow` but for what `unfinished` names. */
export interface CommitClaim {
  readonly partition: number;
  readonly epoch: number;
  readonly offset: number;
  readonly doneBelow: number;
  readonly unfinished: readonly UnfinishedFrom[];
}

export type ProducerEvent =
  /** Written before the call, in call order. */
  | ({
      readonly event: 'enqueue-called';
      readonly call: number;
      readonly id: string;
      readonly key: string;
    } & PayloadPrint)
  | {
      readonly event: 'enqueue-acked';
      readonly id: string;
      readonly partition: number;
      readonly offset: number;
    }
  | {
      readonly event: 'enqueue-failed';
      readonly id: string;
      readonly outcome: 'absent' | 'unknown';
      readonly code: string;
    };

export type WorkerEvent =
  /** The group gave these partitions to the process. */
  | { readonly event: 'assigned'; readonly partitions: readonly number[] }
  /** Taken: tasks may start under this epoch. */
  | { readonly event: 'taken'; readonly partition: number; readonly epoch: number; readonly offset: number }
  /** The group wants these back; the process still owns them. */
  | { readonly event: 'revoke-asked'; readonly partitions: readonly number[] }
  /** The process owns these no more: it answered the revoke, or learned that the group had moved on. */
  | { readonly event: 'given-up'; readonly partitions: readonly number[]; readonly how: 'revoked' | 'lost' }
  /** The worker said itself that it gave this partition up without a last commit. */
  | { readonly event: 'given-up-uncommitted'; readonly partition: number }
  /** The worker does not work on this partition until somebody acts. */
  | { readonly event: 'halted'; readonly partition: number; readonly reason: string }
  /** The worker said that it parked this key, from the task at this offset on, or that task alone. */
  | ({ readonly event: 'parked' } & ParkedPlace)
  /** The worker said that it obeys an operator who holds this key. */
  | { readonly event: 'key-held'; readonly key: string }
  /** The process found offsets that somebody had set back, and runs tasks again from there on. */
  | { readonly event: 'rewind-obeyed'; readonly partition: number; readonly offset: number }
  /** The worker said that this task's record came too late to count, and was not run. */
  | { readonly event: 'task-void'; readonly id: string; readonly partition: number; readonly offset: number }
  /** What the process holds, what its readers have handed to it since it began, and how long it stood still lately. */
  | {
      readonly event: 'gauge';
      readonly rssBytes: number;
      readonly readBytes: number;
      readonly loopDelayMs: number;
      /** Of that time, how long its main thread could have run and had no processor. */
      readonly waitedMs: number;
      /** The longest that its main thread computed in one go, whatever else the processors did. */
      readonly computedMs: number;
    }
  | { readonly event: 'outage'; readonly began: boolean }
  /** The worker did not hear what it owns, and joins its group again. */
  | { readonly event: 'rejoining'; readonly difference: string }
  /** Written as the handler's first act. */
  | ({ readonly event: 'task-started'; readonly attempt: number } & RunPlace)
  /** Written as the handler's last act, with the print of what it was given. */
  | ({ readonly event: 'task-finished' } & RunPlace & PayloadPrint)
  | ({ readonly event: 'task-failed'; readonly error: string } & RunPlace)
  /** The handler saw its signal abort and ended. */
  | ({ readonly event: 'task-aborted'; readonly reason: string } & RunPlace)
  | { readonly event: 'commit-sent'; readonly commit: number; readonly claims: readonly CommitClaim[] }
  /** The broker's acknowledgement of one partition of an earlier commit-sent. */
  | { readonly event: 'commit-acked'; readonly commit: number; readonly partition: number }
  /** What the group said was committed, when somebody took partitions. */
  | { readonly event: 'committed-read'; readonly claims: readonly CommitClaim[] }
  /** Not acknowledged: nothing follows from it, but it helps to understand a run. */
  | {
      readonly event: 'commit-failed';
      readonly commit: number;
      readonly partition: number;
      readonly error: string;
    };

export type ProcessEvent =
  | { readonly event: 'process-started'; readonly pid: number }
  | { readonly event: 'stop-requested' }
  | { readonly event: 'stopped' }
  /** An unhandled rejection, a worker that gave up, a halted partition: never part of a good run. */
  | { readonly event: 'process-error'; readonly text: string };

/** Written by the process that runs the scenario. `target` names the life it is about. */
export type InjectorEvent =
  | { readonly event: 'spawned'; readonly target: string }
  /** Written once the signal was delivered. */
  | { readonly event: 'killed'; readonly target: string }
  | { readonly event: 'suspended'; readonly target: string }
  | { readonly event: 'resumed'; readonly target: string }
  | {
      readonly event: 'exited';
      readonly target: string;
      readonly code: number | null;
      readonly signal: string | null;
    }
  /** The journal says so, since `parkedAt` on the clock of the stamps; it is redriven now. */
  | ({ readonly event: 'found-parked'; readonly parkedAt: number } & ParkedPlace)
  | {
      readonly event: 'fault';
      readonly fault: 'broker-killed' | 'broker-restarted' | 'machine-stood-still';
      readonly target: string;
    };

export type EventBody = ProducerEvent | WorkerEvent | ProcessEvent | InjectorEvent;

export type LogEvent = Stamp & EventBody;

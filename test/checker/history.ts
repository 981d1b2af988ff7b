import type { CommitClaim, LogEvent, PayloadPrint, RunPlace } from './events.ts';

/** One execution of a handler. */
export interface Run extends RunPlace {
  readonly process: string;
  readonly attempt: number;
  readonly startedAt: number;
  /** When it ended; infinite while it is open. */
  endedAt: number;
  end: 'finished' | 'failed' | 'aborted' | 'killed' | 'open';
  print: PayloadPrint | undefined;
}

export interface Position {
  readonly partition: number;
  readonly offset: number;
}

/** One enqueue call and what became of it. */
export interface Task {
  readonly id: string;
  readonly key: string;
  readonly producer: string;
  readonly call: number;
  readonly print: PayloadPrint;
  outcome: 'open' | 'acked' | 'absent' | 'unknown';
  /** Every acknowledgement; more than one is a violation. */
  readonly acks: Position[];
  /** By start. */
  readonly runs: Run[];
}

/** One partition of one acknowledged commit. */
export interface Commit extends CommitClaim {
  readonly process: string;
  readonly sentAt: number;
  readonly ackedAt: number;
  /**
   * Acknowledged after the process had lost the partition. The group checks membership, not ownership, so a client may
   * deliver such a commit under a new membership; for whoever owns the partition then it is void.
   */
  late: boolean;
}

export interface Life {
  readonly name: string;
  lastLineAt: number;
  killedAt: number | undefined;
  /** A partition was being given up or taken somewhere in the group at that moment. */
  killedInRebalance: boolean;
  suspended: boolean;
  suspendedAt: number | undefined;
  stopRequestedAt: number | undefined;
  stoppedAt: number | undefined;
  exited: { readonly code: number | null; readonly signal: string | null } | undefined;
  readonly errors: string[];
}

/** From the assignment of a partition to a process until it was given up. */
export interface Holding {
  readonly process: string;
  readonly partition: number;
  readonly from: number;
  to: number;
  how: 'revoked' | 'lost' | 'killed' | 'held';
  uncommitted: boolean;
  /** Claims confirmed meanwhile. */
  readonly taken: { readonly at: number; readonly epoch: number }[];
}

/** The events of a run, put in order and related to each other. */
export interface History {
  readonly events: readonly LogEvent[];
  readonly tasks: ReadonlyMap<string, Task>;
  /** Runs of tasks that no producer called for. */
  readonly phantoms: readonly Run[];
  /** All runs, by start. */
  readonly runs: readonly Run[];
  /** By partition, by acknowledgement. */
  readonly commits: ReadonlyMap<number, readonly Commit[]>;
  readonly lives: ReadonlyMap<string, Life>;
  readonly holdings: readonly Holding[];
  /** Ends, finishes and commits that belong to nothing. */
  readonly strays: readonly string[];
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Where a task is in the log: as acknowledged, or else as a worker found it. */
export function positionOf(task: Task): Position | undefined {
  return task.acks[0] ?? task.runs[0];
}

/** When the task was first finished. */
export function firstFinish(task: Task): number {
  let first = Number.POSITIVE_INFINITY;
  for (const run of task.runs) if (run.end === 'finished') first = Math.min(first, run.endedAt);
  return first;
}

/** Whether this commit says that the record at this offset of this lane is finished. */
export function covers(commit: CommitClaim, offset: number, lane: string): boolean {
  if (offset < commit.offset) return true;
  if (offset >= commit.doneBelow) return false;
  return !commit.unfinished.some((u) => u.lane === lane && offset >= u.from);
}

/** The holdings of one partition by one process, by their beginning. */
export function holdingsByOwner(history: History): ReadonlyMap<string, readonly Holding[]> {
  const byOwner = new Map<string, Holding[]>();
  for (const holding of history.holdings) {
    const owner = `${holding.process} ${holding.partition}`;
    const list = byOwner.get(owner);
    if (list === undefined) byOwner.set(owner, [holding]);
    else list.push(holding);
  }
  return byOwner;
}

/** The holding that spans a moment. */
export function holdingAt(holdings: readonly Holding[] | undefined, moment: number): Holding | undefined {
  return holdings?.find((h) => h.from <= moment && moment <= h.to);
}

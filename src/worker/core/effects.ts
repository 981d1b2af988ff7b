import type { ConfirmReason, ParkReason } from '../../journal/journal.ts';
import type { Postponed } from './delaying.ts';
import type { StopReason, TakingNote } from './judge-taking.ts';
import type { HoldReason, Item, Lane } from './lane.ts';
import type { Copy, JournalWrite, MarkRequest, ParkedWant } from './parked.ts';
import type { PartitionState, Reading } from './partition-state.ts';
import type { Reservation } from './shared-budget.ts';

/**
 * One start of a task. It is its own identity: what arrives late is compared with the run its lane has now, so the end
 * of an older start can never be taken for the end of a newer one.
 */
export interface Run {
  readonly partition: PartitionState;
  readonly lane: Lane;
  readonly item: Item;
  /** 1 for the first try. */
  readonly attempt: number;
  /** What it holds beside its record, until its handler's promise has settled. */
  readonly reservation?: Reservation | undefined;
}

/** How a handler's end is to be taken. */
export type Verdict =
  | {
      readonly kind: 'retry';
      readonly delayMs: number | undefined;
      readonly countAttempt: boolean;
      readonly error: unknown;
    }
  /** No further try: the handler asked for it. */
  | { readonly kind: 'give-up'; readonly error: unknown }
  /** Finished on purpose without its work. */
  | { readonly kind: 'discard'; readonly reason: string }
  /** This process cannot run it, or nobody can: something that belongs to it is gone (`data-loss`). */
  | {
      readonly kind: 'hold';
      readonly reason:
        | 'unknown-type'
        | 'newer-version'
        | 'undecodable'
        | 'codec-missing'
        | 'store-missing'
        | 'data-loss';
      readonly error: unknown;
    };

/** One partition's part of a commit. `changes` says which state of the partition it holds. */
export interface CommitItem {
  readonly partition: PartitionState;
  readonly offset: number;
  readonly metadata: string;
  readonly changes: number;
  /** Everything below is said to be finished, but for what the metadata names. */
  readonly doneBelow: number;
  /** Once it is acknowledged, everything below may start. */
  readonly horizon: number;
}

export type AbortReason = 'partition-lost' | 'shutdown';

/** What the core wants done. Each is answered by the method of the core that its comment names. */
export type Effect =
  /** Append a CLAIM: `claimed` or `takingFailed`. */
  | { readonly kind: 'claim'; readonly partition: PartitionState }
  /** Read committed offset, log ends and the journal up to the claim: `inspected` or `takingFailed`. */
  | { readonly kind: 'inspect'; readonly partition: PartitionState }
  /** Append a CONFIRM: `confirmed` or `takingFailed` when the reason is 'taken'; otherwise `frontierUnwritten` if that fails. */
  | {
      readonly kind: 'confirm';
      readonly partition: PartitionState;
      readonly frontier: number;
      readonly reason: ConfirmReason;
    }
  /** Commit: `committed` once with one outcome an item. */
  | { readonly kind: 'commit'; readonly items: readonly CommitItem[] }
  /** The group acknowledged this; for whoever wants to know. */
  | { readonly kind: 'committed'; readonly item: CommitItem }
  /** Read the tail from here: records come by `records`. */
  | { readonly kind: 'read'; readonly reading: Reading }
  | { readonly kind: 'stop-reading'; readonly partition: PartitionState }
  | { readonly kind: 'pause' | 'resume'; readonly partition: PartitionState }
  /** Read again from here on: records come by `swept`. Replaces an earlier sweep of the partition. */
  | { readonly kind: 'sweep'; readonly reading: Reading }
  | { readonly kind: 'stop-sweep'; readonly partition: PartitionState }
  /** Offsets are missing from what was read, of the tail or of a sweep: `gapChecked` or `sweepGapChecked`. */
  | {
      readonly kind: 'check-gap';
      readonly partition: PartitionState;
      readonly of: 'tail' | 'sweep';
      readonly found: number;
    }
  /** Another leader may lack what was read: look at the log now, `logSeen`. */
  | { readonly kind: 'look'; readonly partition: PartitionState }
  /** Run the task: `finished` or `failed`, once. */
  | { readonly kind: 'start'; readonly run: Run }
  /** The partition is being given up: tell the handler to come to an end. */
  | { readonly kind: 'drain'; readonly run: Run }
  /** What this handler does no longer counts. */
  | { readonly kind: 'abort'; readonly run: Run; readonly reason: AbortReason }
  /** Call `keyFreed` once no handler of the lane's key is alive in this process. */
  | { readonly kind: 'await-key'; readonly partition: PartitionState; readonly lane: Lane }
  /** Write a MARK: `marked` or `effectFailed`. */
  | { readonly kind: 'mark'; readonly partition: PartitionState; readonly mark: MarkRequest }
  /** Append copies to the parked topic, in order: `copied`, with the first of them or all, or `effectFailed`. */
  | { readonly kind: 'copy'; readonly partition: PartitionState; readonly copy: Copy }
  /** Append to the journal: `written` or `effectFailed`. */
  | { readonly kind: 'write'; readonly partition: PartitionState; readonly write: JournalWrite }
  /** Read parked tasks: `parkedRead` or `effectFailed`. */
  | {
      readonly kind: 'read-parked';
      readonly partition: PartitionState;
      readonly wants: readonly ParkedWant[];
    }
  /** Append the task again, at the end of its partition: `postponed` or `effectFailed`. */
  | { readonly kind: 'postpone'; readonly partition: PartitionState; readonly postponed: Postponed }
  | { readonly kind: 'answer-revoke'; readonly revocation: number }
  | { readonly kind: 'report'; readonly report: CoreReport };

/** Effects that may fail and are then done again. */
export type PartitionEffect = Extract<
  Effect,
  { kind: 'mark' | 'copy' | 'write' | 'read-parked' | 'postpone' }
>;

/** What a key is held for until somebody acts. What operators hold is told once a command, and not for each key. */
export type KeyHeldReason = Exclude<HoldReason, 'retry' | 'delayed' | 'operator'>;

/** What a user may want to know. */
export type CoreReport =
  | {
      readonly kind: 'partition-started';
      readonly partition: number;
      readonly epoch: number;
      readonly offset: number;
    }
  | { readonly kind: 'partition-note'; readonly partition: number; readonly note: TakingNote }
  | {
      readonly kind: 'partition-halted';
      readonly partition: number;
      readonly reason: StopReason;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'partition-full'; readonly partition: number; readonly openKeys: number }
  | {
      readonly kind: 'reading-waits';
      readonly partition: number;
      readonly offset: number;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'backlog-limit'; readonly partition: number; readonly waitingTasks: number }
  | {
      readonly kind: 'task-failed';
      readonly run: Run;
      readonly error: unknown;
      readonly retryInMs: number;
      readonly counted: boolean;
    }
  | { readonly kind: 'task-discarded'; readonly run: Run; readonly reason: string }
  /** Something that belongs to the task is gone; what becomes of it follows. */
  | { readonly kind: 'data-loss'; readonly run: Run; readonly error: unknown }
  | {
      readonly kind: 'key-held';
      readonly partition: number;
      readonly item: Item | undefined;
      readonly offset: number;
      readonly key: string;
      readonly reason: KeyHeldReason;
      readonly attempts: number;
      readonly error: unknown;
    }
  /** An operator's command to hold or release a key or a type is in force. */
  | {
      readonly kind: 'held-by-operator' | 'released-by-operator';
      readonly partition: number;
      /** Of the two one is undefined. */
      readonly key: string | undefined;
      readonly type: string | undefined;
      readonly command: string;
      readonly by: string;
    }
  /** Keys and types that operators held before the partition was taken. */
  | {
      readonly kind: 'holds-found';
      readonly partition: number;
      readonly keys: readonly string[];
      readonly types: readonly string[];
    }
  /** A key, or one task of it, goes to the parked topic: its MARK is written. */
  | {
      readonly kind: 'parked';
      readonly partition: number;
      readonly key: string;
      readonly scope: 'key' | 'task';
      readonly mark: number;
      readonly offset: number;
      readonly item: Item | undefined;
      readonly reason: ParkReason;
      readonly error: unknown;
    }
  /** A mark is redriven, has been, has failed again, or was discarded. */
  | {
      readonly kind: 'redrive-began' | 'redriven' | 'redrive-failed' | 'parked-discarded';
      readonly partition: number;
      readonly key: string;
      readonly mark: number;
      /** Tasks that were done by this redrive. */
      readonly taskCount: number;
      readonly error: unknown;
    }
  /** A task that is to be parked cannot be copied, and is told of again for as long as that lasts. */
  | {
      readonly kind: 'parking-stuck';
      readonly partition: number;
      readonly key: string;
      readonly mark: number;
      readonly item: Item;
      readonly error: unknown;
    }
  | {
      readonly kind: 'task-skipped';
      readonly partition: number;
      readonly item: Item;
      readonly command: string;
      /** Who asked for it. */
      readonly by: string;
    }
  | {
      readonly kind: 'command-done';
      readonly partition: number;
      readonly command: string;
      readonly verb: string;
      readonly outcome: string;
    }
  | { readonly kind: 'outage-began' | 'outage-ended'; readonly type: string }
  | { readonly kind: 'drain-expired'; readonly partition: number; readonly runningCount: number }
  | { readonly kind: 'revoked-uncommitted'; readonly partition: number };

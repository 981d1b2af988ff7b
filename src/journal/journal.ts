import { JournalSummary } from './journal-summary.ts';

/**
 * The journal of a queue, kept in `<q>.state`. Nothing in it is ever overwritten or deleted. Ownership of a partition is
 * what its entries say: a CLAIM's own offset is the epoch, and a CONFIRM says that the group accepted that epoch.
 *
 * What an owner writes carries its epoch, and is void once somebody else owned the partition. What operators write is a
 * command, and never void.
 */
export type JournalEntry =
  | ClaimEntry
  | ConfirmEntry
  | MarkEntry
  | ProgressEntry
  | ClearedEntry
  | CommandEntry
  | DoneEntry
  | TruncatedEntry;

interface EntryOf<Kind extends string> {
  readonly kind: Kind;
  readonly group: string;
  readonly partition: number;
}

export interface ClaimEntry extends EntryOf<'claim'> {
  readonly by: string;
}

export interface ConfirmEntry extends EntryOf<'confirm'> {
  readonly epoch: number;
  /** Everything below is finished. */
  readonly frontier: number;
  /** Kafka's id of the queue topic; '' where topics have none. */
  readonly topicId: string;
  readonly reason: ConfirmReason;
  /** The epoch with which offsets began anew, see {@link JournalHistory.era}. Left out: they never did. */
  readonly era?: number;
  /** Everything below `frontier` was appended by leaders up to this epoch. Left out: that is not known. */
  readonly leaderEpoch?: number;
  /**
   * Commands to accept a loss that are obeyed with it, and done: one that stayed open after its loss was passed over would
   * accept the next one. Left out: none.
   */
  readonly accepted?: readonly string[];
}

export type ConfirmReason = 'taken' | 'stopped' | 'periodic';

/** A key with all its tasks from one on, or one task, goes to the parked topic. Its own offset is the mark's name. */
export interface MarkEntry extends EntryOf<'mark'> {
  readonly epoch: number;
  /** The record key, byte for byte (latin1). */
  readonly key: string;
  readonly scope: 'key' | 'task';
  /** The source offset of the first task. */
  readonly from: number;
  /** The end of the parked partition before the mark: copies are at or above. */
  readonly parkedFrom: number;
  /** Kafka's id of the parked topic that this is an offset of. Left out: topics have none, or a release before this one wrote it. */
  readonly parkedTopicId?: string;
  /** Type and id of the first task; '' when unknown. */
  readonly type: string;
  readonly id: string;
  readonly reason: ParkReason;
  readonly error: string;
  readonly atMs: number;
  /** The id of the command that asked for it, or ''. */
  readonly command: string;
}

export type ParkReason =
  | 'gave-up'
  /** The handler threw a ParkError. */
  | 'asked'
  | 'undecodable'
  /** The process died of it again and again. */
  | 'crash-loop'
  | 'operator';

/** Redriving gets on: parked tasks up to and including a source offset are done. */
export interface ProgressEntry extends EntryOf<'progress'> {
  readonly epoch: number;
  readonly mark: number;
  readonly done: number;
}

/** A mark is history. */
export interface ClearedEntry extends EntryOf<'cleared'> {
  readonly epoch: number;
  readonly mark: number;
  readonly how: 'redriven' | 'discarded';
  /** The highest source offset that is done; -1 = none. */
  readonly upTo: number;
  readonly command: string;
}

export interface CommandEntry extends EntryOf<'command'> {
  readonly id: string;
  readonly verb: Verb;
  /** The record key, byte for byte (latin1); '' for what concerns a type. */
  readonly key: string;
  /** Who asked. */
  readonly by: string;
  readonly atMs: number;
}

export type Verb =
  | { readonly name: 'park' | 'hold' | 'release' }
  /** `of`: the type whose name it is, for whoever held it under all the names that it knew. */
  | { readonly name: 'hold-type'; readonly type: string; readonly of?: string }
  | { readonly name: 'release-type'; readonly type: string }
  /** `below`: the log's end when it was asked. What is not found below it is not there. */
  | { readonly name: 'skip'; readonly taskId: string; readonly below: number }
  | { readonly name: 'redrive' | 'discard'; readonly mark: number }
  /** `offset`: the task's source offset. */
  | { readonly name: 'discard-task'; readonly mark: number; readonly offset: number }
  /** What is lost below may be: under the topic and the state topic that were there when it was asked. */
  | {
      readonly name: 'accept-loss';
      readonly below: number;
      readonly topicId: string;
      readonly statePin: string;
    };

/** A command was carried out, or found to be void. */
export interface DoneEntry extends EntryOf<'done'> {
  readonly epoch: number;
  readonly command: string;
  readonly outcome: string;
}

/**
 * The log ended below what its owner had read or finished: records of [from, to) are gone, and others take their offsets.
 * It counts until somebody is confirmed, which takes an operator: soon the log ends above again, and nothing else tells.
 */
export interface TruncatedEntry extends EntryOf<'truncated'> {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

export type WrittenEntry = JournalEntry & { readonly offset: number };

/** A mark that is not history yet. */
export interface Mark {
  /** Its offset in the journal. */
  readonly id: number;
  readonly epoch: number;
  readonly key: string;
  readonly scope: 'key' | 'task';
  readonly from: number;
  /** The {@link JournalHistory.era} of its source offsets. */
  readonly era: number;
  readonly parkedFrom: number;
  /** Of what topic; undefined when that is not known. */
  readonly parkedTopicId?: string | undefined;
  readonly type: string;
  /** Of the first task; '' when unknown. */
  readonly taskId: string;
  readonly reason: ParkReason;
  readonly error: string;
  readonly atMs: number;
  readonly command: string;
  /** Parked tasks up to and including this source offset are done; -1 = none. */
  readonly done: number;
  /** Source offsets of parked tasks that an operator took out (outcome 'discarded' of a discard-task). */
  readonly discarded: readonly number[];
  /** Redrive commands that ended with the outcome 'gave-up'. */
  readonly redrives: number;
  /** Owners that restated `done` since it last rose or a redrive last gave up: redriving began and did not get on. */
  readonly stalls: number;
}

/** A command whose end has not been written down. */
export interface Command {
  readonly id: string;
  /** Its offset in the journal. */
  readonly offset: number;
  readonly key: string;
  readonly verb: Verb;
  readonly by: string;
}

/** What the journal says of one (group, partition). */
export interface JournalHistory {
  /** Offsets of the claims, from the newest confirmed one on. */
  readonly claims: ReadonlySet<number>;
  /** The newest claim that was confirmed. */
  readonly newestConfirmedEpoch: number | undefined;
  /** The newest confirmation that is not void. */
  readonly newestConfirm: Pick<ConfirmEntry, 'epoch' | 'frontier' | 'topicId' | 'leaderEpoch'> | undefined;
  /**
   * The epoch with which offsets began anew: an operator had accepted that the topic was recreated, or its log truncated.
   * Source offsets of marks that are older are of tasks that are gone from the queue. -1 = never.
   */
  readonly era: number;
  /** The log was found truncated, and nobody was confirmed since. */
  readonly truncated:
    | {
        readonly from: number;
        readonly to: number;
        /** Of the newest entry that says so. */
        readonly offset: number;
      }
    | undefined;
  /** The offset of what an owner said last of parked tasks and commands, if that is not void; -1 = nothing. */
  readonly lastWord: number;
  /** What is parked, oldest first. */
  readonly marks: readonly Mark[];
  /** Commands without a valid end, oldest first; holds and releases are never among them. */
  readonly pending: readonly Command[];
  readonly heldKeys: ReadonlySet<string>;
  readonly heldTypes: ReadonlySet<string>;
}

/** Whether offsets of one parked topic mean nothing in the other: it was made anew. What is not known is taken for the same. */
export function isOtherTopic(id: string | undefined, now: string | undefined): boolean {
  return id !== undefined && now !== undefined && id !== now;
}

/** Folds the entries of one (group, partition), in any order. */
export function foldJournal(entries: Iterable<WrittenEntry>): JournalHistory {
  const summary = new JournalSummary();
  summary.addAll(entries);
  return summary.history();
}

import type { Command, Mark, ParkReason } from '../../journal/journal.ts';
import type { Item, Lane } from './lane.ts';

/**
 * Life of a mark in the owner of its partition.
 *
 * - `marking`: the MARK is being written; nothing may be copied yet
 * - `parked`: the key's tasks go to the parked topic (scope `key`), or its one task has gone there (scope `task`)
 * - `settling`: to be redriven or discarded as soon as what was copied is also committed as finished
 * - `redriving`: the parked tasks run again, in order; those in the queue wait behind them
 * - `failing`: a redriven task gave up; this is being written down, then it is `parked` again
 * - `clearing`: the end of the mark is being written down
 * - `cleared`: it is history
 */
export type ParkedStage =
  | 'marking'
  | 'parked'
  | 'settling'
  | 'redriving'
  | 'failing'
  | 'clearing'
  | 'cleared';

const next: Readonly<Record<ParkedStage, readonly ParkedStage[]>> = {
  marking: ['parked'],
  parked: ['settling'],
  settling: ['redriving', 'clearing'],
  redriving: ['failing', 'clearing'],
  failing: ['parked'],
  clearing: ['cleared'],
  cleared: [],
};

/** Why a key or a task goes to the parked topic. */
export interface ParkCause {
  readonly reason: ParkReason;
  readonly error: unknown;
  /** The command that asked for it, or ''. */
  readonly command: string;
}

/** A key (with all its tasks from one on), or one task, that was given up. */
export class Parked {
  /** The lane key. */
  readonly key: string;
  readonly scope: 'key' | 'task';
  /** The source offset of its first task. */
  readonly from: number;
  /** Its source offsets are of another era: nothing in the queue is of it any more. */
  readonly former: boolean;
  /** Its name: the offset of its MARK; -1 until that is written. */
  mark = -1;
  /** Copies are at or above this offset of the parked topic. */
  parkedFrom = 0;
  /** Of what topic; undefined when that is not known. */
  parkedTopicId: string | undefined;
  /** Parked tasks up to and including this source offset are done. */
  done = -1;
  /** What the journal says of `done`. */
  writtenDone = -1;
  /** Source offsets that an operator took out of the list. */
  readonly discarded = new Set<number>();
  /** How often owners began to redrive from where it is now without getting on. */
  stalls = 0;
  copying: Copy | undefined;
  /** Why its first task was given up, until that has been copied. */
  cause: { readonly offset: number; readonly attempts: number; readonly cause: ParkCause } | undefined;
  /** Highest source offset that this owner has copied. */
  copiedTo = -1;
  /** How often in a row copying has failed. */
  copyFailures = 0;
  /** What it waits for to be copied, as far as people have to see to it. */
  stuck: { readonly item: Item; readonly error: unknown } | undefined;
  /** When that is told again. */
  tellStuckAtMs = 0;
  /** What a commit must cover before everything copied is also finished in the queue. */
  copiedChanges = 0;
  /** The command that ends it, while it is ending. */
  command: Command | undefined;
  redrive: Redrive | undefined;
  /** Progress is being written. */
  writing = false;
  #stage: ParkedStage;

  constructor(about: {
    readonly key: string;
    readonly scope: 'key' | 'task';
    readonly from: number;
    readonly stage: 'marking' | 'parked';
    readonly former?: boolean;
  }) {
    this.former = about.former ?? false;
    this.key = about.key;
    this.scope = about.scope;
    this.from = about.from;
    this.#stage = about.stage;
  }

  /** `era`: that of the offsets that the queue has now. */
  static ofMark(mark: Mark, era: number): Parked {
    const { key, scope, from } = mark;
    const parked = new Parked({ key, scope, from, stage: 'parked', former: mark.era !== era });
    parked.mark = mark.id;
    parked.parkedFrom = mark.parkedFrom;
    parked.parkedTopicId = mark.parkedTopicId;
    parked.done = mark.done;
    parked.writtenDone = mark.done;
    parked.stalls = mark.stalls;
    for (const offset of mark.discarded) parked.discarded.add(offset);
    return parked;
  }

  get stage(): ParkedStage {
    return this.#stage;
  }

  move(to: ParkedStage): void {
    if (!next[this.#stage].includes(to)) {
      throw new Error(`the mark of key ${this.key} cannot go from ${this.#stage} to ${to}`);
    }
    this.#stage = to;
  }

  /** Of a key: whether this task does not run in its turn. It is copied, or waits until the mark's end is written. */
  covers(offset: number): boolean {
    return offset >= this.from;
  }

  /** Being redriven or discarded: nothing is copied any more. */
  get isEnding(): boolean {
    return this.#stage !== 'marking' && this.#stage !== 'parked';
  }
}

/** A MARK to be written. */
export interface MarkRequest {
  readonly parked: Parked;
  /** The task that gave up; undefined when an operator parks a key. */
  readonly item: Item | undefined;
  readonly cause: ParkCause;
  readonly atMs: number;
}

/** Where a MARK is, and where its copies begin. */
export interface MarkPlace {
  readonly mark: number;
  readonly parkedFrom: number;
  readonly parkedTopicId?: string | undefined;
}

/** Tasks of one key on their way to the parked topic, in order. */
export interface Copy {
  readonly parked: Parked;
  readonly lane: Lane;
  readonly items: readonly Item[];
  /** Goes with the first of them when it is the one that gave up. */
  readonly cause: ParkCause | undefined;
  readonly attempts: number;
}

/** Parked tasks that run again. */
export interface Redrive {
  readonly parked: Parked;
  readonly command: Command;
  /** A line of its own, in source order; its key's line in the queue waits behind it. */
  readonly lane: Lane;
  /** Where reading the parked topic goes on. */
  nextParked: number;
  /** Of what topic that is an offset; undefined when that is not known. */
  topicId: string | undefined;
  /** Highest source offset that was read. */
  readTo: number;
  /** All there was has been read. */
  atEnd: boolean;
  /** What follows is gone from the log: it is held once the task that runs has ended. */
  lost: boolean;
  /** The journal says that this owner has begun: tasks may start. */
  began: boolean;
  /** Tasks done by this owner. */
  tasks: number;
}

/** An owner asks for more parked tasks of a key when it has fewer than this at hand. */
const AT_HAND = 8;

/** Whether more parked tasks are to be read for a redrive now. */
export function wantsMore(redrive: Redrive): boolean {
  const { began, atEnd, lost, lane } = redrive;
  return began && !atEnd && !lost && lane.length < AT_HAND && lane.hold !== 'data-loss';
}

/** What is written down about a mark or a command. */
export type JournalWrite =
  | { readonly kind: 'progress'; readonly parked: Parked; readonly done: number }
  | {
      readonly kind: 'cleared';
      readonly parked: Parked;
      readonly how: 'redriven' | 'discarded';
      readonly upTo: number;
      readonly command: string;
    }
  | {
      readonly kind: 'done';
      readonly command: string;
      /** What was asked for, as `command-done` names it. */
      readonly verb: string;
      readonly outcome: string;
      readonly parked?: Parked;
    }
  /** The log ended too early: that is not to be seen any more when it has grown. */
  | { readonly kind: 'truncated'; readonly from: number; readonly to: number };

/** Parked tasks that could be used now. */
export interface ParkedWant {
  readonly mark: number;
  /** Only tasks above this source offset. */
  readonly after: number;
  /** The parked offset to read from, and of what topic; undefined when that is not known. */
  readonly from: number;
  readonly topicId?: string | undefined;
  readonly count: number;
  readonly bytes: number;
}

export interface ParkedFound {
  readonly mark: number;
  /** Rising source offsets. */
  readonly items: readonly Item[];
  /** The parked offset to go on from, and of what topic; undefined when that is not known. */
  readonly next: number;
  readonly topicId?: string | undefined;
  readonly atEnd: boolean;
  /**
   * Not 0 when tasks may be gone: the parked topic's first offset when that has passed where reading began; where it began
   * when the topic was made anew, or has lost its end. What there is of it now is found from `next` on.
   */
  readonly lostBelow: number;
}

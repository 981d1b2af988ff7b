import type { Command } from '../../journal/journal.ts';
import type { AcceptedLoss } from './accepting.ts';
import type { CommitState, UnfinishedLane } from './commit-metadata.ts';
import type { Loss } from './judge-taking.ts';
import type { Lane } from './lane.ts';
import { LogRead } from './log-read.ts';
import { MinHeap } from './min-heap.ts';
import type { JournalWrite, Parked, Redrive } from './parked.ts';

/**
 * Life of a partition in one worker. It exists from its assignment until it is given up; an object that is `gone` never
 * comes back, so a late answer that names it is recognised by that alone.
 */
export type Phase =
  | 'claiming'
  | 'inspecting'
  | 'taking'
  | 'confirming'
  | 'running'
  /** Owned, but not worked on: see the report that said why. */
  | 'halted'
  /** Being given up: what runs may come to its end, nothing starts. */
  | 'draining'
  | 'gone';

const next: Readonly<Record<Phase, readonly Phase[]>> = {
  claiming: ['inspecting', 'gone'],
  inspecting: ['taking', 'halted', 'claiming', 'gone'],
  taking: ['confirming', 'claiming', 'draining', 'gone'],
  confirming: ['running', 'claiming', 'gone'],
  running: ['draining', 'halted', 'gone'],
  halted: ['draining', 'gone'],
  draining: ['gone'],
  gone: [],
};

/** A key restored from commit metadata, known by its hash only: something of it is unfinished from `from` on. */
export interface RestoredRange {
  readonly from: number;
  readonly attempts: number;
  readonly firstFailedAtMs: number | undefined;
  readonly starts: number;
}

/**
 * An order to read a partition from an offset on. What is read counts only while its order is the partition's latest:
 * records asked for earlier, taken for an answer to it, would look as if offsets were missing.
 */
export interface Reading {
  readonly partition: PartitionState;
  readonly offset: number;
}

/** Reading a stretch of the log again. */
export interface Sweep {
  reading: Reading | undefined;
  /** The next offset it brings. */
  at: number;
  below: number;
  readonly number: number;
  /** Lanes whose unlisted tasks it lists; without them it would end at `unlessListing`. */
  readonly listing: Set<Lane>;
  readonly unlessListing: number;
  gap: Gap | undefined;
}

/** Offsets [at, found) are missing from what was read. Reading again shows whether they are really empty. */
export interface Gap {
  readonly at: number;
  readonly found: number;
  /** Reading again has shown the same: it is being compared with the log. */
  checking: boolean;
}

/** Written once a commit with these changes is acknowledged, and what a redrive did is in the journal. */
export interface AfterCommit {
  readonly changes: number;
  readonly write: JournalWrite;
  readonly redriven: { readonly parked: Parked; readonly done: number } | undefined;
}

/** Parked tasks that are done are looked through for what can be forgotten when there are this many. */
export const FORGET_DONE_COUNT = 1_000;

export class PartitionState {
  readonly partition: number;
  #phase: Phase = 'claiming';
  /** The offset of our claim in the journal; -1 until it is made. */
  epoch = -1;
  /** Kafka's ids of the queue topic and the state topic when it was taken; '' where topics have none. */
  topicId = '';
  statePin = '';
  /** See `JournalHistory.era`: that of the offsets that this owner works with. */
  era = -1;
  /** Why it is halted, and what loss an operator had accepted before it was taken. */
  halt: Loss | undefined;
  accepted: AcceptedLoss | undefined;
  /** Where its log ended when it was looked at last. */
  logEnd = 0;
  /** When its log was looked at last, it ended before what had been read: the lowest end since then. */
  endedAt: number | undefined;
  /** Since when, without a break, its log seems to end too early, and its leader does not say that anything was lost. */
  doubtedSinceMs: number | undefined;
  /** Where this owner began; what a taking commit and CONFIRM say. */
  takenState: CommitState | undefined;
  readonly lanes = new Map<string, Lane>();
  /** Lanes with something unfinished that are not in the heap. */
  readonly open = new Set<Lane>();
  /** Lanes that may start, lowest offset first. An item whose lane has moved on since is stale. */
  readonly ready = new MinHeap<Lane>();
  runningCount = 0;
  /** When its work began (0 = not yet), and when one of its tasks last ended. */
  startedAtMs = 0;
  progressAtMs: number | undefined;
  /** Tasks below may have been started by an owner that did not end cleanly. */
  maybeStartedBelow = 0;
  /** Unfinished tasks below may have ended the process of such an owner: suspects. */
  suspectBelow = 0;
  /** Parked tasks below may have been copied by an owner that ended before it committed that. */
  copiedBelow = 0;
  /** Nothing at or above starts: no acknowledged commit says yet that it may have been started. */
  horizon = 0;
  /** How far beyond what was started the next commit allows to start, and what was started when the last one was built. */
  startAhead = 0;
  startedAtCommit = 0;
  /** One past the highest offset that had to wait for the horizon. */
  wantedBelow = 0;
  /** The latest order to read its tail, and the offset the next record must have. */
  reading: Reading | undefined;
  nextOffset = 0;
  /** What was read of the log so far, and by whom it was appended. */
  readonly logRead = new LogRead();
  /** Since when it waits, while {@link LogRead.isAsked}. */
  leaderWaitSinceMs = 0;
  /** One past the highest offset ever started or restored as finished. Below it, what is not listed is finished. */
  startedBelow = 0;
  /** Restored keys whose unfinished tasks below `restoredBelow` are not all known yet, by hash. */
  readonly restored = new Map<string, RestoredRange>();
  restoredBelow = 0;
  /** The open sweep: the next offset it brings, and where it ends. */
  sweep: Sweep | undefined;
  sweepCount = 0;
  /** Records of lanes that may start were let go, because the partition is full and memory was short. */
  readyDropped = false;
  bufferedBytes = 0;
  paused = false;
  gap: Gap | undefined;
  /** Reported as full and not since relieved. */
  full = false;
  nextFullReportMs = 0;
  /** When delayed tasks may next make room for others. */
  nextPostponeMs = 0;
  /** Has a place in the queue of partitions that have something to start. */
  queued = false;
  /** Handlers that did not settle in time when the partition was given up. */
  leftRunning = 0;
  /** Counts changes of what a commit would say; the last one acknowledged. */
  changes = 0;
  committedChanges = 0;
  /** The offset of the last acknowledged commit, and the one that the journal states. */
  committedFrontier = 0;
  statedFrontier = 0;
  /** The commit under way speaks of this partition. */
  inCommit = false;
  /** After a gap in the clock: nothing starts before this change is acknowledged. */
  frozenUntil = 0;
  /** Keys and single tasks that were given up, by key, by source offset and by mark. */
  readonly parkedKeys = new Map<string, Parked>();
  readonly parkedTasks = new Map<number, Parked>();
  readonly marks = new Map<number, Parked>();
  /** By key: the mark that is being redriven or discarded. */
  readonly ending = new Map<string, Parked>();
  /** Lines of parked tasks that run again; those that are open, and those that may start, in turn. */
  readonly redrives = new Map<Lane, Redrive>();
  readonly asideOpen = new Set<Lane>();
  readonly asideReady: Lane[] = [];
  asideTurn = false;
  /** The redrives that parked tasks are being read for. */
  parkedJob: ReadonlyMap<number, Redrive> | undefined;
  nextProgressAtMs = 0;
  /** Tasks of a key up to this source offset were done as parked ones, although the queue still lists them. */
  readonly doneAside = new Map<string, number>();
  /** With so many of them, those that are committed are forgotten. */
  forgetDoneAtCount = FORGET_DONE_COUNT;
  /** What operators hold. */
  heldKeys = new Set<string>();
  heldTypes = new Set<string>();
  /** The commands to skip a task, by its id. */
  readonly skips = new Map<string, Command[]>();
  /** Ids of commands that were heard. */
  readonly heard = new Set<string>();
  /** Commands that came before the work began, and those that wait for another one of their key. */
  commands: Command[] = [];
  afterCommit: AfterCommit[] = [];
  /** Copies and journal entries under way. */
  openWrites = 0;
  retryTakingAtMs = 0;
  takingFailures = 0;
  nextConfirmAtMs = 0;

  constructor(partition: number) {
    this.partition = partition;
  }

  get phase(): Phase {
    return this.#phase;
  }

  move(to: Phase): void {
    if (!next[this.#phase].includes(to)) {
      throw new Error(`partition ${this.partition} cannot go from ${this.#phase} to ${to}`);
    }
    this.#phase = to;
  }

  /** Something of it may have been started. */
  get worked(): boolean {
    return this.startedAtMs > 0;
  }

  get dirty(): boolean {
    return this.changes !== this.committedChanges;
  }

  /** The line of parked tasks that may start next. */
  peekAside(): Lane | undefined {
    for (;;) {
      const lane = this.asideReady[0];
      if (lane === undefined || lane.state === 'ready') return lane;
      this.asideReady.shift();
    }
  }

  /** What this owner can say is finished, or could say if everything below an offset had been started. */
  commitState(statePin: string, startedBelow = this.startedBelow): CommitState {
    const lanes = new Map<string, UnfinishedLane>();
    let lowest = this.nextOffset;
    const list = (lane: UnfinishedLane): void => {
      lowest = Math.min(lowest, lane.offset);
      if (lane.offset >= startedBelow) return;
      const same = lanes.get(lane.hash);
      if (same === undefined || lane.offset < same.offset) lanes.set(lane.hash, lane);
    };
    for (const lane of this.open) listLane(lane, list);
    this.ready.forEachBelow(startedBelow, (lane) => listLane(lane, list)); // of what is stale too: it is unfinished
    for (const [hash, range] of this.restored) {
      const offset = Math.max(range.from, this.sweep?.at ?? 0);
      // What failed was the task at `from`, and no other.
      if (offset === range.from) list({ ...range, hash, offset });
      else list({ hash, offset, attempts: 0, firstFailedAtMs: undefined, starts: 0 });
    }
    lowest = Math.min(lowest, this.#lowestReady());
    const copiedBelow = this.#phase === 'draining' ? this.#maybeCopiedBelow(lowest) : 0;
    const settled =
      this.#phase === 'draining' && this.runningCount === 0 && this.leftRunning === 0 && copiedBelow === 0;
    const doneBelow = Math.max(startedBelow, lowest);
    return {
      frontier: lowest,
      epoch: this.epoch,
      // What an earlier owner may have started and nobody finished stays in doubt.
      clean: settled && lowest >= this.maybeStartedBelow,
      statePin,
      doneBelow,
      leaderEpoch: this.logRead.leaderBelow(doneBelow),
      horizon: Math.max(copiedBelow, this.#horizonOf(startedBelow, lowest)),
      lanes: [...lanes.values()],
    };
  }

  /** The lane that may start next, or undefined. Discards stale items on the way. */
  peekReady(): Lane | undefined {
    for (;;) {
      const lane = this.ready.peek();
      if (lane === undefined) return undefined;
      if (lane.state === 'ready' && lane.firstOffset === this.ready.peekRank()) return lane;
      this.ready.pop();
    }
  }

  /** While it is owned, more may start before the next commit. What was given up had ended, but for old suspects. */
  #horizonOf(startedBelow: number, lowest: number): number {
    if (this.#phase !== 'draining') {
      return Math.max(this.suspectBelow, Math.max(startedBelow, this.wantedBelow) + this.startAhead);
    }
    return Math.max(this.suspectBelow, this.runningCount > 0 ? startedBelow : lowest);
  }

  /**
   * What is on its way to the parked topic may get there without our hearing of it, and an earlier owner may have copied
   * what is still unfinished here: whoever is next redrives none of it before it is copied and committed.
   */
  #maybeCopiedBelow(lowest: number): number {
    let below = this.marks.size > 0 && lowest < this.copiedBelow ? this.copiedBelow : 0;
    for (const { copying } of this.marks.values())
      below = Math.max(below, (copying?.items.at(-1)?.offset ?? -1) + 1);
    return below;
  }

  #lowestReady(): number {
    return this.peekReady()?.firstOffset ?? Number.POSITIVE_INFINITY;
  }
}

function listLane(lane: Lane, list: (lane: UnfinishedLane) => void): void {
  const offset = lane.firstOffset;
  if (offset === undefined) return;
  const { hash, attempts, firstFailedAtMs } = lane;
  list({ hash, offset, attempts, firstFailedAtMs, starts: lane.starts + (lane.charged ? 1 : 0) });
}

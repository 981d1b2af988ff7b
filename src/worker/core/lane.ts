import type { IncomingRecord } from '../../kafka/port.ts';
import { keyHash } from './key-hash.ts';

/** A record as the core sees it: what ordering and flow control need, and the record itself for whoever runs it. */
export interface Item {
  readonly offset: number;
  /** The record's key, byte for byte (latin1). */
  readonly key: string;
  /** The task type written on the record; '' when there is none. */
  readonly type: string;
  /** What it counts against the budget. */
  readonly bytes: number;
  readonly record: IncomingRecord;
}

/** Why a lane waits although its first task could be read. */
export type HoldReason =
  | 'retry'
  | 'gave-up'
  | 'unknown-type'
  | 'newer-version'
  | 'undecodable'
  /** The codec that its first task went through, or a key of it, is not here. */
  | 'codec-missing'
  /** The store that its payload or body is in is not here. */
  | 'store-missing'
  /** The records of its unfinished tasks, or parts of the first one, are gone from the log. */
  | 'data-loss'
  /** An operator holds the key or the type. */
  | 'operator'
  /** Its first task is not to run before a time. */
  | 'delayed';

/**
 * - `idle`: nothing of it is unfinished that we know of
 * - `ready`: its first task may start; the lane is in its partition's heap
 * - `running`: its first task is being handled
 * - `held`: waits for a time, or for good, see {@link HoldReason}
 * - `fetching`: its first task's record was dropped from memory and is being read again
 * - `blocked`: an older handler of the same key is still alive in this process
 * - `gated`: its first task's type is in outage, or at one of its limits
 * - `parking`: its first tasks are on their way to the parked topic, or wait for their MARK
 * - `behind`: the parked tasks of its key go first
 * - `postponing`: its first task is being appended again, at the end of the log
 * - `vetting`: its first task may have ended a process; its start is being committed
 */
export type LaneState =
  | 'idle'
  | 'ready'
  | 'running'
  | 'held'
  | 'fetching'
  | 'blocked'
  | 'gated'
  | 'parking'
  | 'behind'
  | 'postponing'
  | 'vetting';

/** States in which a lane has something unfinished and is not in the heap of what may start. */
export function isOpen(state: LaneState): boolean {
  return state !== 'idle' && state !== 'ready';
}

/**
 * The serial line of one key's unfinished tasks in one partition, in offset order. A task whose record was dropped to
 * save memory is its bare offset.
 */
export class Lane {
  readonly key: string;
  /** A line of parked tasks that run again, beside the key's line in the queue. Commits do not speak of it. */
  readonly aside: boolean;
  state: LaneState = 'idle';
  hold: HoldReason | undefined;
  /** When a held lane may go on; Infinity = not by time. */
  dueMs = 0;
  /** Failed attempts of the first task, and when the first of them failed. */
  attempts = 0;
  firstFailedAtMs: number | undefined;
  /** The first task is not to run before this time, as people count it; and how long it waits in its place at most. */
  notBeforeMs = 0;
  delayedUntilMs: number | undefined;
  /** Starts of the first task as a suspect that ended with their process. */
  starts = 0;
  /** One more may be under way: a commit has to say so. */
  charged = false;
  /**
   * Tasks read from the tail while older ones of this lane may still turn up in a sweep; they join the line when the
   * sweep has passed. Undefined when no such sweep is open.
   */
  later: (Item | number)[] | undefined;
  /**
   * Tasks of this lane from here on that have been read are not in the line: there were too many. None of them starts
   * before a sweep has listed it. Undefined = the line is complete.
   */
  unlistedFrom: number | undefined;
  /** While fetching: how many sweeps of its partition had been opened when it began to. */
  fetchingSince = 0;
  /** Bytes and number of the records kept. */
  keptBytes = 0;
  keptCount = 0;
  #hash: string | undefined;
  #line: (Item | number)[] = [];
  #at = 0;

  constructor(key: string, aside = false) {
    this.key = key;
    this.aside = aside;
  }

  get hash(): string {
    this.#hash ??= keyHash(this.key);
    return this.#hash;
  }

  get length(): number {
    return this.#line.length - this.#at;
  }

  /** With an empty line it is where the unlisted tasks begin, unless some that are listed come before them. */
  get first(): Item | number | undefined {
    const listed = this.#line[this.#at];
    if (listed !== undefined) return listed;
    return this.later === undefined || this.later.length === 0 ? this.unlistedFrom : undefined;
  }

  /** Tasks in the line, and those that join it later. */
  get listedCount(): number {
    return this.length + (this.later?.length ?? 0);
  }

  /** The lowest unfinished offset, or undefined when the line is empty. */
  get firstOffset(): number | undefined {
    const first = this.first;
    return typeof first === 'object' ? first.offset : first;
  }

  /** The lowest unfinished offset behind the first one. */
  get secondOffset(): number | undefined {
    const listed = this.#line[this.#at + 1] ?? this.later?.[0];
    return listed === undefined ? this.unlistedFrom : offsetOf(listed);
  }

  /** One past the highest offset whose record is missing; 0 when none is. */
  get missingBelow(): number {
    for (let i = this.#line.length - 1; i >= this.#at; i -= 1) {
      const entry = this.#line[i];
      if (typeof entry === 'number') return entry + 1;
    }
    return 0;
  }

  /** Whether a record of an unfinished task below an offset is not kept. */
  missesBelow(offset: number): boolean {
    if (this.unlistedFrom !== undefined && this.unlistedFrom < offset) return true;
    const isMissing = (entry: Item | number): boolean => typeof entry === 'number' && entry < offset;
    return this.#line.slice(this.#at).some(isMissing) || (this.later?.some(isMissing) ?? false);
  }

  /** A task read from the tail of the log. */
  pushTail(entry: Item | number): void {
    (this.later ?? this.#line).push(entry);
    this.#count(entry);
  }

  /** A task that a sweep found, older than all that came from the tail. */
  pushSwept(entry: Item | number): void {
    this.#line.push(entry);
    this.#count(entry);
  }

  /** From here on tasks are no longer listed; returns the bytes set free. */
  unlist(from: number): number {
    const before = this.keptBytes;
    this.unlistedFrom = from;
    this.later = this.later?.filter((entry) => {
      const isListed = offsetOf(entry) < from;
      if (!isListed && typeof entry === 'object') this.#uncount(entry.bytes);
      return isListed;
    });
    return before - this.keptBytes;
  }

  /** The next unlisted task, found by a sweep. */
  list(entry: Item | number): void {
    this.#line.push(entry);
    this.#count(entry);
    this.unlistedFrom = offsetOf(entry) + 1;
  }

  /** A sweep has listed what there is below an offset; the tail has been read up to another one. */
  listedTo(below: number, readTo: number): void {
    if (this.unlistedFrom === undefined) return;
    this.unlistedFrom = Math.max(this.unlistedFrom, below);
    if (this.unlistedFrom >= readTo) this.unlistedFrom = undefined;
  }

  #count(entry: Item | number): void {
    if (typeof entry !== 'object') return;
    this.keptBytes += entry.bytes;
    this.keptCount += 1;
  }

  /** The first tasks in line whose records are here, up to a number and a size; at least one if the first is here. */
  front(maxCount: number, maxBytes: number): Item[] {
    const items: Item[] = [];
    let bytes = 0;
    for (let i = this.#at; items.length < maxCount; i += 1) {
      const entry = this.#line[i];
      if (typeof entry !== 'object' || (items.length > 0 && bytes + entry.bytes > maxBytes)) break;
      items.push(entry);
      bytes += entry.bytes;
    }
    return items;
  }

  /** The first task is finished: the next one steps up. */
  shift(): void {
    const first = this.#line[this.#at];
    if (typeof first === 'object') this.#uncount(first.bytes);
    this.#line[this.#at] = 0; // lets go of the record
    this.#at += 1;
    this.attempts = 0;
    this.firstFailedAtMs = undefined;
    this.delayedUntilMs = undefined;
    this.starts = 0;
    this.charged = false;
    // More is behind its head than before it. Copying what is left costs each task about one copy.
    if (this.#at * 2 > this.#line.length) {
      this.#line = this.#line.slice(this.#at);
      this.#at = 0;
    }
  }

  /** The sweep has passed: what came from the tail follows what it found. */
  closeSweep(): void {
    const later = this.later ?? [];
    this.later = undefined;
    for (const entry of later) {
      this.#line.push(entry);
    }
  }

  /** Puts a record back in its place. False when that offset is not unfinished here, or its record is not missing. */
  refill(item: Item): boolean {
    let low = this.#at;
    let high = this.#line.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#line[middle] as Item | number; // inside the array: low <= middle < high
      if (offsetOf(entry) < item.offset) low = middle + 1;
      else high = middle;
    }
    if (this.#line[low] !== item.offset) return false;
    this.#line[low] = item;
    this.#count(item);
    return true;
  }

  /** Forgets records, the last ones first, until at most `keep` are left at the front; returns the bytes set free. */
  dropBeyond(keep: number): number {
    if (this.keptCount <= keep) return 0;
    const before = this.keptBytes;
    if (this.later !== undefined) this.#dropFrom(this.later, 0);
    this.#dropFrom(this.#line, this.#at + keep);
    return before - this.keptBytes;
  }

  #dropFrom(line: (Item | number)[], from: number): void {
    for (let i = line.length - 1; i >= from; i -= 1) {
      const entry = line[i];
      if (typeof entry !== 'object') continue;
      line[i] = entry.offset;
      this.#uncount(entry.bytes);
    }
  }

  #uncount(bytes: number): void {
    this.keptBytes -= bytes;
    this.keptCount -= 1;
  }
}

function offsetOf(entry: Item | number): number {
  return typeof entry === 'object' ? entry.offset : entry;
}

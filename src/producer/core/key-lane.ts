import type { Item } from './item.ts';
import type { PartitionLine } from './partition-line.ts';

/** What a task may have to wait at; see the buffer's room. */
export type Gate = 'key' | 'partition' | 'upload' | 'process';

/**
 * The tasks of one key in call order, from the oldest that is not gone. Stages along the lane, front to back:
 * handed, returned or sendable, then encoding or ready, then waiting.
 */
export class KeyLane {
  readonly key: string;
  readonly line: PartitionLine;
  first: Item | undefined;
  last: Item | undefined;
  /** The first task that is not encoded yet: nothing behind it is sendable. */
  firstUnready: Item | undefined;
  /** The first task without room; everything behind it waits too. */
  firstWaiting: Item | undefined;
  /** Bytes that have room in the buffer. */
  bytes = 0;
  /** Uploads that go on. */
  uploadCount = 0;
  /** Which gate the first waiting task stands at. */
  gate: 'none' | Gate = 'none';
  /** Call number of the newest task that is, or may be, in the log. */
  newestLandedSeq = -1;

  constructor(key: string, line: PartitionLine) {
    this.key = key;
    this.line = line;
  }

  append(item: Item): void {
    item.before = this.last;
    if (this.last === undefined) this.first = item;
    else this.last.after = item;
    this.last = item;
    this.firstUnready ??= item;
    this.firstWaiting ??= item;
  }

  /** Takes a task out, wherever it stands. */
  remove(item: Item): void {
    if (this.firstUnready === item) this.firstUnready = item.after;
    if (this.firstWaiting === item) this.firstWaiting = item.after;
    if (item.before === undefined) this.first = item.after;
    else item.before.after = item.after;
    if (item.after === undefined) this.last = item.before;
    else item.after.before = item.before;
    item.before = undefined;
    item.after = undefined;
  }
}

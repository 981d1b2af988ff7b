import type { Item } from '../../src/worker/core/lane.ts';
import type { ParkedFound, ParkedWant } from '../../src/worker/core/parked.ts';

/** A record of the parked topic. */
export interface ParkedCopy {
  /** Queue partition and source offset. */
  readonly partition: number;
  readonly offset: number;
  readonly mark: number;
  readonly key: string;
  /** The source offset of the copy that went before it in the same request; -1 = it was the first. */
  readonly previous: number;
  readonly item: Item;
  /** The attempt that its parts are of; undefined: it has none. */
  readonly parts: number | undefined;
}

/** Parts that each large task has. */
export const PART_COUNT = 3;

/** Some tasks are large: they are copied alone, after their parts. */
export function isLarge(partition: number, { offset }: Item): boolean {
  return (offset * 7 + partition) % 6 === 1;
}

/** The parked topic: one partition for all queue partitions. */
export class ParkedLog {
  /** A number is a part of that attempt; 0 is what an owner finds the end by. */
  readonly #records: (ParkedCopy | number)[] = [];
  #attempts = 0;

  get end(): number {
    return this.#records.length;
  }

  append(copy: ParkedCopy): void {
    this.#records.push(copy);
  }

  /** Names one attempt to copy the parts of a task. */
  nextAttempt(): number {
    this.#attempts += 1;
    return this.#attempts;
  }

  appendPart(attempt: number): void {
    this.#records.push(attempt);
  }

  appendEnd(): void {
    this.#records.push(0);
  }

  /** Under whatever mark. */
  hasAny(partition: number, offset: number): boolean {
    return this.#records.some(
      (copy) => typeof copy === 'object' && copy.partition === partition && copy.offset === offset,
    );
  }

  /** What it refers to is all there. */
  #isWhole({ parts }: ParkedCopy): boolean {
    return parts === undefined || this.#records.filter((one) => one === parts).length >= PART_COUNT;
  }

  /** What an owner finds for a mark below an offset: each task once, in source order. */
  read(partition: number, want: ParkedWant, end: number): ParkedFound {
    const { copies, ...found } = this.#read(partition, want, end);
    return { ...found, items: copies.map(({ item }) => item) };
  }

  #read(
    partition: number,
    want: ParkedWant,
    end: number,
  ): Omit<ParkedFound, 'items'> & { readonly copies: readonly ParkedCopy[] } {
    const copies: ParkedCopy[] = [];
    let last = want.after;
    for (let at = want.from; at < end; at += 1) {
      const copy = this.#records[at];
      if (typeof copy !== 'object' || copy.mark !== want.mark || copy.partition !== partition) continue;
      // What is there already comes again after a failed request; what lacks those before it comes again behind them.
      if (copy.offset <= last || copy.previous > last) continue;
      if (copies.length === want.count)
        return { mark: want.mark, copies, next: at, atEnd: false, lostBelow: 0 };
      copies.push(copy);
      last = copy.offset;
    }
    return { mark: want.mark, copies, next: Math.max(want.from, end), atEnd: true, lostBelow: 0 };
  }

  /** Source offsets of everything that a mark still has, and that could run. */
  list(
    partition: number,
    mark: { id: number; parkedFrom: number; done: number; discarded: readonly number[] },
  ): number[] {
    const want = {
      mark: mark.id,
      after: mark.done,
      from: mark.parkedFrom,
      count: Number.POSITIVE_INFINITY,
      bytes: 0,
    };
    const { copies } = this.#read(partition, want, this.end);
    return copies
      .filter((copy) => this.#isWhole(copy) && !mark.discarded.includes(copy.offset))
      .map(({ offset }) => offset);
  }
}

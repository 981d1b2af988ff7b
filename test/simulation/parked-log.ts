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
}

/** The parked topic: one partition for all queue partitions. */
export class ParkedLog {
  readonly #copies: ParkedCopy[] = [];

  get end(): number {
    return this.#copies.length;
  }

  append(copy: ParkedCopy): void {
    this.#copies.push(copy);
  }

  /** Under whatever mark. */
  hasAny(partition: number, offset: number): boolean {
    return this.#copies.some((copy) => copy.partition === partition && copy.offset === offset);
  }

  /** What an owner finds for a mark: each task once, in source order. */
  read(partition: number, want: ParkedWant): ParkedFound {
    const items: Item[] = [];
    let last = want.after;
    for (let at = want.from; at < this.#copies.length; at += 1) {
      const copy = this.#copies[at];
      if (copy?.mark !== want.mark || copy.partition !== partition) continue;
      // What is there already comes again after a failed request; what lacks those before it comes again behind them.
      if (copy.offset <= last || copy.previous > last) continue;
      if (items.length === want.count)
        return { mark: want.mark, items, next: at, atEnd: false, lostBelow: 0 };
      items.push(copy.item);
      last = copy.offset;
    }
    return { mark: want.mark, items, next: this.#copies.length, atEnd: true, lostBelow: 0 };
  }

  /** Source offsets of everything that a mark still has. */
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
    const { items } = this.read(partition, want);
    return items.map(({ offset }) => offset).filter((offset) => !mark.discarded.includes(offset));
  }
}

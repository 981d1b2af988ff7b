/** A binary min-heap by a number fixed at insertion. Stale items are the caller's to discard when they come out. */
export class MinHeap<T> {
  readonly #ranks: number[] = [];
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  push(rank: number, item: T): void {
    const ranks = this.#ranks;
    const items = this.#items;
    let at = ranks.length;
    ranks.push(rank);
    items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const upRank = ranks[up] as number; // inside the array: 0 <= up < at
      if (upRank <= rank) break;
      ranks[at] = upRank;
      items[at] = items[up] as T;
      at = up;
    }
    ranks[at] = rank;
    items[at] = item;
  }

  /** The smallest rank, or undefined when empty. */
  peekRank(): number | undefined {
    return this.#ranks[0];
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  pop(): T | undefined {
    const ranks = this.#ranks;
    const items = this.#items;
    const top = items[0];
    const rank = ranks.pop() as number; // undefined in an empty heap only
    const item = items.pop() as T;
    const size = items.length;
    if (size === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= size) break;
      if ((ranks[down + 1] ?? Number.POSITIVE_INFINITY) < (ranks[down] as number)) down += 1;
      const downRank = ranks[down] as number; // inside the array: down < size
      if (downRank >= rank) break;
      ranks[at] = downRank;
      items[at] = items[down] as T;
      at = down;
    }
    ranks[at] = rank;
    items[at] = item;
    return top;
  }

  /** Visits every item whose rank is below the given one, in no particular order. */
  forEachBelow(rank: number, visit: (item: T, rank: number) => void): void {
    const pending = [0];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const own = this.#ranks[at];
      if (own === undefined || own >= rank) continue;
      visit(this.#items[at] as T, own); // same length as the ranks
      pending.push(2 * at + 1, 2 * at + 2);
    }
  }
}

import type { Item } from './item.ts';

/**
 * Tasks by deadline: a binary heap that knows each task's place, so that an answered task leaves at once. (Left in until
 * their deadline, the tasks of two minutes would be kept: millions.)
 */
export class Deadlines {
  readonly #items: Item[] = [];

  get earliest(): Item | undefined {
    return this.#items[0];
  }

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  remove(item: Item): void {
    const at = item.heapAt;
    if (at < 0) return;
    item.heapAt = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    if (!this.#rise(last, at)) this.#sink(last, at);
  }

  /** Puts the task at `at` or above; false when it could not go up. */
  #rise(item: Item, at: number): boolean {
    const items = this.#items;
    let free = at;
    while (free > 0) {
      const up = (free - 1) >> 1;
      const parent = items[up];
      if (parent === undefined || parent.deadlineMs <= item.deadlineMs) break;
      items[free] = parent;
      parent.heapAt = free;
      free = up;
    }
    items[free] = item;
    item.heapAt = free;
    return free !== at;
  }

  #sink(item: Item, at: number): void {
    const items = this.#items;
    let free = at;
    for (;;) {
      const left = items[2 * free + 1];
      if (left === undefined) break;
      const right = items[2 * free + 2];
      const child = right !== undefined && right.deadlineMs < left.deadlineMs ? right : left;
      if (child.deadlineMs >= item.deadlineMs) break;
      const down = child.heapAt;
      items[free] = child;
      child.heapAt = free;
      free = down;
    }
    items[free] = item;
    item.heapAt = free;
  }
}

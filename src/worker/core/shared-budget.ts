/** Who has not asked for so long does not wait any more. */
const FORGET_MS = 1_000;

/**
 * Bytes of tasks that a process may hold at once, shared by all its workers. A gate before reading, never a reason to
 * drop: who finds it closed waits. It opens again only well below the limit, so that reading does not stop and go.
 */
export class SharedBudget {
  readonly limitBytes: number;
  /** Who found it closed, in that order, and when they asked last. */
  readonly #waiting = new Map<object, number>();
  #usedBytes = 0;
  #closed = false;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether more may be read now. */
  get open(): boolean {
    if (this.#closed && this.#usedBytes <= this.limitBytes * 0.75) this.#closed = false;
    return !this.#closed;
  }

  /**
   * Whether this worker may read now. When the budget opens, those that found it closed go first, in turn: a worker that
   * frees memory and takes it again at once would leave nothing to the others.
   */
  admits(worker: object, nowMs: number): boolean {
    if (!this.open) {
      this.#waiting.set(worker, nowMs);
      return false;
    }
    for (const [first, askedMs] of this.#waiting) {
      if (first === worker) break;
      if (nowMs - askedMs <= FORGET_MS) return false;
      this.#waiting.delete(first);
    }
    this.#waiting.delete(worker);
    return true;
  }

  get roomBytes(): number {
    return Math.max(0, this.limitBytes - this.#usedBytes);
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#usedBytes >= this.limitBytes) this.#closed = true;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/**
 * Bytes of tasks that a process may hold at once, shared by all its workers. A gate before reading, never a reason to
 * drop: who finds it closed waits. It opens again only well below the limit, so that reading does not stop and go.
 */
export class SharedBudget {
  readonly limitBytes: number;
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

/** What is read, compressed and checked in one go: some 3 ms of the thread at most. */
const TURN_BYTES = 512 * 1024;

/**
 * Has uploads let go of the JavaScript thread between parts, one upload at a time. A source that always has the next chunk
 * at hand never waits for the event loop, nor does what comes after it before all that may be on its way is: tens of
 * megabytes when bodies go into an object store.
 */
export class LoopTurns {
  readonly #waiting: (() => void)[] = [];
  /** Handled since the event loop last came round. */
  #bytes = 0;
  #isScheduled = false;

  /** Resolves when so many bytes may be handled: at once, or in a later turn of the event loop. */
  async spend(bytes: number): Promise<void> {
    this.#schedule();
    if (this.#bytes >= TURN_BYTES || this.#waiting.length > 0)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#bytes += bytes;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#bytes = 0;
      const next = this.#waiting.shift();
      // Not all of them at once: they would go on in the same turn.
      if (this.#waiting.length > 0) this.#schedule();
      next?.();
    });
  }
}

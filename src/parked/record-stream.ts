import type { Clock } from '../clock/clock.ts';
import { pause } from '../clock/pause.ts';
import type { IncomingRecord, Reader } from '../kafka/port.ts';

/** Records of a reader one batch after another, for one caller who can wait for them. */
export class RecordStream {
  readonly #reader: Reader;
  readonly #clock: Clock;
  /** The reader has said that there may be more since it was last asked. */
  #hinted = false;
  readonly #wakers = new Set<() => void>();

  constructor(reader: Reader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
    reader.onReadable(() => {
      this.#hinted = true;
      for (const wake of this.#wakers) wake();
    });
  }

  /**
   * The next records, as soon as there are any; none when the time is up. One call at a time.
   *
   * @throws the signal's reason once that is aborted.
   */
  async next(maxCount: number, deadlineMs: number, signal: AbortSignal): Promise<readonly IncomingRecord[]> {
    for (;;) {
      signal.throwIfAborted();
      this.#hinted = false;
      const records = await this.#reader.poll(maxCount);
      if (records.length > 0) return records;
      const waitMs = deadlineMs - this.#clock.monotonicMs();
      if (waitMs <= 0) return [];
      if (!this.#hinted) await pause({ clock: this.#clock, ms: waitMs, signal, wakers: this.#wakers });
    }
  }
}

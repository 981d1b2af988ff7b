/** Timers fire all the time. A process in which none did for so long may have been replaced. */
const STOOD_STILL_MS = 3_000;

/** Whether the process must have stood still since time was last looked at, which happens every few milliseconds. */
export function hasStoodStill(lookedMs: number, nowMs: number): boolean {
  return nowMs - lookedMs >= STOOD_STILL_MS;
}

/** Counts standstills, for whoever begins something, waits, and must not go on when there was one in between. */
export class Standstills {
  #lookedMs: number | undefined;
  #count = 0;

  /** How many there were. Whoever asks has looked at the time. */
  countAt(nowMs: number): number {
    if (this.#lookedMs !== undefined && hasStoodStill(this.#lookedMs, nowMs)) this.#count += 1;
    this.#lookedMs = nowMs;
    return this.#count;
  }
}

/** Timers fire all the time. A process in which none did for so long may have been replaced. */
const STOOD_STILL_MS = 3_000;

/** Whether the process must have stood still since time was last looked at, which happens every few milliseconds. */
export function hasStoodStill(lookedMs: number, nowMs: number): boolean {
  return nowMs - lookedMs >= STOOD_STILL_MS;
}

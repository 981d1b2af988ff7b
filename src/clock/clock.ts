/** A timer that was set; clearing one that has fired or was cleared does nothing. */
export interface Timer {
  clear(): void;
}

/** Time, passed in so that decisions can be tested without waiting. */
export interface Clock {
  /** Milliseconds since the epoch; may jump. Only for what is shown or written. */
  wallMs(): number;
  /** Milliseconds of a clock that never jumps. For every duration. */
  monotonicMs(): number;
  /** Calls back once, `delayMs` from now. A set timer does not keep the process alive when `background` is true. */
  setTimer(delayMs: number, callback: () => void, options?: { readonly background?: boolean }): Timer;
}

/** Node's longest timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The process's own clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, callback, options) {
    const handle = setTimeout(callback, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
    if (options?.background === true) handle.unref();
    return { clear: () => clearTimeout(handle) };
  },
};

import type { Clock } from '../../clock/clock.ts';

/** What a loop that polls waits for when a poll has brought nothing. */
export class NextReadable {
  readonly #clock: Clock;
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the wait there is, or the next one if it was asked for already. */
  wake(): void {
    this.#wake();
  }

  /** To be called before a poll: what becomes readable, or is asked for, during it counts too. */
  next(): (timeoutMs: number) => Promise<void> {
    let woken = false;
    let wake = (): void => {};
    this.#wake = () => {
      woken = true;
      wake();
    };
    return (timeoutMs) =>
      new Promise((resolve) => {
        const timer = this.#clock.setTimer(timeoutMs, resolve);
        wake = (): void => {
          timer.clear();
          resolve();
        };
        if (woken) wake();
      });
  }
}

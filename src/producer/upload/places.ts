/** Gives a place back; a second call does nothing. */
export type Leave = () => void;

interface Waiter {
  readonly admit: () => void;
}

/** A number of places that are taken in turn: who came first is let in first. */
export class Places {
  #freeCount: number;
  readonly #waiting = new Set<Waiter>();

  constructor(count: number) {
    this.#freeCount = count;
  }

  /** Rejects with the signal's reason when it aborts before there is a place. */
  enter(signal: AbortSignal): Promise<Leave> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#freeCount > 0) return Promise.resolve(this.#take());
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        admit: () => {
          signal.removeEventListener('abort', giveUp);
          resolve(this.#take());
        },
      };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #take(): Leave {
    this.#freeCount -= 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#freeCount += 1;
      const [next] = this.#waiting;
      if (next === undefined) return;
      this.#waiting.delete(next);
      next.admit();
    };
  }
}

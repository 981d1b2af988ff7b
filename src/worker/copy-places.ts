/** Copies of one source that are under way at once: with what each has on its way this bounds what copying keeps in memory. */
const AT_ONCE_COUNT = 4;

/** Whoever has one copies. */
export interface CopyPlace {
  /** It goes on for longer than anybody waits for it. */
  hangs(): void;
  /** It has ended. */
  leave(): void;
}

/** The places of those that copy from one source. One that hangs keeps its place until it ends, and so holds up no other source. */
export class CopyPlaces {
  readonly #waiting = new Set<(place: CopyPlace | undefined) => void>();
  #takenCount = 0;
  #hangingCount = 0;

  /** Resolves when its turn has come; with undefined when all hang. Rejects with the signal's reason. */
  async enter(signal: AbortSignal): Promise<CopyPlace | undefined> {
    signal.throwIfAborted();
    if (this.#hangingCount === AT_ONCE_COUNT) return undefined;
    if (this.#takenCount < AT_ONCE_COUNT) {
      this.#takenCount += 1;
      return this.#place();
    }
    return await new Promise((resolve, reject) => {
      const go = (place: CopyPlace | undefined): void => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', stop);
        resolve(place);
      };
      const stop = (): void => {
        this.#waiting.delete(go);
        reject(signal.reason);
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', stop, { once: true });
    });
  }

  #place(): CopyPlace {
    let isHanging = false;
    return {
      hangs: () => {
        isHanging = true;
        this.#hangingCount += 1;
        if (this.#hangingCount === AT_ONCE_COUNT) for (const go of this.#waiting) go(undefined);
      },
      leave: () => {
        if (isHanging) this.#hangingCount -= 1;
        this.#leave();
      },
    };
  }

  /** Whoever has waited longest takes the place. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#takenCount -= 1;
    else next(this.#place());
  }
}

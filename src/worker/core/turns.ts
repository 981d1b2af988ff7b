/** Who has not asked for so long does not wait any more. */
export const FORGET_MS = 1_000;

/** Who found a gate closed, in that order. They ask again and again; who does not is forgotten. */
export class Turns {
  /** And when they asked last. */
  readonly #waiting = new Map<object, number>();

  /** Asking again keeps the place. */
  wait(who: object, nowMs: number): void {
    this.#waiting.set(who, nowMs);
  }

  /** Whether nobody else has waited longer. */
  isNext(who: object, nowMs: number): boolean {
    const first = this.#first(nowMs);
    return first === undefined || first === who;
  }

  isEmpty(nowMs: number): boolean {
    return this.#first(nowMs) === undefined;
  }

  leave(who: object): void {
    this.#waiting.delete(who);
  }

  #first(nowMs: number): object | undefined {
    for (const [first, lastMs] of this.#waiting) {
      if (nowMs - lastMs <= FORGET_MS) return first;
      this.#waiting.delete(first);
    }
    return undefined;
  }
}

/** One assignment of a partition to a process, from its CLAIM on; its identity is all that counts. */
export interface Assignment {
  readonly process: object;
  readonly state: object;
}

interface Doubt {
  readonly process: object;
  /** Offsets it has started and no commit that it saw acknowledged says to be finished. */
  readonly offsets: Set<number>;
  /** Offsets whose handler has failed: whether they had succeeded before or not, they are tried again. */
  readonly failed: Set<number>;
}

/**
 * P8 for one partition: a finished task runs again only if the assignment that ran it was cut off before it saw a commit
 * acknowledged that says so, and then once.
 */
export class Reruns {
  readonly #doubts = new Map<object, Doubt>();
  #lastClaimer: object | undefined;
  /** Processes that have claimed since an assignment's own claim, itself not counted. */
  readonly #strangersSince = new Set<object>();
  count = 0;

  claimed({ process, state }: Assignment): void {
    if (process !== this.#lastClaimer)
      for (const other of this.#doubts.keys()) this.#strangersSince.add(other);
    this.#lastClaimer = process;
    this.#doubts.set(state, { process, offsets: new Set(), failed: new Set() });
    this.#strangersSince.delete(state);
  }

  /** False when nothing explains that a task which has succeeded starts again. */
  started({ state }: Assignment, offset: number, isFinished: boolean): boolean {
    const own = this.#doubts.get(state);
    own?.offsets.add(offset);
    if (own?.failed.delete(offset) === true || !isFinished) return true;
    this.count += 1;
    return this.#useUp(state, offset);
  }

  failed({ state }: Assignment, offset: number): void {
    this.#doubts.get(state)?.failed.add(offset);
  }

  #useUp(state: object, offset: number): boolean {
    for (const [other, { offsets }] of this.#doubts) {
      if (other !== state && offsets.delete(offset)) return true;
    }
    return false;
  }

  /**
   * A process has seen an acknowledgement. If another process has claimed the partition since, it may have looked at
   * what was committed before this was; else whoever looks next sees it.
   */
  acknowledged({ state }: Assignment, isDone: (offset: number) => boolean): void {
    if (this.#strangersSince.has(state)) return;
    for (const { offsets } of this.#doubts.values()) {
      for (const offset of offsets) if (isDone(offset)) offsets.delete(offset);
    }
  }
}

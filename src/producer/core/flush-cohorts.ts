/** The tasks added between two flushes; counts those whose callers have no answer yet. */
export interface FlushCohort {
  openCount: number;
}

/** Tells when everything added before a flush is answered, at a constant cost a task. */
export class FlushCohorts {
  #current: FlushCohort = { openCount: 0 };
  /** Oldest first; closed ones, each ended by one flush. */
  readonly #closed: { readonly cohort: FlushCohort; readonly done: () => void }[] = [];

  /** The cohort of the tasks added now; the caller counts itself in. */
  join(): FlushCohort {
    this.#current.openCount += 1;
    return this.#current;
  }

  leave(cohort: FlushCohort): void {
    cohort.openCount -= 1;
  }

  /** `done` comes out of {@link takeFinished} once all tasks added so far are answered. */
  end(done: () => void): void {
    this.#closed.push({ cohort: this.#current, done });
    this.#current = { openCount: 0 };
  }

  get hasFinished(): boolean {
    return this.#closed[0]?.cohort.openCount === 0;
  }

  takeFinished(): (() => void) | undefined {
    return this.hasFinished ? this.#closed.shift()?.done : undefined;
  }
}

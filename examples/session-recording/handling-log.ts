/** What became of one run of a handler. */
export type Outcome = 'stored' | 'already-stored' | 'failed';

export interface HandlingEntry {
  readonly id: string;
  readonly sessionId: string;
  /** The chunk's number; nothing for the end of a recording. */
  readonly sequence: number | undefined;
  readonly worker: string;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** Another run of the same recording was under way at some time of this one. Must never be. */
  readonly overlapped: boolean;
}

export type Run = Omit<HandlingEntry, 'outcome' | 'overlapped'>;

/**
 * Every run of a handler for the recordings that are watched, in the order the runs ended. The proof reads it; recordings
 * nobody watches leave nothing behind, so that it does not grow while the page is served.
 */
export class HandlingLog {
  readonly entries: HandlingEntry[] = [];
  readonly #watched: ReadonlySet<string>;
  readonly #running = new Map<string, { overlapped: boolean }[]>();
  readonly #finished = new Set<string>();
  #wake: (() => void)[] = [];

  constructor(watched: Iterable<string>) {
    this.#watched = new Set(watched);
  }

  /** Ids of the tasks that have had a successful run. */
  get finished(): ReadonlySet<string> {
    return this.#finished;
  }

  /** Does a run's work and notes how it ended. */
  async note(run: Run, work: () => Promise<'stored' | 'already-stored'>): Promise<void> {
    if (!this.#watched.has(run.sessionId)) {
      await work();
      return;
    }
    const together = this.#running.get(run.sessionId) ?? [];
    const mine = { overlapped: together.length > 0 };
    for (const other of together) other.overlapped = true;
    this.#running.set(run.sessionId, [...together, mine]);
    let outcome: Outcome = 'failed';
    try {
      outcome = await work();
      this.#finished.add(run.id);
    } finally {
      this.#running.set(
        run.sessionId,
        (this.#running.get(run.sessionId) ?? []).filter((other) => other !== mine),
      );
      this.entries.push({ ...run, outcome, overlapped: mine.overlapped });
      this.#changed();
    }
  }

  /** Resolves once every id has had a successful run; `stalled` when nothing moved for `patienceMs`. */
  async waitFor(ids: readonly string[], patienceMs: number): Promise<'finished' | 'stalled'> {
    while (ids.some((id) => !this.#finished.has(id))) {
      if ((await this.nextChange(patienceMs)) === 'stalled') return 'stalled';
    }
    return 'finished';
  }

  async nextChange(patienceMs: number): Promise<'changed' | 'stalled'> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('stalled'), patienceMs).unref();
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve('changed');
      });
    });
  }

  #changed(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}

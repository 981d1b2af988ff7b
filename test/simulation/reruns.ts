import type { SimulatedWorker } from './simulated-worker.ts';

/** One assignment of a partition to a process, from its CLAIM on; its identity is all that counts. */
export interface Assignment {
  readonly process: SimulatedWorker;
  readonly state: object;
}

interface Doubt {
  readonly process: object;
  /** Offsets it has started and no commit that it saw acknowledged says to be finished. */
  readonly offsets: Set<number>;
  /** The same for parked tasks that it has redriven, and the progress that it saw written. */
  readonly aside: Set<number>;
  /** Offsets whose handler has failed: whether they had succeeded before or not, they are tried again. */
  readonly failed: Set<number>;
  /** Offsets whose end is not heard of: what their handler does no longer counts, or they are on their way elsewhere. */
  readonly unheard: Set<number>;
}

/**
 * P8 for one partition: a finished task runs again only if the assignment that ran it was cut off before it saw a commit
 * acknowledged that says so, and then once.
 */
export class Reruns {
  readonly #doubts = new Map<object, Doubt>();
  #lastClaimer: object | undefined;
  #lastClaimed: object | undefined;
  /** Processes that have claimed since an assignment's own claim, itself not counted. */
  readonly #strangersSince = new Set<object>();
  count = 0;

  claimed({ process, state }: Assignment): void {
    if (process !== this.#lastClaimer)
      for (const other of this.#doubts.keys()) this.#strangersSince.add(other);
    this.#lastClaimer = process;
    this.#lastClaimed = state;
    this.#doubts.set(state, {
      process,
      offsets: new Set(),
      aside: new Set(),
      failed: new Set(),
      unheard: new Set(),
    });
    this.#strangersSince.delete(state);
  }

  /** False when nothing explains that a task which has succeeded starts again. */
  started(
    { state }: Assignment,
    task: { readonly offset: number; readonly aside: boolean },
    isFinished: boolean,
  ): boolean {
    const { offset, aside } = task;
    const own = this.#doubts.get(state);
    (aside ? own?.aside : own?.offsets)?.add(offset);
    if (own?.failed.delete(offset) === true || !isFinished) return true;
    this.count += 1;
    return this.#useUp(state, offset);
  }

  failed({ state }: Assignment, offset: number): void {
    this.#doubts.get(state)?.failed.add(offset);
  }

  unheard(state: object, offset: number): void {
    this.#doubts.get(state)?.unheard.add(offset);
  }

  heard(state: object, offset: number): void {
    this.#doubts.get(state)?.unheard.delete(offset);
  }

  /** It says that it has ended in good order: what it has finished never runs again. */
  released({ state }: Assignment, isFinished: (offset: number) => boolean): void {
    const own = this.#doubts.get(state);
    if (own === undefined || this.#strangersSince.has(state)) return;
    const { offsets, failed, unheard } = own;
    const excepted = [failed, unheard];
    const finished = [...offsets].filter(
      (offset) => isFinished(offset) && !excepted.some((offsetsOf) => offsetsOf.has(offset)),
    );
    for (const doubt of this.#doubts.values()) for (const offset of finished) doubt.offsets.delete(offset);
  }

  #useUp(state: object, offset: number): boolean {
    for (const [other, { offsets, aside }] of this.#doubts) {
      if (other !== state && (offsets.delete(offset) || aside.delete(offset))) return true;
    }
    return false;
  }

  /**
   * A process has seen an acknowledgement. If another process has claimed the partition since, it may have looked at
   * what was committed before this was; else whoever looks next sees it.
   */
  acknowledged(
    { state }: Assignment,
    said: { readonly isDone: (offset: number) => boolean; readonly isParked: (offset: number) => boolean },
  ): void {
    if (this.#strangersSince.has(state)) return;
    for (const { offsets, aside } of this.#doubts.values()) {
      // Done in the queue because it was copied: whoever redrives it knows no more than before.
      for (const offset of offsets) if (said.isDone(offset) && said.isParked(offset)) aside.add(offset);
      forget(offsets, said.isDone);
    }
  }

  /**
   * The same for the journal's word that parked tasks are done. One that the queue still lists, as a crash between copy
   * and commit leaves it, is in doubt until a commit says so too. Unlike a commit, it is not waited for by an assignment
   * that has begun meanwhile, be it of the same process.
   */
  progressed(
    { state }: Assignment,
    said: { readonly isDone: (offset: number) => boolean; readonly isCommitted: (offset: number) => boolean },
  ): void {
    if (state !== this.#lastClaimed) return;
    for (const { offsets, aside } of this.#doubts.values()) {
      for (const offset of aside) if (said.isDone(offset) && !said.isCommitted(offset)) offsets.add(offset);
      forget(aside, said.isDone);
    }
  }
}

function forget(offsets: Set<number>, isDone: (offset: number) => boolean): void {
  for (const offset of offsets) if (isDone(offset)) offsets.delete(offset);
}

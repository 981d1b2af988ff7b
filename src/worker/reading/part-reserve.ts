import type { Clock, Timer } from '../../clock/clock.ts';
import type { Attempt } from '../core/shared-budget.ts';

/** While somebody waits it is tried again so often: others that share the memory tell nobody when they are done. */
const TRY_AGAIN_MS = 25;

/** Somebody who needs memory before reading parts. */
export interface Claimant {
  /** 0: it has all it needs. */
  readonly windowBytes: number;
  /** Of the task that reads. It must not wait for what does not run, which may wait for what it has. Undefined: none runs. */
  readonly attempt: Attempt | undefined;
  /** The memory is there, until it is released. */
  granted(): void;
}

/** Where the memory comes from. */
export interface WindowMemory {
  /** False: there is not enough of it now, or others have waited longer; then it is asked again. */
  take(claimant: Claimant): boolean;
  /** It waits no more. */
  withdraw(claimant: Claimant): void;
  giveBack(claimant: Claimant): void;
}

/**
 * Gives memory for windows of parts to readings that have none. Those of nothing that runs get it in the order in which
 * they asked; of tasks that run the memory knows who must not wait for whom.
 */
export class PartReserve {
  readonly #memory: WindowMemory;
  readonly #clock: Clock;
  readonly #holders = new Set<Claimant>();
  readonly #waiting = new Set<Claimant>();
  #timer: Timer | undefined;

  constructor(memory: WindowMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  has(claimant: Claimant): boolean {
    return claimant.windowBytes === 0 || this.#holders.has(claimant);
  }

  /** Asking again changes nothing. */
  ask(claimant: Claimant): void {
    if (this.has(claimant)) return;
    this.#waiting.add(claimant);
    this.#grant();
  }

  /** Gives back what the claimant has, or its place in the line. */
  release(claimant: Claimant): void {
    if (this.#waiting.delete(claimant)) this.#memory.withdraw(claimant);
    if (this.#holders.delete(claimant)) this.#memory.giveBack(claimant);
    this.#grant();
  }

  #grant(): void {
    let isRefused = false;
    for (const claimant of this.#waiting) {
      const isAtRest = claimant.attempt === undefined;
      if (isAtRest && isRefused) continue;
      if (!this.#memory.take(claimant)) {
        isRefused ||= isAtRest;
        continue;
      }
      this.#waiting.delete(claimant);
      this.#holders.add(claimant);
      claimant.granted();
    }
    this.#timer?.clear();
    this.#timer =
      this.#waiting.size === 0 ? undefined : this.#clock.setTimer(TRY_AGAIN_MS, () => this.#grant());
  }
}

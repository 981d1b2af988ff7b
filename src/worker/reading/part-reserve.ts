import type { Clock, Timer } from '../../clock/clock.ts';

/** While somebody waits it is tried again so often: others that share the memory tell nobody when they are done. */
const TRY_AGAIN_MS = 25;

/** Somebody who needs memory before reading parts. */
export interface Claimant {
  /** 0: it has all it needs. */
  readonly windowBytes: number;
  /** A task that runs. It must not wait for those that do not, which may wait for what it has. */
  readonly isRunning: boolean;
  /** The memory is there, until it is released. */
  granted(): void;
}

/** Where the memory comes from. */
export interface WindowMemory {
  /** False: there is not enough of it now. */
  take(claimant: Claimant): boolean;
  giveBack(claimant: Claimant): void;
}

/** Gives memory for windows of parts to readings that have none, in the order in which they asked for it. */
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
    this.#waiting.delete(claimant);
    if (this.#holders.delete(claimant)) this.#memory.giveBack(claimant);
    this.#grant();
  }

  #grant(): void {
    const refused = new Set<boolean>();
    for (const claimant of this.#waiting) {
      if (refused.has(claimant.isRunning)) continue;
      if (!this.#memory.take(claimant)) {
        refused.add(claimant.isRunning);
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

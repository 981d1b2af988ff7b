/** Somebody who needs memory before reading parts. */
export interface Claimant {
  readonly windowBytes: number;
  /** The memory is there, until it is released. */
  granted(): void;
}

/** Bytes of parts that a worker holds at once, given out in the order in which they were asked for. */
export class PartReserve {
  readonly #limitBytes: number;
  readonly #holders = new Set<Claimant>();
  readonly #waiting = new Set<Claimant>();
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  has(claimant: Claimant): boolean {
    return this.#holders.has(claimant);
  }

  /** Asking again changes nothing. */
  ask(claimant: Claimant): void {
    if (this.#holders.has(claimant)) return;
    this.#waiting.add(claimant);
    this.#grant();
  }

  /** Gives back what the claimant has, or its place in the line. */
  release(claimant: Claimant): void {
    this.#waiting.delete(claimant);
    if (this.#holders.delete(claimant)) this.#usedBytes -= claimant.windowBytes;
    this.#grant();
  }

  #grant(): void {
    for (const claimant of this.#waiting) {
      // More than there is goes to whoever is alone: it could never be read otherwise.
      if (this.#holders.size > 0 && this.#usedBytes + claimant.windowBytes > this.#limitBytes) return;
      this.#waiting.delete(claimant);
      this.#holders.add(claimant);
      this.#usedBytes += claimant.windowBytes;
      claimant.granted();
    }
  }
}

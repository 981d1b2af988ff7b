/**
 * What the workers of one process agree on about suspects: tasks that may have ended a process. A few of them run at
 * once; one that stays under suspicion runs alone, so that what happens then was its doing.
 */
export class SuspectGate {
  #underWay = 0;
  #alone: object | undefined;

  /** Suspects whose start is being written down, or who run. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Somebody has the process for itself, or waits until nothing else runs: nothing else may start. */
  get closed(): boolean {
    return this.#alone !== undefined;
  }

  enter(): void {
    this.#underWay += 1;
  }

  leave(): void {
    this.#underWay -= 1;
  }

  isHeldBy(who: object): boolean {
    return this.#alone === who;
  }

  /** False when somebody else has asked first. */
  close(who: object): boolean {
    this.#alone ??= who;
    return this.#alone === who;
  }

  /** Of no effect for whoever does not hold it. */
  open(who: object | undefined): void {
    if (this.#alone === who) this.#alone = undefined;
  }
}

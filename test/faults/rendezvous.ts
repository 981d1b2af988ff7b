/** Lets a number of courses go on only when all have come to the same place, or one of them never will. */
export class Rendezvous {
  #size: number;
  #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  meet(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length < this.#size) return;
      this.#open();
    });
  }

  /** Nobody waits any more. */
  giveUp(): void {
    this.#size = 0;
    this.#open();
  }

  #open(): void {
    for (const goOn of this.#waiting) goOn();
    this.#waiting = [];
  }
}

/**
 * Keys with a handler promise that has not settled, in this process, whatever became of the partition since. A key in
 * here is not started anywhere in the process: a handler that ignored its signal must never run beside its successor.
 */
export class LiveKeys {
  readonly #alive = new Set<string>();
  readonly #waiting = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#alive.size;
  }

  has(name: string): boolean {
    return this.#alive.has(name);
  }

  add(name: string): void {
    this.#alive.add(name);
  }

  delete(name: string): void {
    this.#alive.delete(name);
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return;
    this.#waiting.delete(name);
    for (const freed of waiting) freed();
  }

  /** Calls back once when the key is free. */
  whenFree(name: string, freed: () => void): void {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) this.#waiting.set(name, new Set([freed]));
    else waiting.add(freed);
  }
}

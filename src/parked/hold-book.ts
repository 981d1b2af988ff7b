import type { CommandEntry } from '../journal/journal.ts';

/** One hold in one partition. */
interface Hold {
  readonly partition: number;
  /** The lane key, or the task type. */
  readonly subject: string;
  readonly by: string;
  readonly atMs: number;
}

/** Who holds what, told from the commands in the order of the log. */
export class HoldBook {
  readonly #keys = new Map<string, Hold>();
  readonly #types = new Map<string, Hold>();

  get keys(): Iterable<Hold> {
    return this.#keys.values();
  }

  get types(): Iterable<Hold> {
    return this.#types.values();
  }

  add({ partition, verb, key, by, atMs }: CommandEntry): void {
    switch (verb.name) {
      case 'hold':
        this.#keys.set(`${partition} ${key}`, { partition, subject: key, by, atMs });
        return;
      case 'release':
        this.#keys.delete(`${partition} ${key}`);
        return;
      case 'hold-type':
        this.#types.set(`${partition} ${verb.type}`, { partition, subject: verb.type, by, atMs });
        return;
      case 'release-type':
        this.#types.delete(`${partition} ${verb.type}`);
        return;
      default:
    }
  }

  clear(): void {
    this.#keys.clear();
    this.#types.clear();
  }
}

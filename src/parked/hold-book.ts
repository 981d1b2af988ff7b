import type { CommandEntry } from '../journal/journal.ts';

/** One hold in one partition. */
interface Hold {
  readonly partition: number;
  /** The lane key, or the task type. */
  readonly subject: string;
  readonly by: string;
  readonly atMs: number;
  /** Of a type: whose name it is. */
  readonly of?: string | undefined;
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
        this.#types.set(`${partition} ${verb.type}`, {
          partition,
          subject: verb.type,
          by,
          atMs,
          of: verb.of,
        });
        return;
      case 'release-type':
        this.#types.delete(`${partition} ${verb.type}`);
        return;
      default:
    }
  }

  /** Names of types that are held as one with any of these: whoever held them may have known more of a type's names. */
  heldWith(names: readonly string[]): readonly string[] {
    const held = [...this.#types.values()];
    const types = new Set(names);
    for (const { subject, of } of held) if (types.has(subject) && of !== undefined) types.add(of);
    const found = held.filter(({ subject, of }) => types.has(subject) || types.has(of ?? subject));
    return [...new Set(found.map(({ subject }) => subject))];
  }

  clear(): void {
    this.#keys.clear();
    this.#types.clear();
  }
}

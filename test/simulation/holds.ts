import type { CommandEntry } from '../../src/journal/journal.ts';
import type { Start } from './running-tasks.ts';
import type { World } from './world.ts';

/** What operators hold, as far as one process has read the journal: nothing of it starts there. */
export class Holds {
  readonly #world: World;
  readonly #held = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    for (let partition = 0; partition < world.scenario.partitions; partition += 1) {
      const { heldKeys, heldTypes } = world.truth(partition);
      for (const key of heldKeys) this.#held.add(`${partition} key ${key}`);
      for (const type of heldTypes) this.#held.add(`${partition} type ${type}`);
    }
  }

  heard({ partition, key, verb }: CommandEntry): void {
    switch (verb.name) {
      case 'hold':
        this.#held.add(`${partition} key ${key}`);
        return;
      case 'release':
        this.#held.delete(`${partition} key ${key}`);
        return;
      case 'hold-type':
        this.#held.add(`${partition} type ${verb.type}`);
        return;
      case 'release-type':
        this.#held.delete(`${partition} type ${verb.type}`);
        return;
      default:
    }
  }

  checkStart({ partition, offset, key, type }: Start): void {
    for (const what of [`key ${key}`, `type ${type}`]) {
      if (!this.#held.has(`${partition} ${what}`)) continue;
      this.#world.reference.fail(`${partition}@${offset} started while an operator held ${what}`);
    }
  }
}

import type { Child } from './child.ts';
import type { World } from './world.ts';

/** A task of each key in turn, round after round, until told to end. */
export class SteadyLoad {
  #over = false;
  readonly #running: Promise<void>;

  constructor(world: World, producer: Child, plan: { readonly keys: number; readonly everyMs: number }) {
    const keys = Array.from({ length: plan.keys }, (_, i) => `key-${i}`);
    this.#running = this.#run(world, producer, { keys, everyMs: plan.everyMs });
    this.#running.catch(() => undefined);
  }

  async #run(
    world: World,
    producer: Child,
    order: { readonly keys: readonly string[]; readonly everyMs: number },
  ): Promise<void> {
    while (!this.#over) await world.enqueue(producer, order);
  }

  /** Resolves when the last round is enqueued. */
  end(): Promise<void> {
    this.#over = true;
    return this.#running;
  }
}

import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../checker/events.ts';
import { inOrder } from './gaps.ts';
import { World, type WorldOptions } from './world.ts';

const LOOK_MS = 100;

/**
 * Another group on the queue of a world: its workers have logs of their own, so that the two are never taken for one.
 */
export class SecondGroup {
  readonly name: string;
  readonly #first: World;
  readonly #options: WorldOptions;
  #world: World | undefined;

  /** `options`: of the world that it is beside, but for what its workers do. */
  constructor(first: World, name: string, options: WorldOptions) {
    this.#first = first;
    this.name = name;
    this.#options = options;
  }

  /** Its workers. Opened when first asked for. */
  async open(): Promise<World> {
    const { worker } = this.#options;
    this.#world ??= await World.open({
      ...this.#options,
      queue: this.#first.queue,
      worker: { ...worker, group: this.name },
    });
    return this.#world;
  }

  /** It has finished every task that was acknowledged so far. Rejects when nothing more has been finished for so long. */
  async untilDone(quietMs: number): Promise<void> {
    const world = await this.open();
    let last = { count: -1, at: performance.now() };
    for (;;) {
      const { finished } = world.look();
      const { acked } = this.#first.look();
      if ([...acked].every((id) => finished.has(id))) return;
      if (finished.size > last.count) last = { count: finished.size, at: performance.now() };
      if (performance.now() - last.at > quietMs)
        throw new Error(`${this.name} finished nothing for ${quietMs} ms. ${world.describe()}`);
      await wait(LOOK_MS);
    }
  }

  /** What it did, and what there was to be done. */
  events(): LogEvent[] {
    const called = this.#first.events().filter(isOfProducers);
    return inOrder([...called, ...(this.#world?.events() ?? [])]);
  }

  async close(): Promise<void> {
    await this.#world?.close({ keep: false });
  }
}

/** What producers wrote down, and what became of them. */
function isOfProducers(event: LogEvent): boolean {
  if (event.event === 'killed' || event.event === 'exited') return event.target.startsWith('producer');
  return event.event.startsWith('enqueue-');
}

import type { SimulatedWorker } from './simulated-worker.ts';
import type { World } from './world.ts';

/** Who owns what, as the group's coordinator sees it. */
export class Group {
  readonly #world: World;
  readonly #owners = new Map<number, SimulatedWorker | undefined>();
  /** Partitions that their owner was asked to give up and has not yet. */
  readonly #moving = new Map<number, SimulatedWorker>();

  constructor(world: World, partitions: number) {
    this.#world = world;
    for (let partition = 0; partition < partitions; partition += 1) this.#owners.set(partition, undefined);
  }

  ownerOf(partition: number): SimulatedWorker | undefined {
    return this.#owners.get(partition);
  }

  /** Gives every partition that nobody has to somebody. */
  assignFree(): void {
    const members = this.#world.workers.filter((worker) => worker.alive && worker.known && !worker.stopping);
    if (members.length === 0) return;
    for (const [partition, owner] of this.#owners) {
      if (owner !== undefined || this.#moving.has(partition)) continue;
      const chosen = members[this.#world.random.below(members.length)];
      if (chosen !== undefined) this.#give(partition, chosen);
    }
  }

  #give(partition: number, worker: SimulatedWorker): void {
    this.#owners.set(partition, worker);
    this.#world.later(
      () => worker.alive && this.#owners.get(partition) === worker,
      () => {
        this.#world.note(partition, 'assigned');
        worker.tell((core, at) => core.assigned(at, [partition]));
      },
    );
  }

  /** Asks a worker to give a partition up, for another or for anybody. */
  move(partition: number): void {
    const owner = this.#owners.get(partition);
    if (owner === undefined || !owner.known || this.#moving.has(partition)) return;
    this.#moving.set(partition, owner);
    owner.revoke([partition]);
  }

  /** A worker gives up all it has, and then leaves. */
  leave(worker: SimulatedWorker): void {
    const own = [...this.#owners].filter(
      ([partition, owner]) => owner === worker && !this.#moving.has(partition),
    );
    const partitions = own.map(([partition]) => partition);
    for (const partition of partitions) this.#moving.set(partition, worker);
    if (partitions.length > 0) worker.revoke(partitions);
    else if (this.#hasNothing(worker)) worker.left();
  }

  /** Who was expelled and does not know yet learns it first. */
  #hasNothing(worker: SimulatedWorker): boolean {
    if (!worker.known) return false;
    return ![...this.#owners.values()].includes(worker) && ![...this.#moving.values()].includes(worker);
  }

  answered(worker: SimulatedWorker, partitions: readonly number[]): void {
    for (const partition of partitions) {
      if (this.#moving.get(partition) === worker) this.#moving.delete(partition);
      if (this.#owners.get(partition) === worker) this.#owners.set(partition, undefined);
    }
    if (worker.stopping && this.#hasNothing(worker)) worker.left();
    this.assignFree();
  }

  /** A worker has nothing any more, whether it knows or not. */
  takeAll(worker: SimulatedWorker): void {
    for (const [partition, owner] of this.#owners) {
      if (owner !== worker) continue;
      this.#owners.set(partition, undefined);
      this.#moving.delete(partition);
    }
  }
}

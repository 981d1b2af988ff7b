import type { Effect } from './core/effects.ts';
import type { PartitionState } from './core/partition-state.ts';
import { type EngineLink, emitProblem } from './engine-link.ts';
import type { PartitionIo } from './partition-io.ts';

/** Carries out the steps by which a partition is taken, and tells the core how they went. */
export class TakingSteps {
  readonly #link: EngineLink;
  readonly #io: PartitionIo;

  constructor(link: EngineLink, io: PartitionIo) {
    this.#link = link;
    this.#io = io;
  }

  carryOut(effect: Extract<Effect, { readonly kind: 'claim' | 'confirm' }>): void {
    if (effect.kind === 'claim') this.#claim(effect.partition);
    else this.#confirm(effect);
  }

  inspect(partitions: readonly PartitionState[]): void {
    const { core, tell, inBackground } = this.#link;
    inBackground(
      this.#io.inspect(partitions).then(
        (findings) => {
          for (const [partition, finding] of findings) tell((at) => core.inspected(at, partition, finding));
        },
        (error: unknown) => this.#failed(partitions, error),
      ),
    );
  }

  #claim(partition: PartitionState): void {
    const { core, tell, inBackground } = this.#link;
    inBackground(
      this.#io.claim(partition).then(
        (epoch) => tell((at) => core.claimed(at, partition, epoch)),
        (error: unknown) => this.#failed([partition], error),
      ),
    );
  }

  #confirm({ partition, frontier, reason }: Extract<Effect, { kind: 'confirm' }>): void {
    const { core, tell, inBackground } = this.#link;
    inBackground(
      this.#io.confirm(partition, frontier, reason).then(
        () => {
          if (reason === 'taken') tell((at) => core.confirmed(at, partition));
        },
        (error: unknown) => {
          if (reason === 'taken') this.#failed([partition], error);
          else tell((at) => core.frontierUnwritten(at, partition, frontier));
        },
      ),
    );
  }

  #failed(partitions: readonly PartitionState[], error: unknown): void {
    const { core, events, tell } = this.#link;
    if (partitions.some(({ phase }) => phase !== 'gone')) emitProblem(events, error);
    for (const partition of partitions) tell((at) => core.takingFailed(at, partition));
  }
}

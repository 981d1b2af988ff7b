import { isStoreError, isStoreMissing } from '../errors/store-errors.ts';
import type { PartitionEffect } from './core/effects.ts';
import type { PartitionState } from './core/partition-state.ts';
import { type EngineLink, emitProblem } from './engine-link.ts';
import type { ParkingIo } from './parking-io.ts';
import { emitLoss } from './report-events.ts';

/** Carries out what parking and redriving need, and tells the core how it went. */
export class ParkingSteps {
  readonly #link: EngineLink;
  readonly #io: ParkingIo;
  readonly #onNeeded: (partition: number, parkedFrom: number) => void;

  /** `onNeeded`: of a queue partition, copies below that offset of the parked topic are history. */
  constructor(link: EngineLink, io: ParkingIo, onNeeded: (partition: number, parkedFrom: number) => void) {
    this.#link = link;
    this.#io = io;
    this.#onNeeded = onNeeded;
  }

  carryOut(effect: PartitionEffect): void {
    this.#link.inBackground(
      this.#do(effect).catch((error: unknown) => {
        emitProblem(this.#link.events, error);
        const stuckOn = isStoreError(error) || isStoreMissing(error) ? error : undefined;
        this.#link.tell((at) => this.#link.core.effectFailed(at, effect, stuckOn));
      }),
    );
  }

  async #do(effect: PartitionEffect): Promise<void> {
    const { core, tell } = this.#link;
    const { partition } = effect;
    switch (effect.kind) {
      case 'mark': {
        const where = await this.#io.mark(partition, effect.mark);
        tell((at) => core.marked(at, partition, effect.mark, where));
        this.#tellNeeded(partition);
        return;
      }
      case 'copy': {
        const { items, lost } = await this.#io.copy(partition, effect.copy);
        for (const { item, error } of lost) emitLoss(this.#link.events, item, error);
        tell((at) => core.copied(at, partition, { ...effect.copy, items }));
        return;
      }
      case 'write':
        await this.#io.write(partition, effect.write);
        tell((at) => core.written(at, partition, effect.write));
        if (effect.write.kind === 'cleared') this.#tellNeeded(partition);
        return;
      case 'postpone':
        await this.#io.postpone(partition, effect.postponed);
        tell((at) => core.postponed(at, partition, effect.postponed));
        return;
      case 'read-parked': {
        const found = await this.#io.readParked(partition, effect.wants);
        tell((at) => core.parkedRead(at, partition, found));
      }
    }
  }

  #tellNeeded(partition: PartitionState): void {
    if (partition.phase === 'gone') return;
    let lowest = Number.POSITIVE_INFINITY;
    for (const { parkedFrom } of partition.marks.values()) lowest = Math.min(lowest, parkedFrom);
    this.#onNeeded(partition.partition, lowest);
  }
}

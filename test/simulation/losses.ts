import type { Loss } from '../../src/worker/core/judge-taking.ts';
import type { World } from './world.ts';

/** Somebody deletes records, done or not, behind everybody's back. */
export class Losses {
  readonly #world: World;
  readonly #starts: number[];

  constructor(world: World) {
    this.#world = world;
    this.#starts = Array.from({ length: world.scenario.partitions }, () => 0);
  }

  /** Where a log starts. */
  startOf(partition: number): number {
    return this.#starts[partition] ?? 0;
  }

  /** As a rule a little beyond what is committed. */
  happen(): void {
    const { random, scenario, reference, committed } = this.#world;
    const partition = random.below(scenario.partitions);
    // A group that never worked here begins with what is left.
    if (this.#world.truth(partition).newestConfirm === undefined) return;
    const from = Math.max(this.startOf(partition), committed.get(partition)?.offset ?? 0);
    const end = reference.log(partition).length;
    const most = random.chance(0.7) ? Math.min(end, from + 6) : end;
    if (most <= this.startOf(partition)) return;
    const start = Math.max(this.startOf(partition) + 1, from + random.below(most - from + 1));
    this.#starts[partition] = Math.min(start, end);
    this.#world.note(partition, 'records deleted');
    reference.deleted(partition, this.startOf(partition), this.#world.journal.length);
  }

  /** A partition was halted. */
  checkHalt(partition: number, { reason, from, to }: Loss): void {
    this.#world.note(partition, 'halted');
    if (reason === 'data-loss' && from < to && to <= this.startOf(partition)) return;
    this.#world.reference.fail(
      `partition ${partition} was halted for ${reason} [${from}, ${to}) without cause`,
    );
  }

  /** Who takes a partition goes on behind what is lost. */
  accepted(partition: number, loss: Loss & { readonly command: string }): void {
    const { operators, reference } = this.#world;
    this.#world.note(partition, 'loss accepted');
    if (!operators.haveAccepted(partition, loss))
      reference.fail(
        `P13 loss: ${partition}@[${loss.from}, ${loss.to}) was passed over, and nobody had accepted that`,
      );
    reference.lossAccepted(partition, loss.from, Math.min(loss.to, this.startOf(partition)));
  }
}

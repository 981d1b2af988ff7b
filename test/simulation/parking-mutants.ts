import type { Effect, PartitionEffect } from '../../src/worker/core/effects.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import type { JournalWrite, ParkedFound } from '../../src/worker/core/parked.ts';
import type { ParkedCopy } from './parked-log.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import type { World } from './world.ts';

/** Goes on before what was asked for is there. */
export function answerEarly(worker: SimulatedWorker, effect: PartitionEffect): void {
  const { partition } = effect;
  const { mutant } = worker.world.scenario;
  if (mutant === 'copy-before-mark' && effect.kind === 'mark') {
    const where = { mark: 1_000_000 + worker.world.random.below(1_000), parkedFrom: worker.world.parked.end };
    worker.later(() => worker.tell((core, at) => core.marked(at, partition, effect.mark, where)));
  }
  if (mutant === 'finished-before-copy' && effect.kind === 'copy') {
    worker.later(() => worker.tell((core, at) => core.copied(at, partition, effect.copy)));
  }
  if (mutant === 'queue-beside-redrive' && effect.kind === 'write') runBeside(effect);
}

/** The key's line in the queue does not wait for its parked tasks. */
function runBeside({ partition, write }: Extract<Effect, { kind: 'write' }>): void {
  if (write.kind === 'progress') partition.parkedKeys.delete(write.parked.key);
}

/** Says that something was written down, and has not done it. */
export function isForgotten(world: World, write: JournalWrite): boolean {
  const { mutant } = world.scenario;
  if (mutant === 'progress-unwritten') return write.kind === 'progress';
  return mutant === 'cleared-unwritten' && write.kind === 'cleared';
}

export function mutateCopies(world: World, items: readonly Item[]): readonly Item[] {
  return world.scenario.mutant === 'copies-reversed' ? items.toReversed() : items;
}

/** What was copied under any mark is taken for parked. */
export function isDropped(world: World, copy: ParkedCopy): boolean {
  return world.scenario.mutant === 'dedupe-across-marks' && world.parked.hasAny(copy.partition, copy.offset);
}

export function mutateFound(world: World, found: readonly ParkedFound[]): readonly ParkedFound[] {
  switch (world.scenario.mutant) {
    case 'parked-end-too-early':
      return found.map((one) => ({ ...one, atEnd: true }));
    case 'redrive-reversed':
      return found.map((one) => ({ ...one, items: reversed(one.items) }));
    default:
      return found;
  }
}

/** The records in the wrong order, under rising offsets. */
function reversed(items: readonly Item[]): readonly Item[] {
  return items.toReversed().map((item, i) => ({ ...item, offset: items[i]?.offset ?? item.offset }));
}

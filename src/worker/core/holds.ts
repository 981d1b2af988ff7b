import type { Command } from '../../journal/journal.ts';
import type { CoreState } from './core-state.ts';
import type { Item, Lane } from './lane.ts';
import type { PartitionState } from './partition-state.ts';

/** Whether an operator holds the key of a lane, or the type of its first task. */
export function isHeldByOperator(
  core: CoreState,
  partition: PartitionState,
  lane: Lane,
  { type }: Item,
): boolean {
  const { heldKeys, heldTypes } = partition;
  if (heldKeys.has(lane.key) || heldTypes.has(type)) return true;
  // Whoever asked may have known the type by other names than this worker does: each holds it under all of them.
  for (const held of heldTypes) if (core.type(held) === core.type(type)) return true;
  return false;
}

/** Told once a command: a type may stop very many keys. */
export function reportHold(
  core: CoreState,
  partition: PartitionState,
  kind: 'held-by-operator' | 'released-by-operator',
  { id, key, by, verb }: Command,
): void {
  const what = 'type' in verb ? { key: undefined, type: verb.type } : { key, type: undefined };
  core.effects.push({
    kind: 'report',
    report: { kind, partition: partition.partition, ...what, command: id, by },
  });
}

/** What was held before the partition was taken is told when its work begins. */
export function reportFoundHolds(core: CoreState, partition: PartitionState): void {
  const { heldKeys, heldTypes } = partition;
  if (heldKeys.size + heldTypes.size === 0) return;
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'holds-found',
      partition: partition.partition,
      keys: [...heldKeys],
      types: [...heldTypes],
    },
  });
}

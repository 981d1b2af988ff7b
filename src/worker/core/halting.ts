import type { CoreState } from './core-state.ts';
import { forgetRecords } from './held-bytes.ts';
import type { Loss } from './judge-taking.ts';
import type { PartitionState } from './partition-state.ts';
import { write } from './redriving.ts';

/** Why a partition is stopped. A log that ends too early is written down, unless the journal says so already. */
interface Halt extends Loss {
  readonly truncated?: true;
  readonly isTold?: boolean;
}

/**
 * Stops a partition and says why. It stays owned, and nothing of it starts, until it is assigned anew or an operator
 * accepts what is lost. What runs may end and is committed; memory is kept for nothing else.
 */
export function halt(core: CoreState, partition: PartitionState, why: Halt): void {
  const { reason, from, to, truncated, isTold } = why;
  if (partition.phase === 'running') core.effects.push({ kind: 'stop-reading', partition });
  if (partition.sweep !== undefined) core.effects.push({ kind: 'stop-sweep', partition });
  partition.move('halted');
  partition.halt = { reason, from, to };
  forgetRecords(core, partition);
  if (truncated === true && isTold !== true) write(core, partition, { kind: 'truncated', from, to });
  core.effects.push({
    kind: 'report',
    report: { kind: 'partition-halted', partition: partition.partition, reason, from, to },
  });
}

/** The log begins behind what a running partition has yet to do. */
export function haltLost(core: CoreState, partition: PartitionState, logStart: number): void {
  halt(core, partition, { reason: 'data-loss', from: Math.min(openFrom(partition), logStart), to: logStart });
}

/** The lowest offset that is not finished and is not just being handled: what runs is here and comes to its end. */
function openFrom(partition: PartitionState): number {
  let from = partition.nextOffset;
  for (const range of partition.restored.values())
    from = Math.min(from, Math.max(range.from, partition.sweep?.at ?? 0));
  for (const lane of partition.lanes.values())
    from = Math.min(from, (lane.state === 'running' ? lane.secondOffset : lane.firstOffset) ?? from);
  return from;
}

/** The lowest offset that is not finished. */
export function frontierOf(partition: PartitionState): number {
  return partition.commitState(partition.statePin).frontier;
}

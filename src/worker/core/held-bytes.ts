import type { CoreState } from './core-state.ts';
import type { PartitionState } from './partition-state.ts';

/** Records that are kept count for their partition and for the process. */
export function hold(core: CoreState, partition: PartitionState, bytes: number): void {
  partition.bufferedBytes += bytes;
  core.budget.take(bytes);
}

export function letGo(core: CoreState, partition: PartitionState, bytes: number): void {
  partition.bufferedBytes -= bytes;
  core.budget.release(bytes);
}

/** Gives back the memory of a partition that nothing starts in any more; only what is running is kept. */
export function forgetRecords(core: CoreState, partition: PartitionState): void {
  for (const lane of partition.lanes.values()) {
    const keep = lane.state === 'running' ? 1 : 0;
    letGo(core, partition, lane.dropBeyond(keep));
  }
  for (const lane of partition.redrives.keys()) {
    letGo(core, partition, lane.dropBeyond(lane.state === 'running' ? 1 : 0));
  }
}

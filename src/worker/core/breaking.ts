import type { CoreState } from './core-state.ts';
import type { Run } from './effects.ts';

/**
 * For a core that has thrown, whose state nobody can rely on any more: other workers of the process must not miss what
 * it held. Gives back the memory of all that waits; what runs keeps its memory and its key until it ends.
 */
export function releaseWaiting(
  core: Pick<CoreState, 'partitions' | 'runs' | 'runOf' | 'budget' | 'memory'>,
): void {
  let bytes = 0;
  for (const partition of core.partitions.values()) bytes += partition.bufferedBytes;
  for (const run of core.runs) if (core.runOf.get(run.lane) === run) bytes -= run.item.bytes;
  core.budget.release(bytes);
  for (const { reservation } of core.memory.kept.values()) core.budget.giveBack(reservation);
  core.memory.kept.clear();
}

/** Such a core's handler has ended. */
export function releaseRun(
  core: Pick<CoreState, 'runs' | 'budget' | 'liveKeys' | 'keyName'>,
  run: Run,
): void {
  if (!core.runs.delete(run)) return;
  core.budget.release(run.item.bytes);
  if (run.reservation !== undefined) core.budget.giveBack(run.reservation);
  core.liveKeys.delete(core.keyName(run.lane));
}

import type { CoreState } from './core-state.ts';
import type { Run } from './effects.ts';
import { leaveLines } from './memory-gate.ts';

/**
 * For a core that has thrown, whose state nobody can rely on any more: other workers of the process must not miss what
 * it held. Gives back what all that waits has, and its places in lines. What is under way keeps its memory and its key
 * until it ends; a start that nobody has come to is none.
 */
export function releaseWaiting(core: Readonly<CoreState>, isUnderWay: (run: Run) => boolean): void {
  let bytes = 0;
  for (const partition of core.partitions.values()) bytes += partition.bufferedBytes;
  for (const run of core.runs) if (core.runOf.get(run.lane) === run) bytes -= run.item.bytes;
  core.budget.release(bytes);
  for (const { reservation } of core.memory.kept.values()) core.budget.giveBack(reservation);
  core.memory.kept.clear();
  leaveLines(core);
  for (const run of core.runs) if (!isUnderWay(run)) releaseRun(core, run);
  releaseSuspects(core);
}

/** Such a core's handler has ended. */
export function releaseRun(core: Readonly<CoreState>, run: Run): void {
  if (!core.runs.delete(run)) return;
  core.budget.release(run.item.bytes);
  if (run.reservation !== undefined) core.budget.giveBack(run.reservation);
  core.liveKeys.delete(core.keyName(run.lane));
  releaseSuspects(core);
}

/** Those that do not run leave the process to others. */
function releaseSuspects({ suspects, suspectGate, runs }: Readonly<CoreState>): void {
  for (const [lane, suspect] of suspects.underWay) {
    if (suspect.run !== undefined && runs.has(suspect.run)) continue;
    suspects.underWay.delete(lane);
    suspectGate.leave();
    suspectGate.open(suspect);
  }
}

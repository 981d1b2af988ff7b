import type { CoreState } from './core-state.ts';
import type { StopReason } from './judge-taking.ts';
import type { PartitionState } from './partition-state.ts';

/** Stops a partition and says why. It stays owned, and nothing of it starts, until it is assigned anew. */
export function halt(
  core: CoreState,
  partition: PartitionState,
  why: { readonly reason: StopReason; readonly from: number; readonly to: number },
): void {
  if (partition.phase === 'running') core.effects.push({ kind: 'stop-reading', partition });
  partition.move('halted');
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'partition-halted',
      partition: partition.partition,
      reason: why.reason,
      from: why.from,
      to: why.to,
    },
  });
}

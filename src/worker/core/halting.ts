import type { CoreState } from './core-state.ts';
import { forgetRecords } from './held-bytes.ts';
import type { StopReason } from './judge-taking.ts';
import type { PartitionState } from './partition-state.ts';

/**
 * Stops a partition and says why. It stays owned, and nothing of it starts, until it is assigned anew. What runs may end
 * and is committed; memory is kept for nothing else.
 */
export function halt(
  core: CoreState,
  partition: PartitionState,
  why: { readonly reason: StopReason; readonly from: number; readonly to: number },
): void {
  if (partition.phase === 'running') core.effects.push({ kind: 'stop-reading', partition });
  if (partition.sweep !== undefined) core.effects.push({ kind: 'stop-sweep', partition });
  partition.move('halted');
  forgetRecords(core, partition);
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

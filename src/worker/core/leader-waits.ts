import type { CoreState } from './core-state.ts';
import type { PartitionState } from './partition-state.ts';

/** An election among brokers that are well is over sooner than this: beyond it somebody may have to help. */
const LONG_MS = 30_000;

/** Nothing more is read of a partition before its leader has said what it has of what was read: see `LogRead`. */
export function waitForLeader(core: CoreState, partition: PartitionState): void {
  partition.leaderWaitSinceMs = core.nowMs;
  core.leaderWaits.add(partition);
  core.effects.push({ kind: 'look', partition });
}

/** How long a partition has waited for its leader, if that is long. */
export function longWaitMs(partition: PartitionState, nowMs: number): number | undefined {
  if (partition.phase !== 'running' || !partition.logRead.isAsked) return undefined;
  const elapsedMs = nowMs - partition.leaderWaitSinceMs;
  return elapsedMs < LONG_MS ? undefined : elapsedMs;
}

/** Says once of each wait that it is long. */
export function tellLeaderWaits(core: CoreState): void {
  for (const partition of core.leaderWaits) {
    const elapsedMs = longWaitMs(partition, core.nowMs);
    const isOver = partition.phase !== 'running' || !partition.logRead.isAsked;
    if (elapsedMs === undefined && !isOver) continue;
    core.leaderWaits.delete(partition);
    if (elapsedMs === undefined) continue;
    const { partition: number, nextOffset: offset } = partition;
    core.effects.push({
      kind: 'report',
      report: { kind: 'reading-waits', partition: number, offset, elapsedMs },
    });
  }
}

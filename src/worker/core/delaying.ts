import { LANES_THAT_ALWAYS_FIT } from './commit-metadata.ts';
import type { CoreState } from './core-state.ts';
import { dropIfUnwanted } from './flow.ts';
import type { Item, Lane } from './lane.ts';
import { shiftFirst } from './parking.ts';
import type { PartitionState } from './partition-state.ts';
import { advanceLane, holdLane, moveLane, queueUp } from './scheduling.ts';

/** So long a delayed task waits where it is; then it goes to the end of the log, so that commits can move on. */
const IN_PLACE_MS = 15 * 60_000;
/** Delayed tasks of a partition that stay where they are although others want to go on behind them. */
const KEPT_IN_PLACE = 100;
/** So many go to the end of the log at once, and so long afterwards the next ones. */
const MOVED_AT_ONCE = 100;
const PACE_MS = 1_000;
/** Delayed tasks beyond what commits can list that are passed by: each start looks at all of them. */
const IN_VIEW = 2_000;

/** A task on its way to the end of the log. */
export interface Postponed {
  readonly lane: Lane;
  readonly item: Item;
}

/** True when the first task of the lane is not to start yet: it waits, or is appended again. */
export function delay(core: CoreState, partition: PartitionState, lane: Lane, item: Item): boolean {
  const notBeforeMs = lane.aside ? undefined : core.config.notBeforeMs?.(item);
  if (notBeforeMs === undefined || notBeforeMs <= core.wallMs) return false;
  if (isOverdue(core, lane)) {
    postpone(core, partition, { lane, item });
    return true;
  }
  wait(core, partition, lane, notBeforeMs);
  return true;
}

/**
 * The same for a task that does not fit into a commit: as long as it only waits, no commit speaks of it, and what is
 * behind it can be looked at.
 */
export function waitsUnlisted(core: CoreState, partition: PartitionState, lane: Lane, item: Item): boolean {
  const notBeforeMs = core.config.notBeforeMs?.(item);
  if (notBeforeMs === undefined || notBeforeMs <= core.wallMs || partition.open.size >= IN_VIEW) return false;
  if (isOverdue(core, lane)) return false;
  wait(core, partition, lane, notBeforeMs);
  return true;
}

/** It has waited in its place for as long as it may. */
function isOverdue(core: CoreState, lane: Lane): boolean {
  return (lane.delayedUntilMs ?? Number.POSITIVE_INFINITY) <= core.nowMs;
}

function wait(core: CoreState, partition: PartitionState, lane: Lane, notBeforeMs: number): void {
  lane.notBeforeMs = notBeforeMs;
  lane.delayedUntilMs ??= core.nowMs + IN_PLACE_MS;
  const dueMs = Math.min(core.nowMs + notBeforeMs - core.wallMs, lane.delayedUntilMs);
  holdLane(core, partition, lane, { reason: 'delayed', dueMs });
  dropIfUnwanted(core, partition, lane);
}

/** It is finished here once the brokers have it at the end of the log; a crash in between leaves it in both places. */
function postpone(core: CoreState, partition: PartitionState, postponed: Postponed): void {
  const { lane, item } = postponed;
  // Whatever starts above it must be able to say in a commit that it is not finished.
  partition.startedBelow = Math.max(partition.startedBelow, item.offset + 1);
  moveLane(core, partition, lane, 'postponing');
  partition.openWrites += 1;
  core.effects.push({ kind: 'postpone', partition, postponed });
}

/** The brokers have it at the end of the log. */
export function postponed(core: CoreState, partition: PartitionState, { lane, item }: Postponed): void {
  partition.openWrites -= 1;
  if (partition.phase === 'gone') return;
  if (lane.firstOffset !== item.offset) throw new Error('a lane moved while its first task was postponed');
  shiftFirst(core, partition, lane);
  partition.changes += 1;
  partition.progressAtMs = core.nowMs;
  advanceLane(core, partition, lane);
}

/**
 * Commits cannot list one more unfinished key. When many of them are delayed tasks, those that are due last make room for
 * what could run. A few at a time: they come back from the end of the log. And the lowest ones, as a commit has to be
 * able to say that they are finished. True when any does.
 */
export function makeRoomOfDelayed(core: CoreState, partition: PartitionState): boolean {
  if (core.nowMs < partition.nextPostponeMs) {
    core.roomWanted.add(partition);
    return false;
  }
  const delayed = [...partition.open].filter(({ state, hold }) => state === 'held' && hold === 'delayed');
  if (delayed.length <= KEPT_IN_PLACE) return false;
  delayed.sort((a, b) => (a.firstOffset ?? 0) - (b.firstOffset ?? 0));
  const lowest = delayed.slice(0, LANES_THAT_ALWAYS_FIT).sort((a, b) => b.notBeforeMs - a.notBeforeMs);
  partition.nextPostponeMs = core.nowMs + PACE_MS;
  for (const lane of lowest.slice(0, Math.min(MOVED_AT_ONCE, lowest.length - KEPT_IN_PLACE))) {
    lane.delayedUntilMs = core.nowMs;
    advanceLane(core, partition, lane);
  }
  return true;
}

/** The next delayed tasks may make room. */
export function askForRoomAgain(core: CoreState): void {
  for (const partition of core.roomWanted) {
    if (core.nowMs < partition.nextPostponeMs) continue;
    core.roomWanted.delete(partition);
    partition.full = false;
    queueUp(core, partition);
  }
}

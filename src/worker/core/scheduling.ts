import type { CoreState } from './core-state.ts';
import type { HoldReason, Lane, LaneState } from './lane.ts';
import { isOpen } from './lane.ts';
import type { PartitionState } from './partition-state.ts';

/** The one place where a lane changes its state. */
export function moveLane(core: CoreState, partition: PartitionState, lane: Lane, to: LaneState): void {
  lane.state = to;
  if (lane.aside) {
    if (isOpen(to)) partition.asideOpen.add(lane);
    else partition.asideOpen.delete(lane);
    if (to !== 'ready') return;
    partition.asideReady.push(lane);
    queueUp(core, partition);
    return;
  }
  if (isOpen(to)) {
    partition.open.add(lane);
  } else if (partition.open.delete(lane) && partition.full) {
    partition.full = false;
    queueUp(core, partition);
  }
  if (to === 'ready') {
    const offset = lane.firstOffset;
    if (offset === undefined) throw new Error('a lane without tasks cannot be ready');
    partition.ready.push(offset, lane);
    queueUp(core, partition);
  }
}

/** After a lane's first task has changed: what the lane is to do next. */
export function advanceLane(core: CoreState, partition: PartitionState, lane: Lane): void {
  lane.hold = undefined;
  const first = lane.first;
  if (first === undefined) {
    moveLane(core, partition, lane, 'idle');
    if (lane.later === undefined && !lane.aside) partition.lanes.delete(lane.key);
  } else if (typeof first === 'number') {
    moveLane(core, partition, lane, 'fetching');
    lane.fetchingSince = partition.sweepCount;
    core.sweepWanted.add(partition);
  } else if (core.liveKeys.has(core.keyName(lane))) {
    moveLane(core, partition, lane, 'blocked');
    core.effects.push({ kind: 'await-key', partition, lane });
  } else {
    moveLane(core, partition, lane, 'ready');
  }
}

/** Something that a waiting lane may have waited for has changed: what it is to do is decided anew. */
export function reconsider(core: CoreState, partition: PartitionState, lane: Lane | undefined): void {
  if (lane === undefined || partition.phase !== 'running') return;
  if (!['held', 'gated', 'parking', 'behind'].includes(lane.state)) return;
  advanceLane(core, partition, lane);
}

/** Holds a lane until a time, or for good (Infinity). */
export function holdLane(
  core: CoreState,
  partition: PartitionState,
  lane: Lane,
  hold: { readonly reason: HoldReason; readonly dueMs: number },
): void {
  lane.hold = hold.reason;
  lane.dueMs = hold.dueMs;
  moveLane(core, partition, lane, 'held');
  if (hold.dueMs !== Number.POSITIVE_INFINITY) core.due.push(hold.dueMs, { lane, partition });
}

/** Lanes whose pause is over go on. */
export function releaseDue(core: CoreState): void {
  for (;;) {
    const dueMs = core.due.peekRank() ?? Number.POSITIVE_INFINITY;
    if (dueMs > core.nowMs) return;
    const due = core.due.pop();
    if (due === undefined) return;
    const { lane, partition } = due;
    if (lane.state === 'held' && lane.dueMs === dueMs && partition.phase === 'running') {
      advanceLane(core, partition, lane);
    }
  }
}

export function queueUp(core: CoreState, partition: PartitionState): void {
  if (partition.queued) return;
  partition.queued = true;
  core.turn.push(partition);
}

/** The outage of a type is over: all that waited for it goes on at once. */
export function reopenType(core: CoreState, waiting: Map<Lane, PartitionState>): void {
  const lanes = [...waiting];
  waiting.clear();
  for (const [lane, partition] of lanes) {
    if (lane.state === 'gated' && partition.phase === 'running') advanceLane(core, partition, lane);
  }
}

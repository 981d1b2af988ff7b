import type { CoreState } from './core-state.ts';
import { haltLost } from './halting.ts';
import { hold, letGo } from './held-bytes.ts';
import { type Item, Lane, type LaneState } from './lane.ts';
import { waitForLeader } from './leader-waits.ts';
import type { Gap, PartitionState, Reading, Sweep } from './partition-state.ts';
import { advanceLane } from './scheduling.ts';

/** Asks for the tail of a partition from the first offset that is not known. What is read anew flows, paused or not. */
export function startReading(core: CoreState, partition: PartitionState): void {
  partition.paused = false;
  core.paused.delete(partition);
  const reading = { partition, offset: partition.nextOffset };
  partition.reading = reading;
  core.effects.push({ kind: 'read', reading });
}

/** Asks for what the sweep brings next. */
export function readSweep(core: CoreState, partition: PartitionState, sweep: Sweep): void {
  const reading = { partition, offset: sweep.at };
  sweep.reading = reading;
  core.effects.push({ kind: 'sweep', reading });
}

/** Asks anew for all that was not taken. */
export function readAnew(core: CoreState, partition: PartitionState): void {
  startReading(core, partition);
  if (partition.sweep !== undefined) readSweep(core, partition, partition.sweep);
}

/** Whether records may be asked for now. Changes nothing. */
export function isReading(core: CoreState): boolean {
  return !core.stopping && core.partitions.size > 0 && core.budget.wouldAdmit(core, core.nowMs);
}

/**
 * How many records to ask for now; 0 = none. Whoever asks and is given some reads them: another worker may wait for its
 * turn. Memory is the gate: what is here already is never dropped for it.
 */
export function wantedCount(core: CoreState): number {
  if (core.stopping || core.partitions.size === 0) return 0;
  if (!core.budget.admits(core, core.nowMs)) {
    if (core.budget.open) return 0; // another worker of the process has waited longer
    makeRoom(core);
    if (!core.budget.admits(core, core.nowMs)) return 0;
  }
  return Math.max(1, Math.min(1_000, Math.floor(core.budget.roomBytes / core.meanBytes)));
}

/** Records from the tail of a partition, in log order. */
export function takeRecords(core: CoreState, reading: Reading, items: readonly Item[]): void {
  const { partition } = reading;
  if (partition.phase !== 'running' || partition.reading !== reading) return;
  if (partition.gap?.checking === true || partition.logRead.isAsked) return;
  for (const item of items) {
    if (item.offset < partition.nextOffset) continue;
    if (item.offset > partition.nextOffset) {
      tailMisses(core, partition, item.offset);
      return;
    }
    if (!isOfKnownLeader(core, partition, item)) return;
    partition.nextOffset = item.offset + 1;
    partition.logRead.took(item.offset, item.record.leaderEpoch);
    takeTailItem(core, partition, item);
  }
  limitBuffer(core, partition);
}

/** The first record of another leader is not taken before it is known that what was read is in its log. */
export function isOfKnownLeader(core: CoreState, partition: PartitionState, { record }: Item): boolean {
  if (partition.logRead.admits(record.leaderEpoch)) return true;
  waitForLeader(core, partition);
  return false;
}

/** A client that has lost something brings it when it is asked again; offsets that hold nothing stay missing. */
function tailMisses(core: CoreState, partition: PartitionState, found: number): void {
  if (isSeenAgain(partition.gap, partition.nextOffset, found)) {
    partition.gap.checking = true;
    core.effects.push({ kind: 'check-gap', partition, of: 'tail', found });
    return;
  }
  partition.gap = { at: partition.nextOffset, found, checking: false };
  startReading(core, partition);
}

/** The same offsets were missing when this was read before. */
export function isSeenAgain(gap: Gap | undefined, at: number, found: number): gap is Gap {
  return gap?.at === at && gap.found === found;
}

function takeTailItem(core: CoreState, partition: PartitionState, item: Item): void {
  // Quick to learn that records are large, slow to forget it.
  core.meanBytes += (item.bytes - core.meanBytes) / (item.bytes > core.meanBytes ? 8 : 64);
  const lane = laneOf(partition, item.key);
  if (lane.unlistedFrom !== undefined) return;
  if (lane.listedCount >= core.config.listedTasks && (lane.later !== undefined || !isMoving(lane.state))) {
    lane.unlist(item.offset);
    return;
  }
  const wasEmpty = lane.length === 0;
  if (cannotUse(core, partition, lane)) {
    lane.pushTail(item.offset);
  } else {
    lane.pushTail(item);
    hold(core, partition, item.bytes);
  }
  if (wasEmpty) advanceLane(core, partition, lane);
}

function isMoving(state: LaneState): boolean {
  return state === 'running' || state === 'ready' || state === 'vetting';
}

/** States in which a lane starts nothing until something else has happened. */
const waiting: ReadonlySet<LaneState> = new Set(['held', 'blocked', 'gated', 'behind']);

/** A lane that waits keeps only a few records once its partition holds a lot: the rest is read again when it goes on. */
function cannotUse(core: CoreState, partition: PartitionState, lane: Lane): boolean {
  if (lane.keptCount < core.config.lookAheadCount || partition.bufferedBytes < core.config.partitionBytes / 2)
    return false;
  return lane.later !== undefined || waiting.has(lane.state);
}

function laneOf(partition: PartitionState, key: string): Lane {
  let lane = partition.lanes.get(key);
  if (lane === undefined) {
    lane = new Lane(key);
    if (partition.restored.size > 0 && partition.restored.has(lane.hash)) lane.later = [];
    partition.lanes.set(key, lane);
  }
  return lane;
}

/** A partition that holds its share first lets go of what cannot run, then its reading pauses, until half is gone. */
function limitBuffer(core: CoreState, partition: PartitionState): void {
  const { partitionBytes, trackedTasks } = core.config;
  if (partition.bufferedBytes > partitionBytes) dropWaiting(core, partition, partitionBytes / 2);
  if (partition.paused) return;
  const waitingTasks = trackedCount(partition);
  if (partition.bufferedBytes <= partitionBytes && waitingTasks <= trackedTasks) return;
  partition.paused = true;
  core.paused.add(partition);
  core.effects.push({ kind: 'pause', partition });
  if (waitingTasks <= trackedTasks) return;
  core.effects.push({
    kind: 'report',
    report: { kind: 'backlog-limit', partition: partition.partition, waitingTasks },
  });
}

/** Reading goes on where there is room again. */
export function resumeReading(core: CoreState): void {
  const { partitionBytes, trackedTasks } = core.config;
  for (const partition of core.paused) {
    if (partition.phase !== 'running') {
      core.paused.delete(partition);
      continue;
    }
    if (partition.bufferedBytes > partitionBytes / 2) continue;
    if (trackedCount(partition) > trackedTasks * 0.75) continue;
    partition.paused = false;
    core.paused.delete(partition);
    core.effects.push({ kind: 'resume', partition });
  }
}

function trackedCount(partition: PartitionState): number {
  let count = 0;
  for (const lane of partition.open) count += lane.length;
  return count;
}

/** Drops records of lanes that wait, down to their look-ahead. */
function dropWaiting(core: CoreState, partition: PartitionState, downToBytes: number): void {
  for (const lane of partition.open) {
    if (partition.bufferedBytes <= downToBytes) return;
    const running = lane.state === 'running';
    if (running && (core.runs.size >= core.config.concurrency || partition.peekReady() !== undefined))
      continue;
    letGo(core, partition, lane.dropBeyond(core.config.lookAheadCount));
  }
  for (const lane of partition.open) {
    if (partition.bufferedBytes <= downToBytes) return;
    // What is being copied is in use, and soon gone; a suspect starts when its turn has come.
    if (lane.state === 'running' || lane.state === 'parking') continue;
    const isSoon = lane.state === 'vetting' || core.memory.isNext(lane);
    letGo(core, partition, lane.dropBeyond(isSoon ? 1 : 0));
  }
}

/** A lane begins to wait: see whether its partition can afford what it keeps. */
export function dropIfUnwanted(core: CoreState, partition: PartitionState, lane: Lane): void {
  // Parked tasks that run again are few at a time, and no sweep would bring them back.
  if (lane.aside) return;
  if (partition.bufferedBytes < core.config.partitionBytes / 2 && core.budget.open) return;
  letGo(core, partition, lane.dropBeyond(core.config.lookAheadCount));
}

/**
 * The process holds all it may. When nothing that is here can run although slots are free, records that wait are let
 * go, so that what could run can be read.
 */
export function makeRoom(core: CoreState): void {
  for (const partition of core.partitions.values()) dropWaiting(core, partition, 0);
  // Somebody has a turn when all slots are taken, too: whoever has started one asks for the next.
  if (core.budget.open || core.turn.length > 0) return;
  for (const partition of core.partitions.values()) {
    if (partition.peekReady() === undefined) continue;
    // Only a full partition has ready lanes that do not start. Keep each lane's first record.
    for (const lane of partition.lanes.values()) letGo(core, partition, lane.dropBeyond(1));
  }
  for (const partition of core.partitions.values()) {
    if (core.budget.open) return;
    if (partition.full) dropReady(core, partition);
  }
}

/** Several full partitions can hold all memory with one record a lane. They keep the one that starts next. */
function dropReady(core: CoreState, partition: PartitionState): void {
  const next = partition.peekReady();
  for (const lane of partition.lanes.values()) {
    if (lane.state !== 'ready' || lane === next || lane.keptCount === 0) continue;
    letGo(core, partition, lane.dropBeyond(0));
    partition.readyDropped = true;
  }
}

/** Nothing arrives although the log goes on: either its start has passed us, or the reading is done again. */
export function tailStalled(core: CoreState, partition: PartitionState, logStart: number): void {
  if (partition.phase !== 'running' || partition.paused) return;
  if (logStart > partition.nextOffset) {
    haltLost(core, partition, logStart);
    return;
  }
  partition.gap = undefined;
  startReading(core, partition);
}

/** Reading again has shown the same offsets missing from the tail; this is where the log starts. */
export function gapChecked(
  core: CoreState,
  partition: PartitionState,
  logStart: number,
  found: number,
): void {
  const { gap } = partition;
  if (partition.phase !== 'running' || gap?.checking !== true || gap.found !== found) return;
  partition.gap = undefined;
  if (logStart > partition.nextOffset) {
    haltLost(core, partition, logStart);
    return;
  }
  // Offsets that never held a task: control records of somebody's transaction.
  partition.nextOffset = found;
  startReading(core, partition);
}

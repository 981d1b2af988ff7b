import type { CoreState } from './core-state.ts';
import { isOfKnownLeader, isSeenAgain, readSweep } from './flow.ts';
import { haltLost } from './halting.ts';
import { hold, letGo } from './held-bytes.ts';
import { type Item, Lane } from './lane.ts';
import { isMissing } from './log-seen.ts';
import type { PartitionState, Reading, RestoredRange, Sweep } from './partition-state.ts';
import { advanceLane, holdLane, queueUp } from './scheduling.ts';

/** Opens the sweeps that lanes have come to need. */
export function planSweeps(core: CoreState): void {
  // Not `clear()`: that makes a new table also of a set that is empty, and this is done after every event.
  for (const partition of core.sweepWanted) {
    planSweep(core, partition);
    core.sweepWanted.delete(partition);
  }
}

/** Opens a sweep when a lane needs records that were dropped, or restored keys are not known in full yet. */
export function planSweep(core: CoreState, partition: PartitionState): void {
  if (partition.phase !== 'running' || partition.sweep !== undefined) return;
  giveWay(core, partition);
  let from = Number.POSITIVE_INFINITY;
  let below = 0;
  const listing = new Set<Lane>();
  for (const range of partition.restored.values()) {
    from = Math.min(from, range.from);
    below = partition.restoredBelow;
  }
  for (const lane of partition.open) {
    if (lane.state !== 'fetching') continue;
    from = Math.min(from, lane.firstOffset ?? from);
    below = Math.max(below, lane.missingBelow);
    const isShort = lane.length < core.config.listedTasks / 2;
    if (lane.unlistedFrom !== undefined && isShort) listing.add(lane);
  }
  if (below === 0 && listing.size === 0) return;
  if (partition.readyDropped) below = Math.max(below, partition.nextOffset);
  const unlessListing = below;
  if (listing.size > 0) below = Math.max(below, partition.nextOffset);
  if (from >= below) {
    closeSweep(core, partition);
    return;
  }
  partition.sweepCount += 1;
  const number = partition.sweepCount;
  const sweep = { reading: undefined, at: from, below, number, listing, unlessListing, gap: undefined };
  partition.sweep = sweep;
  readSweep(core, partition, sweep);
}

/** Records further ahead give way to those that are next: a sweep without room would bring one record, again and again. */
function giveWay(core: CoreState, partition: PartitionState): void {
  if (core.budget.open && partition.bufferedBytes < core.config.partitionBytes / 2) return;
  for (const lane of partition.open) {
    if (lane.state === 'fetching') letGo(core, partition, lane.dropBeyond(0));
  }
}

/** Records of a sweep, in log order. */
export function takeSwept(core: CoreState, reading: Reading, items: readonly Item[]): void {
  const { partition } = reading;
  for (const item of items) {
    const { sweep } = partition;
    if (partition.phase !== 'running' || sweep?.reading !== reading || sweep.gap?.checking === true) return;
    if (partition.logRead.isAsked) return;
    if (item.offset < sweep.at) continue;
    if (item.offset > sweep.at) {
      sweepMisses(core, partition, sweep, item.offset);
      return;
    }
    if (!isOfKnownLeader(core, partition, item)) return;
    takeSweptItem(core, partition, sweep, item);
    if (passed(core, partition, sweep, item.offset + 1)) return;
  }
}

/** As for the tail: what is missing is read again before it is believed to be nothing. */
function sweepMisses(core: CoreState, partition: PartitionState, sweep: Sweep, found: number): void {
  if (isSeenAgain(sweep.gap, sweep.at, found)) {
    sweep.gap.checking = true;
    core.effects.push({ kind: 'check-gap', partition, of: 'sweep', found });
    return;
  }
  sweep.gap = { at: sweep.at, found, checking: false };
  readSweep(core, partition, sweep);
}

/** Reading again has shown the same offsets missing from the sweep; this is where the log starts. */
export function sweepGapChecked(
  core: CoreState,
  partition: PartitionState,
  logStart: number,
  found: number,
): void {
  const { sweep } = partition;
  if (partition.phase !== 'running' || sweep?.gap?.checking !== true || sweep.gap.found !== found) return;
  sweep.gap = undefined;
  if (logStart > sweep.at) {
    startHasPassed(core, partition, sweep, logStart);
    return;
  }
  // What is missing is passed; the sweep may end with it.
  if (!passed(core, partition, sweep, found)) readSweep(core, partition, sweep);
}

/** The sweep has come to an offset. True when that is its end. */
function passed(core: CoreState, partition: PartitionState, sweep: Sweep, at: number): boolean {
  sweep.at = at;
  if (at < sweep.below && !hasSweptEnough(core, partition, sweep)) return false;
  for (const lane of sweep.listing) endListing(core, partition, lane, at);
  if (at >= partition.nextOffset) partition.readyDropped = false;
  partition.sweep = undefined;
  core.effects.push({ kind: 'stop-sweep', partition });
  holdMissing(core, partition, sweep);
  closeSweep(core, partition);
  return true;
}

/** A sweep that has listed a lane's tasks so far ends. */
function endListing(core: CoreState, partition: PartitionState, lane: Lane, at: number): void {
  lane.listedTo(at, partition.nextOffset);
  partition.changes += 1; // where its unfinished tasks begin
  if (lane.state === 'fetching' && lane.first === undefined) advanceLane(core, partition, lane);
}

/** A task that was not listed. When there are too many again, the rest stays unlisted, and the sweep may end earlier. */
function listTask(
  core: CoreState,
  partition: PartitionState,
  sweep: Sweep,
  what: { readonly lane: Lane; readonly item: Item },
): void {
  const { lane, item } = what;
  if (lane.length >= core.config.listedTasks) {
    lane.unlist(item.offset);
    sweep.listing.delete(lane);
    if (sweep.listing.size === 0) sweep.below = sweep.unlessListing; // which it may have passed: then it ends here
    return;
  }
  const isNext = lane.length === 0;
  if (isNext || lane.keptCount < core.config.lookAheadCount || hasRoom(core, partition)) {
    lane.list(item);
    hold(core, partition, item.bytes);
  } else {
    lane.list(item.offset);
  }
  if (isNext) advanceLane(core, partition, lane);
}

/** Lanes that already waited when the sweep was opened and whose record it passed without finding it. */
function holdMissing(core: CoreState, partition: PartitionState, sweep: Sweep): void {
  for (const lane of partition.open) {
    if (lane.state !== 'fetching' || lane.fetchingSince >= sweep.number) continue;
    if (isFirstBelow(lane, sweep.at)) holdLost(core, partition, lane);
  }
}

function takeSweptItem(core: CoreState, partition: PartitionState, sweep: Sweep, item: Item): void {
  if (partition.restored.size > 0) {
    const lane = partition.lanes.get(item.key) ?? new Lane(item.key);
    const range = partition.restored.get(lane.hash);
    if (range !== undefined) {
      if (item.offset < range.from) return;
      takeRestored(core, partition, { lane, item, range });
      return;
    }
  }
  const lane = partition.lanes.get(item.key);
  if (lane?.unlistedFrom !== undefined && item.offset >= lane.unlistedFrom) {
    if (sweep.listing.has(lane)) listTask(core, partition, sweep, { lane, item });
    return;
  }
  if (lane === undefined || !wantsRecord(core, partition, lane, item.offset)) return;
  if (!lane.refill(item)) return;
  hold(core, partition, item.bytes);
  if (lane.state === 'fetching' && typeof lane.first === 'object') advanceLane(core, partition, lane);
}

function takeRestored(
  core: CoreState,
  partition: PartitionState,
  found: {
    readonly lane: Lane;
    readonly item: Item;
    readonly range: RestoredRange;
  },
): void {
  const { lane, item, range } = found;
  lane.later ??= [];
  partition.lanes.set(item.key, lane);
  if (lane.unlistedFrom !== undefined && item.offset >= lane.unlistedFrom) return;
  if (lane.length >= core.config.listedTasks) {
    letGo(core, partition, lane.unlist(item.offset));
    return;
  }
  const wasEmpty = lane.length === 0;
  if (lane.keptCount < core.config.lookAheadCount || hasRoom(core, partition)) {
    lane.pushSwept(item);
    hold(core, partition, item.bytes);
  } else {
    lane.pushSwept(item.offset);
  }
  if (!wasEmpty) return;
  if (item.offset === range.from) {
    lane.attempts = range.attempts;
    lane.firstFailedAtMs = range.firstFailedAtMs;
    lane.starts = range.starts;
  }
  advanceLane(core, partition, lane);
}

/** Whether a record that was dropped is wanted back now: what runs dry always, the rest while there is room. */
function wantsRecord(core: CoreState, partition: PartitionState, lane: Lane, offset: number): boolean {
  switch (lane.state) {
    case 'fetching':
      return lane.firstOffset === offset || hasRoom(core, partition);
    case 'ready':
    case 'running':
      return hasRoom(core, partition);
    default:
      return lane.keptCount < core.config.lookAheadCount && hasRoom(core, partition);
  }
}

function hasRoom(core: CoreState, partition: PartitionState): boolean {
  return core.budget.open && partition.bufferedBytes < core.config.partitionBytes;
}

/** A sweep that only refills lanes ends early when there is no room and nobody waits for it; it is opened again later. */
function hasSweptEnough(core: CoreState, partition: PartitionState, { at, listing }: Sweep): boolean {
  if (partition.restored.size > 0 || hasRoom(core, partition)) return false;
  for (const lane of partition.open) {
    if (lane.state !== 'fetching') continue;
    if (listing.has(lane) || (lane.firstOffset ?? 0) >= at) return false;
  }
  return true;
}

function closeSweep(core: CoreState, partition: PartitionState): void {
  if (partition.restored.size > 0) {
    partition.restored.clear();
    partition.full = false; // the ranges took their share of what a commit can say
    partition.changes += 1;
    for (const lane of partition.lanes.values()) {
      if (lane.later === undefined) continue;
      const wasEmpty = lane.length === 0;
      lane.closeSweep();
      if (wasEmpty) advanceLane(core, partition, lane);
    }
  }
  queueUp(core, partition);
  planSweep(core, partition);
}

/** A sweep brings nothing: either the log's start has passed it, or the reading is done again. */
export function sweepStalled(core: CoreState, partition: PartitionState, logStart: number): void {
  const { sweep } = partition;
  if (partition.phase !== 'running' || sweep === undefined) return;
  sweep.gap = undefined;
  if (logStart > sweep.at) startHasPassed(core, partition, sweep, logStart);
  else readSweep(core, partition, sweep);
}

/** The log does not hold what the sweep was to bring next; perhaps nobody needs that. */
function startHasPassed(core: CoreState, partition: PartitionState, sweep: Sweep, logStart: number): void {
  if (isMissing(partition, logStart)) haltLost(core, partition, logStart);
  else if (!passed(core, partition, sweep, logStart)) readSweep(core, partition, sweep);
}

function isFirstBelow(lane: Lane, offset: number): boolean {
  return (lane.firstOffset ?? offset) < offset;
}

function holdLost(core: CoreState, partition: PartitionState, lane: Lane): void {
  holdLane(core, partition, lane, { reason: 'data-loss', dueMs: Number.POSITIVE_INFINITY });
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'key-held',
      partition: partition.partition,
      item: undefined,
      offset: lane.firstOffset ?? 0, // a lane that waits has one
      key: lane.key,
      reason: 'data-loss',
      attempts: lane.attempts,
      error: undefined,
    },
  });
}

import type { CoreState } from './core-state.ts';
import { hold } from './held-bytes.ts';
import { type ParkedFound, type ParkedWant, type Redrive, wantsMore } from './parked.ts';
import type { PartitionState } from './partition-state.ts';
import { finishIfDone, holdLost } from './redriving.ts';
import { advanceLane } from './scheduling.ts';

const WANT_COUNT = 32;
const WANT_BYTES = 1_048_576;
/** Keys of a partition that are read for in one go. */
const WANTS_AT_ONCE = 64;
/** Asks for parked tasks where they run out. */
export function planParkedReads(core: CoreState): void {
  for (const partition of core.parkedWanted) {
    if (partition.phase !== 'running') {
      core.parkedWanted.delete(partition);
      continue;
    }
    if (partition.parkedJob !== undefined) continue;
    core.parkedWanted.delete(partition);
    const wants: ParkedWant[] = [];
    const job = new Map<number, Redrive>();
    for (const redrive of partition.redrives.values()) {
      if (wants.length === WANTS_AT_ONCE) break;
      if (!wantsMore(redrive)) continue;
      wants.push(wantOf(core, redrive));
      job.set(redrive.parked.mark, redrive);
    }
    if (wants.length === 0) continue;
    partition.parkedJob = job;
    core.effects.push({ kind: 'read-parked', partition, wants });
  }
}

function wantOf(core: CoreState, { parked, nextParked, topicId, readTo }: Redrive): ParkedWant {
  const count = parked.scope === 'task' || !core.budget.open ? 1 : WANT_COUNT;
  return { mark: parked.mark, after: readTo, from: nextParked, topicId, count, bytes: WANT_BYTES };
}

/** Parked tasks have been read. */
export function parkedRead(core: CoreState, partition: PartitionState, found: readonly ParkedFound[]): void {
  const job = partition.parkedJob;
  partition.parkedJob = undefined;
  if (partition.phase !== 'running') return;
  for (const one of found) {
    const redrive = job?.get(one.mark);
    // A redrive that has failed and was begun again meanwhile is not the one that was read for.
    if (redrive === undefined || redrive.parked.redrive !== redrive || redrive.parked.stage !== 'redriving')
      continue;
    takeFound(core, partition, redrive, one);
  }
  core.parkedWanted.add(partition);
}

function takeFound(core: CoreState, partition: PartitionState, redrive: Redrive, found: ParkedFound): void {
  const { parked, lane } = redrive;
  redrive.topicId = found.topicId;
  if (found.lostBelow > 0) {
    redrive.lost = true;
    // Of a topic that was made anew: released, it goes on with what there is.
    redrive.nextParked = Math.min(redrive.nextParked, found.next);
    if (lane.state !== 'running') holdLost(core, partition, redrive);
    return;
  }
  const wasEmpty = lane.length === 0;
  for (const item of found.items) {
    if (item.offset <= redrive.readTo) continue;
    redrive.readTo = item.offset;
    if (parked.discarded.has(item.offset)) continue;
    lane.pushTail(item);
    hold(core, partition, item.bytes);
  }
  redrive.nextParked = found.next;
  redrive.atEnd = found.atEnd;
  if (lane.length === 0) finishIfDone(core, partition, redrive);
  else if (wasEmpty) advanceLane(core, partition, lane);
}

import type { CoreState } from './core-state.ts';
import { letGo } from './held-bytes.ts';
import type { Item, Lane } from './lane.ts';
import { type Copy, type MarkPlace, type MarkRequest, type ParkCause, Parked } from './parked.ts';
import { FORGET_DONE_COUNT, type PartitionState } from './partition-state.ts';
import { advanceLane, moveLane, reconsider } from './scheduling.ts';

/** How many tasks of a key are on their way to the parked topic at once. */
const COPY_COUNT = 64;
const COPY_BYTES = 1_048_576;

/** Pauses before what was not copied is copied again: this, then twice as long each time. */
const COPY_AGAIN_MS = 500;
const COPY_AGAIN_AT_MOST_MS = 30_000;

/** That it cannot be copied is told once in so long. */
const TELL_STUCK_MS = 600_000;

/** What becomes of a lane's first task that may start: it runs, goes to the parked topic, or waits for parked ones. */
export type LaneTurn =
  | { readonly kind: 'run' }
  | { readonly kind: 'copy'; readonly parked: Parked }
  | { readonly kind: 'behind' };

export function turnOf(partition: PartitionState, lane: Lane, offset: number): LaneTurn {
  // A single task keeps its own mark when its key is parked later, or it would be in both lists. Its owner may have ended
  // between MARK and copy: the copy is made before the mark is ended.
  const single = partition.parkedTasks.get(offset);
  if (single?.key === lane.key && (!single.isEnding || single.stage === 'settling'))
    return { kind: 'copy', parked: single };
  const parked = partition.parkedKeys.get(lane.key);
  if (parked?.covers(offset) === true) {
    const isCopied = !parked.isEnding || offset < settledFrom(partition, parked);
    return isCopied ? { kind: 'copy', parked } : { kind: 'behind' };
  }
  // Before a mark that is ending come the tasks that are older than it; after a single task, none may overtake it.
  const ending = partition.ending.get(lane.key);
  const isOlder = ending === undefined || (offset < ending.from && !ending.former);
  return { kind: isOlder ? 'run' : 'behind' };
}

/**
 * A mark is ended when its key has nothing unfinished below. An owner may have ended between copies and the commit that
 * says so: what is redriven or discarded would then come back from the queue, in the hands of whoever is next at the
 * latest, unless it is copied, and committed, once more.
 */
export function settledFrom(partition: PartitionState, parked: Parked): number {
  if (parked.former) return 0;
  if (parked.scope === 'task') return parked.from + 1;
  return Math.max(parked.from, partition.copiedBelow);
}

/** A commit that was overtaken by an older one brings tasks back that have been done as parked ones since. */
export function isDoneAside(partition: PartitionState, key: string, offset: number): boolean {
  return offset <= (partition.doneAside.get(key) ?? -1);
}

/** What is below the committed offset is not read from the queue again. */
export function forgetDoneAside(partition: PartitionState): void {
  const { doneAside, committedFrontier } = partition;
  if (doneAside.size < partition.forgetDoneAtCount) return;
  for (const [key, upTo] of doneAside) if (upTo < committedFrontier) doneAside.delete(key);
  // So that what must be kept is not looked through with every commit.
  partition.forgetDoneAtCount = Math.max(FORGET_DONE_COUNT, 2 * doneAside.size);
}

/** Begins to park a key from a task on, or a single task. Nothing is copied before the MARK is written. */
export function park(
  core: CoreState,
  partition: PartitionState,
  what: {
    readonly key: string;
    readonly scope: 'key' | 'task';
    readonly from: number;
    readonly item: Item | undefined;
    readonly attempts: number;
    readonly cause: ParkCause;
  },
): void {
  const parked = new Parked({ key: what.key, scope: what.scope, from: what.from, stage: 'marking' });
  parked.cause = { offset: what.from, attempts: what.attempts, cause: what.cause };
  if (what.scope === 'key') partition.parkedKeys.set(what.key, parked);
  else partition.parkedTasks.set(what.from, parked);
  partition.openWrites += 1;
  const mark: MarkRequest = { parked, item: what.item, cause: what.cause, atMs: core.wallMs };
  core.effects.push({ kind: 'mark', partition, mark });
}

/** The MARK is in the journal: from here on the key counts as parked, for every owner. */
export function marked(
  core: CoreState,
  partition: PartitionState,
  request: MarkRequest,
  at: MarkPlace,
): void {
  const { parked, item, cause } = request;
  partition.openWrites -= 1;
  if (partition.phase === 'gone') return;
  parked.mark = at.mark;
  parked.parkedFrom = at.parkedFrom;
  parked.parkedTopicId = at.parkedTopicId;
  parked.move('parked');
  partition.marks.set(at.mark, parked);
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'parked',
      partition: partition.partition,
      key: parked.key,
      scope: parked.scope,
      mark: parked.mark,
      offset: parked.from,
      item,
      reason: cause.reason,
      error: cause.error,
    },
  });
  if (cause.command !== '')
    reportDone(core, partition, { id: cause.command, verb: 'park', outcome: 'parked' });
  reconsider(core, partition, partition.lanes.get(parked.key));
}

/** Sends the first tasks of a lane to the parked topic. They count as finished when the copies are durable. */
export function copyFirst(
  core: CoreState,
  partition: PartitionState,
  what: {
    readonly lane: Lane;
    readonly item: Item;
    readonly parked: Parked;
    readonly fits: (offset: number) => boolean;
  },
): void {
  const { lane, item, parked, fits } = what;
  moveLane(core, partition, lane, 'parking');
  if (parked.stage === 'marking' || parked.copying !== undefined) return;
  let items = copiedTogether(partition, what);
  let last = items.at(-1) ?? item;
  // The first one may start, so it fits. Between it and the last one may be more keys than a commit can list.
  if (last !== item && !fits(last.offset)) {
    items = [item];
    last = item;
  }
  partition.startedBelow = Math.max(partition.startedBelow, last.offset + 1);
  const cause = item.offset === parked.cause?.offset ? parked.cause : undefined;
  const copy: Copy = { parked, lane, items, cause: cause?.cause, attempts: cause?.attempts ?? 0 };
  parked.copying = copy;
  partition.openWrites += 1;
  core.effects.push({ kind: 'copy', partition, copy });
}

function copiedTogether(
  partition: PartitionState,
  { lane, item, parked }: { readonly lane: Lane; readonly item: Item; readonly parked: Parked },
): readonly Item[] {
  const items = [item];
  for (const next of lane.front(COPY_COUNT, COPY_BYTES).slice(1)) {
    if (!goesOn(partition, { lane, parked, offset: next.offset })) break;
    items.push(next);
  }
  return items;
}

/** Whether a task goes to the parked topic with those before it. What is copied is below the horizon, like all starts. */
function goesOn(
  partition: PartitionState,
  what: { readonly lane: Lane; readonly parked: Parked; readonly offset: number },
): boolean {
  const { lane, parked, offset } = what;
  if (offset >= partition.horizon) return false;
  const turn = turnOf(partition, lane, offset);
  return turn.kind === 'copy' && turn.parked === parked;
}

/**
 * The copies are durable: in the queue these tasks are finished. There may be fewer than were to be made, or none: those
 * that are left have their turn again.
 */
export function copied(core: CoreState, partition: PartitionState, copy: Copy): void {
  const { parked, lane, items } = copy;
  partition.openWrites -= 1;
  if (partition.phase === 'gone') return;
  parked.copying = undefined;
  parked.copyFailures = 0;
  parked.stuck = undefined;
  parked.tellStuckAtMs = 0;
  if (items.length > 0) parked.cause = undefined;
  for (const item of items) {
    if (lane.firstOffset !== item.offset) throw new Error('a lane moved while its first tasks were copied');
    shiftFirst(core, partition, lane);
    parked.copiedTo = Math.max(parked.copiedTo, item.offset);
  }
  partition.changes += 1;
  partition.progressAtMs = core.nowMs;
  parked.copiedChanges = partition.changes;
  advanceLane(core, partition, lane);
}

/**
 * Copies were not made, and are made again after so long. `stuckOn`: something that may need people, such as a store that is
 * out of reach: it is said, once in a while, for as long as that lasts.
 */
export function copyFailed(
  core: CoreState,
  partition: PartitionState,
  { parked, items }: Copy,
  stuckOn: unknown,
): number {
  const [item] = items;
  parked.stuck = stuckOn === undefined || item === undefined ? undefined : { item, error: stuckOn };
  if (parked.stuck !== undefined && core.nowMs >= parked.tellStuckAtMs) {
    parked.tellStuckAtMs = core.nowMs + TELL_STUCK_MS;
    const about = { partition: partition.partition, key: parked.key, mark: parked.mark };
    core.effects.push({ kind: 'report', report: { kind: 'parking-stuck', ...about, ...parked.stuck } });
  }
  const delayMs = Math.min(COPY_AGAIN_MS * 2 ** parked.copyFailures, COPY_AGAIN_AT_MOST_MS);
  parked.copyFailures += 1;
  partition.openWrites -= 1; // nothing is under way: it keeps nobody from giving the partition up
  return delayMs;
}

/** The time has come to make copies again. Whoever has the partition next does it when it is being given up. */
export function copyAgain(core: CoreState, partition: PartitionState, copy: Copy): void {
  if (partition.phase !== 'running') return;
  partition.openWrites += 1;
  core.effects.push({ kind: 'copy', partition, copy });
}

/** Whether somebody has asked that this parked task, or all of its mark, be discarded: then its copy is for nobody. */
export function isDiscarded(partition: PartitionState, parked: Parked, offset: number): boolean {
  if (parked.discarded.has(offset)) return true;
  const asked = parked.command === undefined ? partition.commands : [parked.command, ...partition.commands];
  return asked.some(({ verb }) => {
    if (verb.name === 'discard') return verb.mark === parked.mark;
    return verb.name === 'discard-task' && verb.mark === parked.mark && verb.offset === offset;
  });
}

/** The first task of a lane that is not running is finished. */
export function shiftFirst(core: CoreState, partition: PartitionState, lane: Lane): void {
  const before = lane.keptBytes;
  lane.shift();
  letGo(core, partition, before - lane.keptBytes);
}

export function reportDone(
  core: CoreState,
  partition: PartitionState,
  done: { readonly id: string; readonly verb: string; readonly outcome: string },
): void {
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'command-done',
      partition: partition.partition,
      command: done.id,
      verb: done.verb,
      outcome: done.outcome,
    },
  });
}

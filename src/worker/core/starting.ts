import { LANES_THAT_ALWAYS_FIT, metadataFits } from './commit-metadata.ts';
import type { CoreState, TypeState } from './core-state.ts';
import { askForRoomAgain, delay, makeRoomOfDelayed, waitsUnlisted } from './delaying.ts';
import type { Run } from './effects.ts';
import { dropIfUnwanted, makeRoom } from './flow.ts';
import { isHeldByOperator } from './holds.ts';
import type { Item, Lane } from './lane.ts';
import { callForMemory, giveBackUnused, hasMemory, takeMemory } from './memory-gate.ts';
import { copyFirst, isDoneAside, turnOf } from './parking.ts';
import type { PartitionState } from './partition-state.ts';
import { advanceLane, holdLane, moveLane, queueUp } from './scheduling.ts';
import { finishFirst, skipFirst, skipOf } from './skipping.ts';
import { admitSuspect, admittedAlone, suspectStarted } from './suspects.ts';
import { callWaiting, mayStart } from './type-limits.ts';

const FULL_REPORT_MS = 60_000;
/** Looking for records that can leave is work; meanwhile some leave by themselves. */
const MAKE_ROOM_MS = 25;

/** Starts what may start: partitions take turns, within a partition the lowest offset goes first. */
export function startReady(core: CoreState): void {
  giveBackUnused(core);
  if (core.suspectGate.closed) {
    startAlone(core);
    return;
  }
  askForRoomAgain(core);
  releaseProbes(core);
  makeRoomForStarts(core);
  callAll(core);
  do startInTurn(core);
  while (hasSlot(core) && callAll(core));
}

/** Whoever has waited for memory has waited for its type's limit before: it comes first. */
function callAll(core: CoreState): boolean {
  const anyForMemory = !core.stopping && callForMemory(core);
  return callWaiting(core) || anyForMemory;
}

/** A start of this worker or of another waits for records to leave: those that cannot run are in its way. */
function makeRoomForStarts(core: CoreState): void {
  const { budget, memory, nowMs } = core;
  if (!budget.wantsRoom || budget.open || nowMs - memory.madeRoomAtMs < MAKE_ROOM_MS) return;
  memory.madeRoomAtMs = nowMs;
  makeRoom(core);
}

function hasSlot(core: CoreState): boolean {
  return !core.stopping && core.runs.size < core.config.concurrency;
}

function startInTurn(core: CoreState): void {
  const { turn } = core;
  let at = 0;
  while (hasSlot(core)) {
    const partition = turn[at];
    if (partition === undefined) break;
    at += 1;
    partition.queued = false;
    if (partition.phase !== 'running' || partition.committedChanges < partition.frozenUntil) continue;
    // Parked tasks that run again do not wait for what keeps the queue's next task from starting.
    if (startFirst(core, partition) || partition.peekAside() !== undefined) queueUp(core, partition);
  }
  turn.splice(0, at);
}

/** The process is closed to all but one task. */
function startAlone(core: CoreState): void {
  const alone = core.stopping ? undefined : admittedAlone(core);
  if (alone === undefined) return;
  const { partition, lane } = alone;
  if (typeof lane.first === 'object') takeTurn(core, partition, lane, lane.first);
}

/** True when the partition may have more to start. */
function startFirst(core: CoreState, partition: PartitionState): boolean {
  const lane = nextLane(partition);
  if (lane === undefined) return false;
  const item = lane.first;
  if (typeof item !== 'object') return fetchFirst(core, partition, lane);
  if (lane.aside) {
    partition.asideReady.shift();
    startLane(core, partition, lane, item);
    return true;
  }
  if (item.offset >= partition.horizon) {
    // A commit has to say first that it may have been started. Its acknowledgement brings the partition's next turn.
    partition.wantedBelow = item.offset + 1;
    if (!partition.dirty) partition.changes += 1;
    core.commitUrgent = true;
    return false;
  }
  if (!fitsOneMore(partition, item.offset)) {
    if (waitsUnlisted(core, partition, lane, item)) {
      partition.ready.pop();
      return true;
    }
    if (makeRoomOfDelayed(core, partition)) return true;
    partition.full = true;
    reportFull(core, partition);
    return false;
  }
  partition.ready.pop();
  takeTurn(core, partition, lane, item);
  return true;
}

/** The record of a lane whose turn has come was let go. One is fetched at a time, and what has room comes with it. */
function fetchFirst(core: CoreState, partition: PartitionState, lane: Lane): boolean {
  // The end of the sweep brings the partition's next turn.
  if (partition.sweep !== undefined || core.sweepWanted.has(partition)) return false;
  partition.ready.pop();
  advanceLane(core, partition, lane);
  return true;
}

function takeTurn(core: CoreState, partition: PartitionState, lane: Lane, item: Item): void {
  if (isDoneAside(partition, lane.key, item.offset)) {
    finishFirst(core, partition, lane, item);
    return;
  }
  const turn = turnOf(partition, lane, item.offset);
  if (turn.kind === 'run') {
    startLane(core, partition, lane, item);
  } else if (turn.kind === 'behind') {
    moveLane(core, partition, lane, 'behind');
  } else {
    const fits = (offset: number): boolean => fitsUpTo(partition, offset);
    copyFirst(core, partition, { lane, item, parked: turn.parked, fits });
  }
}

/** Said once in a while: with many keys waiting for a limit, room comes and goes with each of them. */
function reportFull(core: CoreState, partition: PartitionState): void {
  if (core.nowMs < partition.nextFullReportMs) return;
  partition.nextFullReportMs = core.nowMs + FULL_REPORT_MS;
  core.effects.push({
    kind: 'report',
    report: { kind: 'partition-full', partition: partition.partition, openKeys: partition.open.size },
  });
}

/** Lines of parked tasks and those of the queue take turns. */
function nextLane(partition: PartitionState): Lane | undefined {
  const aside = partition.peekAside();
  const lane = partition.peekReady();
  if (aside === undefined || lane === undefined) return aside ?? lane;
  partition.asideTurn = !partition.asideTurn;
  return partition.asideTurn ? aside : lane;
}

/** Runs the first task of a lane, unless something stands against it. */
function startLane(core: CoreState, partition: PartitionState, lane: Lane, item: Item): void {
  const skip = skipOf(core, partition, lane, item);
  if (skip !== undefined) {
    skipFirst(core, partition, { lane, item, command: skip });
    return;
  }
  if (isHeldByOperator(core, partition, lane, item)) {
    holdLane(core, partition, lane, { reason: 'operator', dueMs: Number.POSITIVE_INFINITY });
    dropIfUnwanted(core, partition, lane);
    return;
  }
  if (delay(core, partition, lane, item)) return;
  // While the lane was ready another worker of this process may have been handling the key.
  const name = core.keyName(lane);
  if (core.liveKeys.has(name)) {
    moveLane(core, partition, lane, 'blocked');
    core.effects.push({ kind: 'await-key', partition, lane });
    return;
  }
  const type = core.type(item.type);
  if (type.outage.down && core.nowMs < nextProbeAtMs(type)) {
    moveLane(core, partition, lane, 'gated');
    type.waiting.set(lane, partition);
    return;
  }
  if (!mayStart(core, type, lane)) {
    moveLane(core, partition, lane, 'gated');
    type.limit?.waiting.set(lane, partition);
    dropIfUnwanted(core, partition, lane);
    return;
  }
  if (!hasMemory(core, partition, lane, item)) return;
  if (!lane.aside && item.offset < partition.suspectBelow && !admitSuspect(core, partition, lane, item))
    return;
  const run: Run = { partition, lane, item, attempt: lane.attempts + 1, reservation: takeMemory(core, lane) };
  moveLane(core, partition, lane, 'running');
  partition.runningCount += 1;
  if (!lane.aside) partition.startedBelow = Math.max(partition.startedBelow, item.offset + 1);
  type.runningCount += 1;
  type.limit?.started(lane, core.nowMs);
  if (type.outage.down) noteProbe(core, type, run);
  core.liveKeys.add(name);
  core.runs.add(run);
  core.runOf.set(lane, run);
  if (lane.charged) suspectStarted(core, run);
  core.effects.push({ kind: 'start', run });
}

/**
 * A task starts only when a commit can still say exactly what is finished with it finished and all else not. Starts go
 * by offset, so the keys with something unfinished below the highest start are those that cannot start now, whether
 * they were started or not.
 */
function fitsOneMore(partition: PartitionState, offset: number): boolean {
  const openCount = partition.open.size + partition.restored.size;
  return openCount < LANES_THAT_ALWAYS_FIT || fitsUpTo(partition, offset);
}

/** The same when more keys may be unfinished below an offset than those that cannot start now. */
function fitsUpTo(partition: PartitionState, offset: number): boolean {
  return (
    offset < partition.startedBelow || metadataFits(partition.commitState(partition.statePin, offset + 1))
  );
}

/**
 * When the next probe of a type in outage may start: its time has come, and the one before it has ended. A handler that
 * hangs is not waited for without limit, or its type would never go on.
 */
function nextProbeAtMs(type: TypeState): number {
  return type.probe === undefined
    ? type.outage.probeAtMs
    : Math.max(type.outage.probeAtMs, type.probeUntilMs);
}

/** The more probes hang, the longer the next one waits: they must not take all slots. */
function noteProbe(core: CoreState, type: TypeState, run: Run): void {
  type.probePatienceMs = type.probe === undefined ? core.config.probe.maxMs * 2 : type.probePatienceMs * 2;
  type.probeUntilMs = core.nowMs + type.probePatienceMs;
  type.probe = run;
}

/** A type in outage is probed with one task at a time: one whose key has not failed yet if there is one. */
function releaseProbes(core: CoreState): void {
  for (const type of core.types.values()) {
    // Asked at each event: as a rule nothing waits.
    if (type.waiting.size === 0 || core.nowMs < nextProbeAtMs(type)) continue;
    const probe = chooseProbe(type.waiting);
    if (probe === undefined) continue;
    type.waiting.delete(probe.lane);
    advanceLane(core, probe.partition, probe.lane);
  }
}

function chooseProbe(
  waiting: Map<Lane, PartitionState>,
): { lane: Lane; partition: PartitionState } | undefined {
  let chosen: { lane: Lane; partition: PartitionState } | undefined;
  for (const [lane, partition] of waiting) {
    if (lane.state !== 'gated' || partition.phase !== 'running') {
      waiting.delete(lane);
      continue;
    }
    if (lane.attempts === 0) return { lane, partition };
    chosen ??= { lane, partition };
  }
  return chosen;
}

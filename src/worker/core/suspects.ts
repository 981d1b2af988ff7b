import { metadataFits, type UnfinishedLane } from './commit-metadata.ts';
import type { CoreState } from './core-state.ts';
import type { Run } from './effects.ts';
import type { TakingVerdict } from './judge-taking.ts';
import type { Item, Lane } from './lane.ts';
import type { PartitionState } from './partition-state.ts';
import { advanceLane, moveLane } from './scheduling.ts';
import { giveUp } from './settling.ts';
import { QUIET_PATIENCE_MS, type Suspect } from './suspect-list.ts';

/**
 * Which tasks of a partition that is taken may have ended their process; returns what is unfinished, with how often each
 * was started as a suspect.
 */
export function inheritSuspects(
  core: CoreState,
  partition: PartitionState,
  verdict: Extract<TakingVerdict, { kind: 'start' }>,
  logEnd: number,
): readonly UnfinishedLane[] {
  const { trusted, clean, lanes } = verdict;
  partition.startAhead = core.config.startAhead.min;
  partition.suspectBelow = 0;
  if (trusted === undefined || clean) return lanes;
  const own = core.ownEpochs.get(partition.partition);
  if (own?.epoch !== trusted.epoch) {
    partition.suspectBelow = Math.min(trusted.horizon, logEnd);
    return lanes;
  }
  // The partition was lost, but this very process had it and is alive: nothing has ended it.
  partition.suspectBelow = Math.min(own.suspectBelow, logEnd);
  return lanes.map((lane) => ({ ...lane, starts: Math.min(lane.starts, own.starts.get(lane.offset) ?? 0) }));
}

/** Remembers what was inherited, for when the partition is lost and comes back to this process. */
export function ownPartition(
  core: CoreState,
  { partition, epoch, suspectBelow, takenState }: PartitionState,
): void {
  const starts = new Map(takenState?.lanes.map((lane) => [lane.offset, lane.starts]));
  core.ownEpochs.set(partition, { epoch, suspectBelow, starts });
}

/** What a task below the horizon needs before it may start. False: it waits, or was given up. */
export function admitSuspect(core: CoreState, partition: PartitionState, lane: Lane, item: Item): boolean {
  if (lane.charged) return true; // and ready: a commit that says so is acknowledged
  if (lane.starts >= core.config.suspectStarts) {
    const error = new Error(
      `its process ended ${lane.starts + 1} times while it may have been running, the last time with nothing else running`,
    );
    giveUp(core, { partition, lane, item }, 'crash-loop', error);
    return false;
  }
  // Whatever starts above it must be able to say in a commit that it is not finished.
  partition.startedBelow = Math.max(partition.startedBelow, item.offset + 1);
  moveLane(core, partition, lane, 'vetting');
  queueSuspect(core, partition, lane);
  return false;
}

function queueSuspect(core: CoreState, partition: PartitionState, lane: Lane): void {
  const { waiting, waitingAlone } = core.suspects;
  const [into, other] = lane.starts > 0 ? [waitingAlone, waiting] : [waiting, waitingAlone];
  into.set(lane, partition);
  other.delete(lane);
}

/** A suspect was started. */
export function suspectStarted(core: CoreState, run: Run): void {
  const suspect = core.suspects.underWay.get(run.lane);
  if (suspect === undefined) return;
  suspect.stage = 'running';
  suspect.run = run;
}

/** The one that may start although the process is closed to all others. */
export function admittedAlone(core: CoreState): Suspect | undefined {
  const holder = holderOf(core);
  if (holder?.stage !== 'admitted') return undefined;
  const { committedChanges, frozenUntil } = holder.partition;
  return committedChanges >= frozenUntil ? holder : undefined;
}

/** The one of this worker for which the process is closed. */
function holderOf(core: CoreState): Suspect | undefined {
  return [...core.suspects.underWay.values()].find((one) => core.suspectGate.isHeldBy(one));
}

/** Looks after all suspects: what has happened since the last event, and who comes next. */
export function tendSuspects(core: CoreState): void {
  if (core.suspects.idle) return; // asked twice at each event: as a rule there are none
  for (const suspect of core.suspects.underWay.values()) tend(core, suspect);
  if (core.stopping) return;
  letOneRunAlone(core);
  letSomeRun(core);
}

function tend(core: CoreState, suspect: Suspect): void {
  const { partition, stage, changes } = suspect;
  if (partition.phase === 'gone') remove(core, suspect);
  else if (stage === 'running') tendRunning(core, suspect);
  else if (stage !== 'clearing') tendStarting(core, suspect);
  else if (partition.committedChanges >= changes) remove(core, suspect);
}

function tendStarting(core: CoreState, suspect: Suspect): void {
  const { partition, lane } = suspect;
  // Another is to run alone: what is not running must not share its crash.
  const overtaken = core.suspectGate.closed && !core.suspectGate.isHeldBy(suspect);
  if (partition.phase !== 'running' || core.stopping || overtaken) {
    withdraw(core, suspect);
    return;
  }
  if (suspect.stage === 'quieting') tendQuieting(core, suspect);
  if (suspect.stage === 'writing' && isWritten(core, suspect)) {
    suspect.stage = 'admitted';
    advanceLane(core, partition, lane);
  }
  // Not started after all: it is held, parked or skipped, or its record is not here.
  const inPlace = lane.state === 'ready' && lane.charged;
  if (suspect.stage === 'admitted' && !inPlace) withdraw(core, suspect);
}

function isWritten(core: CoreState, { partition, changes, alone }: Suspect): boolean {
  if (partition.committedChanges < changes) return false;
  if (!alone) return true;
  // A commit may be acknowledged for one partition and refused for another.
  return ![...core.suspects.underWay.values()].some(({ stage }) => stage === 'clearing');
}

function tendRunning(core: CoreState, suspect: Suspect): void {
  const { partition, lane, run } = suspect;
  if (run === undefined) return;
  const ended = !core.runs.has(run);
  // Void, but perhaps not at its end: whatever it does to its process from here on, its partition has left that.
  if (!ended && core.runOf.get(lane) === run) return;
  lane.charged = false;
  partition.changes += 1;
  if (ended) lane.starts = 0; // well or with a failure: it has not ended its process
  if (suspect.alone) clear(core, suspect);
  else remove(core, suspect);
}

function tendQuieting(core: CoreState, suspect: Suspect): void {
  const { suspects } = core;
  if (core.liveKeys.size === 0) {
    suspects.pauseMs = QUIET_PATIENCE_MS;
    write(core, suspect);
  } else if (core.nowMs - suspect.sinceMs > QUIET_PATIENCE_MS) {
    suspects.pauseMs *= 2;
    suspects.notAloneBeforeMs = core.nowMs + suspects.pauseMs;
    withdraw(core, suspect);
  }
}

function withdraw(core: CoreState, suspect: Suspect): void {
  const { partition, lane } = suspect;
  if (!lane.charged) {
    remove(core, suspect);
    return;
  }
  lane.charged = false;
  partition.changes += 1;
  if (suspect.alone) clear(core, suspect);
  else remove(core, suspect);
}

/** What a commit said of one that was to run alone is taken back before anything else can end the process. */
function clear(core: CoreState, suspect: Suspect): void {
  suspect.stage = 'clearing';
  suspect.changes = suspect.partition.changes;
  core.commitUrgent = true;
}

function remove(core: CoreState, suspect: Suspect): void {
  core.suspects.underWay.delete(suspect.lane);
  core.suspectGate.leave();
  core.suspectGate.open(suspect);
  const { partition, lane } = suspect;
  if (lane.state === 'vetting') queueSuspect(core, partition, lane);
}

/** The next one that is to run alone. One follows another at once: then a single commit ends one and begins the next. */
function letOneRunAlone(core: CoreState): void {
  const { suspects, suspectGate } = core;
  // Told of every event: as a rule nobody waits.
  if (suspects.waitingAlone.size === 0 || core.nowMs < suspects.notAloneBeforeMs) return;
  const holder = holderOf(core);
  if (suspectGate.closed && holder?.stage !== 'clearing') return;
  const next = takeWaiting(core, suspects.waitingAlone);
  if (next === undefined) return;
  const suspect = underWay(core, { ...next, alone: true, stage: 'quieting' });
  suspectGate.open(holder);
  suspectGate.close(suspect);
  for (const one of suspects.underWay.values()) tend(core, one);
}

function underWay(core: CoreState, what: Pick<Suspect, 'partition' | 'lane' | 'alone' | 'stage'>): Suspect {
  const suspect: Suspect = { ...what, changes: 0, run: undefined, sinceMs: core.nowMs };
  core.suspects.underWay.set(suspect.lane, suspect);
  core.suspectGate.enter();
  return suspect;
}

function letSomeRun(core: CoreState): void {
  const { suspects, suspectGate, config } = core;
  while (!suspectGate.closed && suspectGate.underWay < config.suspectsAtOnce) {
    const next = takeWaiting(core, suspects.waiting);
    if (next === undefined) return;
    const suspect = underWay(core, { ...next, alone: false, stage: 'writing' });
    if (write(core, suspect)) continue;
    remove(core, suspect); // once others of its partition are through
    return;
  }
}

/** Has its start written down; false when a commit has no room for it. One that is to run alone holds up everything. */
function write(core: CoreState, suspect: Suspect): boolean {
  const { partition, lane } = suspect;
  lane.charged = true;
  if (!suspect.alone && !metadataFits(partition.commitState(partition.statePin))) {
    lane.charged = false;
    return false;
  }
  suspect.stage = 'writing';
  partition.changes += 1;
  suspect.changes = partition.changes;
  core.commitUrgent = true;
  return true;
}

/** The first that still waits and whose record is here. */
function takeWaiting(
  core: CoreState,
  waiting: Map<Lane, PartitionState>,
): { readonly lane: Lane; readonly partition: PartitionState } | undefined {
  for (const [lane, partition] of waiting) {
    waiting.delete(lane);
    if (partition.phase !== 'running') continue;
    if (typeof lane.first === 'object') return { lane, partition };
    advanceLane(core, partition, lane); // it has to be read again first
  }
  return undefined;
}

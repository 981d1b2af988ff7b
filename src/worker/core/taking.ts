import { acceptedBy, answerAcceptances, tellAccepted } from './accepting.ts';
import { obeyWaiting, restoreMarks } from './commanding.ts';
import { encodeMetadata } from './commit-metadata.ts';
import type { CoreState } from './core-state.ts';
import { startReading } from './flow.ts';
import { halt } from './halting.ts';
import { reportFoundHolds } from './holds.ts';
import { judgeTaking, type TakingFinding } from './judge-taking.ts';
import { BELIEVED_MS } from './log-seen.ts';
import { PartitionState } from './partition-state.ts';
import { inheritSuspects, ownPartition } from './suspects.ts';
import { planSweep } from './sweeps.ts';

const RETRY_TAKING_MS = 250;
const RETRY_TAKING_MAX_MS = 5_000;

/** The group gave us partitions. Each is taken by CLAIM, taking commit and CONFIRM before anything of it starts. */
export function assign(core: CoreState, partitions: readonly number[]): void {
  for (const number of partitions) {
    const known = core.partitions.get(number);
    if (known !== undefined) {
      known.retryTakingAtMs = core.nowMs; // if it was to be tried again later: now the group has said so
      continue;
    }
    const partition = new PartitionState(number);
    core.partitions.set(number, partition);
    core.effects.push({ kind: 'claim', partition });
  }
}

/**
 * Takes partitions anew after a while, unless the group says that they are lost: then they are not ours, and it is told
 * soon. If it says nothing they still are, and nobody else will work on them.
 */
export function assignLater(core: CoreState, partitions: readonly number[]): void {
  for (const number of partitions) {
    const partition = new PartitionState(number);
    core.partitions.set(number, partition);
    partition.retryTakingAtMs = core.nowMs + RETRY_TAKING_MAX_MS;
    core.takingAgain.add(partition);
  }
}

/** The CLAIM is in the journal; its offset is the epoch. */
export function claimed(core: CoreState, partition: PartitionState, epoch: number): void {
  if (partition.phase !== 'claiming') return;
  partition.epoch = epoch;
  partition.move('inspecting');
  // Lost and assigned again while a commit of ours was on its way: read now, the committed offset would be the one
  // before it, and what that commit says is finished would run again.
  if (core.inCommit?.has(partition.partition)) core.inspectLater.add(partition);
  else core.effects.push({ kind: 'inspect', partition });
}

/** A commit was answered: what waited for it is looked at. */
export function inspectNow(core: CoreState): void {
  for (const partition of core.inspectLater) {
    if (partition.phase === 'inspecting') core.effects.push({ kind: 'inspect', partition });
  }
  core.inspectLater.clear();
}

/** All that is known of the partition up to our claim. Decides where to start, or that somebody must look first. */
export function inspected(core: CoreState, partition: PartitionState, finding: TakingFinding): void {
  if (partition.phase !== 'inspecting') return;
  partition.statePin = finding.statePin;
  partition.topicId = finding.topicId;
  const verdict = judgeTaking(finding);
  if (verdict.kind === 'superseded') {
    takingFailed(core, partition);
    return;
  }
  if (verdict.kind === 'stop' && verdict.isDoubtful === true) {
    partition.doubtedSinceMs ??= core.nowMs;
    if (core.nowMs - partition.doubtedSinceMs < BELIEVED_MS) {
      takingFailed(core, partition);
      return;
    }
  }
  partition.doubtedSinceMs = undefined;
  if (verdict.kind === 'stop') {
    const known = finding.history.truncated;
    const isNew =
      verdict.truncated === true &&
      (known === undefined || verdict.from < known.from || verdict.to > known.to);
    halt(core, partition, { ...verdict, isTold: !isNew });
    answerAcceptances(core, partition, finding.history.pending);
    return;
  }
  partition.era = verdict.anew === true ? partition.epoch : finding.history.era;
  if (verdict.note?.kind === 'loss-accepted') {
    const { reason, from, to } = verdict.note;
    partition.accepted = acceptedBy({ reason, from, to }, finding.history.pending);
  }
  if (verdict.note !== undefined) {
    core.effects.push({
      kind: 'report',
      report: { kind: 'partition-note', partition: partition.partition, note: verdict.note },
    });
  }
  partition.logRead.begin(verdict.read);
  partition.logEnd = finding.logEnd;
  const lanes = inheritSuspects(core, partition, verdict, finding.logEnd);
  partition.takenState = {
    frontier: verdict.frontier,
    epoch: partition.epoch,
    // From here on something may be started at any time; only the last commit of a clean drain says otherwise.
    clean: false,
    statePin: finding.statePin,
    doneBelow: verdict.doneBelow,
    leaderEpoch: partition.logRead.leaderBelow(verdict.doneBelow),
    horizon: Math.max(partition.suspectBelow, verdict.doneBelow + partition.startAhead),
    lanes,
  };
  partition.maybeStartedBelow = verdict.clean ? 0 : finding.logEnd;
  const { trusted } = verdict;
  partition.copiedBelow = verdict.clean
    ? 0
    : Math.min(trusted?.horizon ?? Number.POSITIVE_INFINITY, finding.logEnd);
  partition.nextOffset = verdict.doneBelow;
  partition.startedBelow = verdict.doneBelow;
  partition.startedAtCommit = verdict.doneBelow;
  partition.restoredBelow = verdict.doneBelow;
  for (const lane of lanes) {
    const same = partition.restored.get(lane.hash);
    if (same !== undefined && same.from <= lane.offset) continue;
    partition.restored.set(lane.hash, {
      from: lane.offset,
      attempts: lane.attempts,
      firstFailedAtMs: lane.firstFailedAtMs,
      starts: lane.starts,
    });
  }
  restoreMarks(partition, finding.history, verdict.clean);
  partition.move('taking');
  partition.changes = 1;
  core.commitUrgent = true;
}

/** The group acknowledged the taking commit: whoever had the partition before is fenced off. */
export function takingCommitted(core: CoreState, partition: PartitionState): void {
  partition.move('confirming');
  const state = partition.takenState;
  if (state === undefined) throw new Error('a partition is confirmed before it was inspected');
  partition.statedFrontier = state.frontier;
  core.effects.push({ kind: 'confirm', partition, frontier: state.frontier, reason: 'taken' });
}

/** The CONFIRM is in the journal: work may begin. */
export function confirmed(core: CoreState, partition: PartitionState): void {
  if (partition.phase !== 'confirming') return;
  partition.move('running');
  partition.startedAtMs = core.nowMs;
  ownPartition(core, partition);
  partition.nextConfirmAtMs = core.nowMs + core.config.confirmIntervalMs;
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'partition-started',
      partition: partition.partition,
      epoch: partition.epoch,
      offset: partition.takenState?.frontier ?? partition.nextOffset,
    },
  });
  reportFoundHolds(core, partition);
  startReading(core, partition);
  planSweep(core, partition);
  tellAccepted(core, partition);
  obeyWaiting(core, partition);
}

/** A step of taking failed: all of it is done again under a new claim, after a pause. */
export function takingFailed(core: CoreState, partition: PartitionState): void {
  if (!['claiming', 'inspecting', 'taking', 'confirming'].includes(partition.phase)) return;
  if (partition.phase !== 'claiming') partition.move('claiming');
  partition.epoch = -1;
  partition.restored.clear();
  partition.marks.clear();
  partition.parkedKeys.clear();
  partition.parkedTasks.clear();
  partition.takenState = undefined;
  partition.accepted = undefined;
  partition.changes = 0;
  partition.committedChanges = 0;
  partition.frozenUntil = 0;
  const delayMs = Math.min(
    RETRY_TAKING_MAX_MS,
    RETRY_TAKING_MS * 2 ** Math.min(partition.takingFailures, 10),
  );
  partition.takingFailures += 1;
  partition.retryTakingAtMs = core.nowMs + delayMs;
  core.takingAgain.add(partition);
}

/** Tries again what failed while taking. */
export function retryTaking(core: CoreState): void {
  for (const partition of core.takingAgain) {
    if (partition.phase === 'claiming' && core.nowMs < partition.retryTakingAtMs) continue;
    core.takingAgain.delete(partition);
    if (partition.phase === 'claiming') core.effects.push({ kind: 'claim', partition });
  }
}

/** The text of a taking commit. */
export function takingMetadata(partition: PartitionState): {
  offset: number;
  metadata: string;
  doneBelow: number;
  horizon: number;
} {
  const state = partition.takenState;
  if (state === undefined) throw new Error('a partition is taken before it was inspected');
  const { text, doneBelow } = encodeMetadata(state);
  return { offset: state.frontier, metadata: text, doneBelow, horizon: state.horizon };
}

import type { CommitOutcome } from '../../kafka/port.ts';
import { encodeMetadata } from './commit-metadata.ts';
import type { CoreState } from './core-state.ts';
import type { CommitItem } from './effects.ts';
import { lose } from './giving-up.ts';
import type { PartitionState } from './partition-state.ts';
import { queueUp } from './scheduling.ts';
import { commandsCommitted } from './skipping.ts';
import { assignLater, inspectNow, takingCommitted, takingMetadata } from './taking.ts';

const RETRY_COMMIT_MS = 50;
const RETRY_COMMIT_MAX_MS = 2_000;

/**
 * One commit is under way at a time. It is built from what is true now, and what it says counts only when the group
 * acknowledged it; after an error it is built anew, never sent again.
 */
export function commitIfDue(core: CoreState): void {
  if (core.commitUnderWay) return;
  // A partition that is being taken, given up or frozen is not kept waiting for the interval, but for after an error.
  const urgent = core.commitUrgent && core.commitFailures === 0;
  if (!urgent && core.nowMs < core.nextCommitAtMs) return;
  core.commitUrgent = false;
  const items: CommitItem[] = [];
  for (const partition of core.partitions.values()) {
    const item = itemFor(core, partition);
    if (item !== undefined) items.push(item);
  }
  core.nextCommitAtMs = core.nowMs + core.config.commitIntervalMs;
  if (items.length === 0) return;
  core.inCommit = new Set(items.map(({ partition }) => partition.partition));
  for (const { partition } of items) partition.inCommit = true;
  core.effects.push({ kind: 'commit', items });
}

function itemFor(core: CoreState, partition: PartitionState): CommitItem | undefined {
  if (!partition.dirty) return undefined;
  const { changes } = partition;
  if (partition.phase === 'taking') return { partition, changes, ...takingMetadata(partition) };
  const ending = partition.phase === 'draining' || partition.phase === 'halted';
  if (partition.phase !== 'running' && !(ending && partition.worked)) return undefined;
  const { startAhead } = core.config;
  // Twice as much as between the last two commits, so that one an interval is enough; less only by and by.
  const wanted = Math.max(
    2 * (partition.startedBelow - partition.startedAtCommit),
    partition.startAhead >> 1,
  );
  partition.startAhead = Math.max(startAhead.min, Math.min(startAhead.max, wanted));
  partition.startedAtCommit = partition.startedBelow;
  const state = partition.commitState(partition.statePin);
  // It may be stored without our hearing of it: what it does not allow does not start from here on.
  partition.horizon = Math.min(partition.horizon, state.horizon);
  const { text, doneBelow } = encodeMetadata(state);
  return { partition, changes, offset: state.frontier, metadata: text, doneBelow, horizon: state.horizon };
}

/** The group has answered a commit. */
export function committed(
  core: CoreState,
  items: readonly CommitItem[],
  outcomes: readonly CommitOutcome[],
): void {
  core.inCommit = undefined;
  inspectNow(core);
  const outcomeOf = new Map(outcomes.map((outcome) => [outcome.partition, outcome]));
  let failed = false;
  let fenced = false;
  for (const item of items) {
    const { partition } = item;
    partition.inCommit = false;
    if (partition.phase === 'gone') continue;
    const outcome = outcomeOf.get(partition.partition);
    if (outcome !== undefined && outcome.failure === undefined) {
      acknowledge(core, item);
    } else {
      failed = true;
      fenced ||= outcome?.failure?.kind === 'fenced';
    }
  }
  if (fenced) loseAll(core);
  core.commitFailures = failed && !fenced ? core.commitFailures + 1 : 0;
  if (core.commitFailures > 0) {
    const delayMs = Math.min(RETRY_COMMIT_MAX_MS, RETRY_COMMIT_MS * 2 ** Math.min(core.commitFailures, 10));
    core.nextCommitAtMs = core.nowMs + delayMs;
  }
}

/** A member that the group does not know owns nothing any more, whatever it was told. */
function loseAll(core: CoreState): void {
  const all = [...core.partitions.values()];
  const kept = all.filter(({ phase }) => phase !== 'draining').map(({ partition }) => partition);
  for (const { phase, worked, dirty, partition } of all) {
    if (phase !== 'draining' || !worked || !dirty) continue;
    core.effects.push({ kind: 'report', report: { kind: 'revoked-uncommitted', partition } });
  }
  lose(
    core,
    all.map(({ partition }) => partition),
  );
  assignLater(core, kept);
}

function acknowledge(core: CoreState, item: CommitItem): void {
  const { partition } = item;
  partition.committedChanges = item.changes;
  partition.committedFrontier = item.offset;
  partition.horizon = item.horizon;
  if (partition.phase === 'taking') takingCommitted(core, partition);
  else commandsCommitted(core, partition);
  if (partition.phase === 'running' && item.changes >= partition.frozenUntil) queueUp(core, partition);
  core.effects.push({ kind: 'committed', item });
}

/**
 * The next commit is to speak of these partitions, whether or not there is anything new: somebody wants to know that they
 * are still ours.
 */
export function askForCommit(partitions: readonly PartitionState[]): void {
  for (const partition of partitions) if (partition.phase === 'running') partition.changes += 1;
}

/**
 * The clock has jumped: the process was stopped, and may have been replaced meanwhile. Nothing starts before a commit
 * sent after the jump is acknowledged.
 */
export function freeze(core: CoreState): void {
  for (const partition of core.partitions.values()) {
    if (partition.phase !== 'taking' && partition.phase !== 'confirming' && partition.phase !== 'running')
      continue;
    partition.changes += 1;
    partition.frozenUntil = partition.changes;
  }
  core.commitUrgent = true;
}

/** A CONFIRM could not be appended: an idle partition's frontier would be stated never again. */
export function unstate(partition: PartitionState, frontier: number): void {
  if (partition.statedFrontier === frontier) partition.statedFrontier = -1;
}

/** Owners state the frontier that the group has acknowledged in the journal now and then. */
export function confirmPeriodically(core: CoreState): void {
  if (core.nowMs < core.nextConfirmAtMs) return;
  core.nextConfirmAtMs = core.nowMs + Math.min(1_000, core.config.confirmIntervalMs);
  for (const partition of core.partitions.values()) {
    if (partition.phase !== 'running' || core.nowMs < partition.nextConfirmAtMs) continue;
    partition.nextConfirmAtMs = core.nowMs + core.config.confirmIntervalMs;
    // An idle partition has nothing new to state, and the journal keeps every entry.
    if (partition.committedFrontier === partition.statedFrontier) continue;
    partition.statedFrontier = partition.committedFrontier;
    core.effects.push({
      kind: 'confirm',
      partition,
      frontier: partition.committedFrontier,
      reason: 'periodic',
    });
  }
}

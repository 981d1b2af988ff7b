import type { ParkReason } from '../../journal/journal.ts';
import type { CoreState, TypeState } from './core-state.ts';
import type { KeyHeldReason, Run, Verdict } from './effects.ts';
import { dropIfUnwanted } from './flow.ts';
import type { Item, Lane } from './lane.ts';
import { park } from './parking.ts';
import type { PartitionState } from './partition-state.ts';
import { failRedrive, redriveStepped } from './redriving.ts';
import { isGivenUp, retryDelayMs } from './retry.ts';
import { advanceLane, holdLane, moveLane, reopenType } from './scheduling.ts';

/** A handler has come to its end well: the next task of its key may follow. */
export function settleFinished(core: CoreState, run: Run): void {
  if (!endRun(core, run)) return;
  noteSuccess(core, run.item.type);
  stepOn(core, run);
}

/** Whoever finished or judged a task of the type is at work: an outage is over. */
function noteSuccess(core: CoreState, name: string): void {
  const type = core.type(name);
  if (!type.outage.succeeded()) return;
  core.effects.push({ kind: 'report', report: { kind: 'outage-ended', type: type.policy.name } });
  forgive(core, type, core.nowMs - type.outage.beganMs);
  reopenType(core, type.waiting);
}

/** In an outage no task could succeed: for those that failed before, giving up is put off by as long as it took. */
function forgive(core: CoreState, { waiting }: TypeState, outageMs: number): void {
  for (const [lane, partition] of waiting) {
    if (lane.firstFailedAtMs === undefined || partition.phase !== 'running') continue;
    lane.firstFailedAtMs = Math.min(core.wallMs, lane.firstFailedAtMs + Math.round(outageMs));
    partition.changes += 1;
  }
}

/** A handler has failed, or could not be run at all. */
export function settleFailed(core: CoreState, run: Run, verdict: Verdict): void {
  if (!endRun(core, run)) return;
  const { partition, lane } = run;
  switch (verdict.kind) {
    case 'discard':
      core.effects.push({ kind: 'report', report: { kind: 'task-discarded', run, reason: verdict.reason } });
      noteSuccess(core, run.item.type);
      stepOn(core, run);
      return;
    case 'hold':
      if (verdict.reason === 'undecodable') giveUp(core, run, 'undecodable', verdict.error);
      else if (verdict.reason === 'data-loss') holdLost(core, run, verdict.error);
      else if (verdict.reason === 'codec-missing' || verdict.reason === 'store-missing')
        holdOrLeaveParked(core, run, verdict.reason, verdict.error);
      else holdForGood(core, run, verdict.reason, verdict.error);
      return;
    case 'give-up':
      countFailure(core, lane);
      giveUp(core, run, 'asked', verdict.error);
      return;
    case 'retry':
      partition.changes += 1;
      retry(core, run, verdict);
  }
}

function retry(core: CoreState, run: Run, verdict: Extract<Verdict, { kind: 'retry' }>): void {
  const { partition, lane, item } = run;
  const type = core.type(item.type);
  const policy = type.policy.retry;
  const wasDown = type.outage.down;
  // A handler that asks for a pause is at work; only plain failures speak of a dependency that is down.
  const began = verdict.delayMs === undefined && type.outage.failed(lane.key, type.runningCount, core.nowMs);
  const counted = verdict.countAttempt && !wasDown;
  if (counted) countFailure(core, lane);
  const failure = {
    attempts: lane.attempts,
    firstFailedAtMs: failingSinceMs(core, run, type),
    nowMs: core.wallMs,
  };
  if (counted && !began && isGivenUp(policy, failure)) {
    giveUp(core, run, 'gave-up', verdict.error);
    return;
  }
  const delayMs = verdict.delayMs ?? retryDelayMs(policy, Math.max(1, lane.attempts), item.offset);
  core.effects.push({
    kind: 'report',
    report: { kind: 'task-failed', run, error: verdict.error, retryInMs: delayMs, counted },
  });
  if (type.outage.down && verdict.delayMs === undefined) {
    moveLane(core, partition, lane, 'gated');
    type.waiting.set(lane, partition);
  } else {
    holdLane(core, partition, lane, { reason: 'retry', dueMs: core.nowMs + delayMs });
  }
  dropIfUnwanted(core, partition, lane);
  if (began) beginOutage(core, type);
}

/**
 * Since when a task has failed, as far as that makes it give up. An owner that begins while a dependency is down learns
 * that from the first keys that fail: they must not pay for having failed for long. So until the type has succeeded here,
 * or every key has had the time for another try, what was before this owner does not count.
 */
function failingSinceMs(core: CoreState, { partition, lane }: Run, { outage, policy }: TypeState): number {
  const sinceMs = lane.firstFailedAtMs ?? core.wallMs;
  const ownedForMs = core.nowMs - partition.startedAtMs;
  if (outage.proven || ownedForMs >= policy.retry.maxDelayMs) return sinceMs;
  return Math.max(sinceMs, core.wallMs - ownedForMs);
}

/** Keys of the type that wait for their next try wait for the end of the outage instead: then all go on at once. */
function beginOutage(core: CoreState, type: TypeState): void {
  for (const partition of core.partitions.values()) {
    for (const lane of [...partition.open, ...partition.asideOpen]) {
      if (lane.hold !== 'retry' || typeOfFirst(core, lane) !== type) continue;
      moveLane(core, partition, lane, 'gated');
      type.waiting.set(lane, partition);
    }
  }
  core.effects.push({ kind: 'report', report: { kind: 'outage-began', type: type.policy.name } });
}

function typeOfFirst(core: CoreState, lane: Lane): TypeState | undefined {
  return typeof lane.first === 'object' ? core.type(lane.first.type) : undefined;
}

function countFailure(core: CoreState, lane: Lane): void {
  lane.attempts += 1;
  lane.firstFailedAtMs ??= core.wallMs;
}

/**
 * The task is not tried any more. What waits behind it in its key must not overtake it: by default all of it goes to the
 * parked topic.
 */
export function giveUp(
  core: CoreState,
  task: { readonly partition: PartitionState; readonly lane: Lane; readonly item: Item },
  reason: ParkReason,
  error: unknown,
): void {
  const { partition, lane, item } = task;
  partition.changes += 1;
  const policy = core.config.afterGiveUp(item.type);
  const redrive = partition.redrives.get(lane);
  if (redrive !== undefined && partition.phase === 'running') {
    failRedrive(core, partition, redrive, error);
    return;
  }
  // A handler that asks for it knows better than what was set for errors it did not judge.
  const waits = (policy === 'wait' && reason !== 'asked') || partition.phase !== 'running';
  // What is parked of the key is later than this task: the list must not get an earlier one behind it.
  if (waits || lane.aside || partition.parkedKeys.has(lane.key)) {
    holdForGood(core, task, reason === 'undecodable' ? 'undecodable' : 'gave-up', error);
    return;
  }
  park(core, partition, {
    key: lane.key,
    scope: policy === 'parkTask' ? 'task' : 'key',
    from: item.offset,
    item,
    attempts: lane.attempts,
    cause: { reason, error, command: '' },
  });
  moveLane(core, partition, lane, 'parking');
}

/** Something that belongs to the task is gone: it waits for an operator, in the queue or where it is parked. */
function holdLost(core: CoreState, run: Run, error: unknown): void {
  core.effects.push({ kind: 'report', report: { kind: 'data-loss', run, error } });
  holdOrLeaveParked(core, run, 'data-loss', error);
}

/** What may never be had again: a task that is being redriven stays parked, where it can be discarded. */
function holdOrLeaveParked(
  core: CoreState,
  run: Run,
  reason: 'data-loss' | 'codec-missing' | 'store-missing',
  error: unknown,
): void {
  const { partition, lane } = run;
  const redrive = partition.redrives.get(lane);
  if (redrive === undefined || partition.phase !== 'running') {
    holdForGood(core, run, reason, error);
    return;
  }
  // Held while it is being redriven it could not be discarded.
  partition.changes += 1;
  failRedrive(core, partition, redrive, error);
}

function holdForGood(
  core: CoreState,
  task: { readonly partition: PartitionState; readonly lane: Lane; readonly item: Item },
  reason: KeyHeldReason,
  error: unknown,
): void {
  const { partition, lane, item } = task;
  partition.changes += 1;
  holdLane(core, partition, lane, { reason, dueMs: Number.POSITIVE_INFINITY });
  dropIfUnwanted(core, partition, lane);
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'key-held',
      partition: partition.partition,
      item,
      offset: item.offset,
      key: lane.key,
      reason,
      attempts: lane.attempts,
      error,
    },
  });
}

/** The first task of the lane is finished. */
function stepOn(core: CoreState, run: Run): void {
  const { partition, lane, item } = run;
  if (lane.aside) {
    redriveStepped(core, partition, lane, item);
    return;
  }
  lane.shift();
  partition.changes += 1;
  partition.bufferedBytes -= item.bytes;
  core.budget.release(item.bytes);
  advanceLane(core, partition, lane);
}

/**
 * A handler's promise has settled. True when its end still counts: its lane has this run and no other, and the
 * partition was not given up meanwhile.
 */
function endRun(core: CoreState, run: Run): boolean {
  if (!core.runs.delete(run)) return false;
  const { partition, lane, reservation } = run;
  if (reservation !== undefined) core.budget.giveBack(reservation);
  const type = core.type(run.item.type);
  type.runningCount -= 1;
  if (type.probe === run) type.probe = undefined;
  core.liveKeys.delete(core.keyName(lane));
  if (core.runOf.get(lane) !== run) {
    core.budget.release(run.item.bytes);
    return false;
  }
  core.runOf.delete(lane);
  partition.runningCount -= 1;
  partition.progressAtMs = core.nowMs;
  return true;
}

/** What this run does no longer counts. Its slot, its bytes and its key stay taken until its promise settles. */
export function voidRun(core: CoreState, run: Run, reason: 'partition-lost' | 'shutdown'): void {
  core.runOf.delete(run.lane);
  run.partition.runningCount -= 1;
  run.partition.bufferedBytes -= run.item.bytes;
  run.partition.leftRunning += 1;
  core.effects.push({ kind: 'abort', run, reason });
}

/** The runs of a partition that still count. */
export function runsOf(core: CoreState, partition: PartitionState): Run[] {
  return [...core.runs].filter((run) => run.partition === partition && core.runOf.get(run.lane) === run);
}

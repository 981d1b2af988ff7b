import type { CoreState, Revocation } from './core-state.ts';
import { forgetRecords } from './held-bytes.ts';
import type { PartitionState } from './partition-state.ts';
import { hasUnwrittenProgress } from './redriving.ts';
import { runsOf, voidRun } from './settling.ts';
import { assign } from './taking.ts';

/** How long the last commit of a partition is tried after its handlers are done. */
const LAST_COMMIT_MS = 10_000;

/** The group wants partitions back. Nothing of them starts any more; what runs may come to its end. */
export function revoke(core: CoreState, id: number, numbers: readonly number[]): void {
  const revocation: Revocation = {
    id,
    partitions: new Set(),
    drainUntilMs: core.nowMs + core.config.drainMs,
    commitUntilMs: core.nowMs + core.config.drainMs + LAST_COMMIT_MS,
    expired: false,
  };
  core.revocations.set(id, revocation);
  for (const number of numbers) {
    const partition = core.partitions.get(number);
    if (partition === undefined) continue;
    if (!hasOpenEnds(partition)) {
      remove(core, partition);
      continue;
    }
    revocation.partitions.add(partition);
    if (partition.phase === 'draining') continue; // asked for twice: both are answered once it is given up
    if (partition.phase === 'running') core.effects.push({ kind: 'stop-reading', partition });
    if (partition.sweep !== undefined) core.effects.push({ kind: 'stop-sweep', partition });
    partition.move('draining');
    partition.changes += 1; // the next owner is to hear that it ended well
    forgetRecords(core, partition);
    for (const run of runsOf(core, partition)) core.effects.push({ kind: 'drain', run });
  }
  checkRevocation(core, revocation);
}

/** The group has taken partitions away already. */
export function lose(core: CoreState, numbers: readonly number[]): void {
  for (const number of numbers) {
    const partition = core.partitions.get(number);
    if (partition === undefined) continue;
    if (partition.phase === 'running') core.effects.push({ kind: 'stop-reading', partition });
    if (partition.sweep !== undefined) core.effects.push({ kind: 'stop-sweep', partition });
    for (const run of runsOf(core, partition)) voidRun(core, run, 'partition-lost');
    remove(core, partition);
  }
  for (const revocation of core.revocations.values()) checkRevocation(core, revocation);
}

/**
 * A newer claim than ours was confirmed while we own the partition: somebody took it and has lost it again, or we have
 * been replaced and do not know yet. What we do under our epoch is void, so the partition is taken anew; if it is not
 * ours any more, the group will refuse that.
 */
export function supersede(core: CoreState, number: number, epoch: number): void {
  const partition = core.partitions.get(number);
  if (partition === undefined || partition.epoch < 0 || epoch <= partition.epoch) return;
  if (partition.phase === 'draining' || partition.phase === 'halted') return;
  lose(core, [number]);
  assign(core, [number]);
}

/** Takes halted partitions anew for which an operator accepts a loss, once what ran has ended and is committed. */
export function retakeHalted(core: CoreState): void {
  for (const [partition, patientUntilMs] of core.retaking) {
    if (partition.phase === 'halted') {
      const { worked, dirty, runningCount, openWrites, inCommit } = partition;
      const isUnfinished = dirty || runningCount > 0 || hasUnwrittenProgress(partition);
      const isOpen = (worked && isUnfinished) || openWrites > 0 || inCommit;
      if (isOpen && core.nowMs < patientUntilMs) {
        if (worked && dirty) core.commitUrgent = true;
        continue;
      }
      lose(core, [partition.partition]);
      assign(core, [partition.partition]);
    }
    core.retaking.delete(partition);
  }
}

/** A run has ended, a commit was answered or time has passed: see which revokes can be answered. */
export function checkRevocations(core: CoreState): void {
  for (const revocation of core.revocations.values()) checkRevocation(core, revocation);
}

function checkRevocation(core: CoreState, revocation: Revocation): void {
  if (!revocation.expired && core.nowMs >= revocation.drainUntilMs) expire(core, revocation);
  for (const partition of revocation.partitions) {
    if (partition.phase === 'gone') {
      revocation.partitions.delete(partition);
      continue;
    }
    if (partition.runningCount > 0) continue;
    const inTime = core.nowMs < revocation.commitUntilMs;
    if ((partition.inCommit || partition.openWrites > 0) && inTime) continue;
    if (partition.worked && partition.dirty && inTime) {
      core.commitUrgent = true;
      continue;
    }
    if (!partition.worked) {
      revocation.partitions.delete(partition);
      remove(core, partition);
      continue;
    }
    if (partition.dirty) {
      core.effects.push({
        kind: 'report',
        report: { kind: 'revoked-uncommitted', partition: partition.partition },
      });
    } else {
      const { frontier } = partition.commitState(partition.statePin);
      core.effects.push({ kind: 'confirm', partition, frontier, reason: 'stopped' });
    }
    revocation.partitions.delete(partition);
    remove(core, partition);
  }
  if (revocation.partitions.size > 0) return;
  core.revocations.delete(revocation.id);
  core.effects.push({ kind: 'answer-revoke', revocation: revocation.id });
}

/** Handlers had their time: from here on their work is void. */
function expire(core: CoreState, revocation: Revocation): void {
  revocation.expired = true;
  for (const partition of revocation.partitions) {
    const runs = runsOf(core, partition);
    if (runs.length === 0) continue;
    core.effects.push({
      kind: 'report',
      report: { kind: 'drain-expired', partition: partition.partition, runningCount: runs.length },
    });
    for (const run of runs) voidRun(core, run, core.stopping ? 'shutdown' : 'partition-lost');
    // One more commit: no process has ended of what was running, whatever the last one allows to think.
    partition.changes += 1;
  }
}

/**
 * Whether there is anything to wait for: tasks to drain, results to commit or to write down, or a commit that is under way,
 * which must not arrive after the next owner's.
 */
function hasOpenEnds(partition: PartitionState): boolean {
  const { phase, worked, runningCount, dirty, openWrites } = partition;
  return (
    phase === 'running' ||
    phase === 'draining' ||
    (phase === 'taking' && partition.inCommit) ||
    (phase === 'halted' &&
      worked &&
      (runningCount > 0 || dirty || openWrites > 0 || hasUnwrittenProgress(partition)))
  );
}

function remove(core: CoreState, partition: PartitionState): void {
  forgetRecords(core, partition);
  partition.move('gone');
  core.partitions.delete(partition.partition);
}

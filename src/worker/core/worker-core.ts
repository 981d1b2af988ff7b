import type { Command } from '../../journal/journal.ts';
import type { CommitOutcome } from '../../kafka/port.ts';
import {
  commanded,
  effectFailed,
  entryWritten,
  markWritten,
  parkAfterRuns,
  repeatDue,
} from './commanding.ts';
import { askForCommit, commitIfDue, committed, confirmPeriodically, freeze, unstate } from './committing.ts';
import { type CoreConfig, CoreState, type SharedByWorkers } from './core-state.ts';
import { type Postponed, postponed } from './delaying.ts';
import type { CommitItem, Effect, PartitionEffect, Run, Verdict } from './effects.ts';
import { gapChecked, isReading, resumeReading, tailStalled, takeRecords, wantedCount } from './flow.ts';
import { checkRevocations, lose, retakeHalted, revoke, supersede } from './giving-up.ts';
import type { TakingFinding } from './judge-taking.ts';
import type { Item, Lane } from './lane.ts';
import { tellLeaderWaits } from './leader-waits.ts';
import { type LogSeen, logSeen } from './log-seen.ts';
import { leaveLines } from './memory-gate.ts';
import type { Copy, JournalWrite, MarkPlace, MarkRequest, ParkedFound } from './parked.ts';
import { parkedRead, planParkedReads } from './parked-reads.ts';
import { copied } from './parking.ts';
import type { PartitionState, Reading } from './partition-state.ts';
import { noteProgress, settleMarks } from './redriving.ts';
import { advanceLane, releaseDue } from './scheduling.ts';
import { runsOf, settleFailed, settleFinished } from './settling.ts';
import { startReady } from './starting.ts';
import { tendSuspects } from './suspects.ts';
import { planSweeps, sweepGapChecked, sweepStalled, takeSwept } from './sweeps.ts';
import { assign, claimed, confirmed, inspected, retryTaking, takingFailed } from './taking.ts';

/** The time of an event: of the monotonic clock, and as people count it. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/**
 * Everything a worker decides, as a deterministic machine: it is told what happened, and says what is to be done. It
 * reads no clock, does no I/O and never waits, so that a simulation can run it through any schedule.
 *
 * After each event the caller takes the effects and carries them out in order.
 */
export class WorkerCore {
  readonly #core: CoreState;

  constructor(config: CoreConfig, shared: SharedByWorkers) {
    this.#core = new CoreState(config, shared);
  }

  // --- partitions come and go

  assigned(at: Moment, partitions: readonly number[]): void {
    this.#do(at, (core) => assign(core, partitions));
  }

  claimed(at: Moment, partition: PartitionState, epoch: number): void {
    this.#do(at, (core) => claimed(core, partition, epoch));
  }

  inspected(at: Moment, partition: PartitionState, finding: TakingFinding): void {
    this.#do(at, (core) => inspected(core, partition, finding));
  }

  confirmed(at: Moment, partition: PartitionState): void {
    this.#do(at, (core) => confirmed(core, partition));
  }

  /** The journal says that a claim was confirmed. If it is newer than ours, all we do is void. */
  claimConfirmed(at: Moment, number: number, epoch: number): void {
    this.#do(at, (core) => supersede(core, number, epoch));
  }

  takingFailed(at: Moment, partition: PartitionState): void {
    this.#do(at, (core) => takingFailed(core, partition));
  }

  /** `id` is given back by the effect that answers the revoke. */
  revoked(at: Moment, id: number, partitions: readonly number[]): void {
    this.#do(at, (core) => revoke(core, id, partitions));
  }

  lost(at: Moment, partitions: readonly number[]): void {
    this.#do(at, (core) => lose(core, partitions));
  }

  /** Nothing starts from here on. The caller then leaves the group; the revoke that follows drains. */
  stopping(at: Moment): void {
    this.#do(at, (core) => {
      core.stopping = true;
      leaveLines(core);
      for (const partition of core.partitions.values()) {
        for (const run of runsOf(core, partition)) core.effects.push({ kind: 'drain', run });
      }
    });
  }

  // --- records

  /** Whether records may come now. */
  isReading(): boolean {
    return isReading(this.#core);
  }

  /** How many records to ask the reader for now; 0 = none. To be asked by whoever then reads, once a read. */
  wantedCount(): number {
    return wantedCount(this.#core);
  }

  records(at: Moment, reading: Reading, items: readonly Item[]): void {
    this.#do(at, (core) => takeRecords(core, reading, items));
  }

  swept(at: Moment, reading: Reading, items: readonly Item[]): void {
    this.#do(at, (core) => takeSwept(core, reading, items));
  }

  gapChecked(
    at: Moment,
    partition: PartitionState,
    log: { readonly start: number; readonly found: number },
  ): void {
    this.#do(at, (core) => gapChecked(core, partition, log.start, log.found));
  }

  sweepGapChecked(
    at: Moment,
    partition: PartitionState,
    log: { readonly start: number; readonly found: number },
  ): void {
    this.#do(at, (core) => sweepGapChecked(core, partition, log.start, log.found));
  }

  /** The tail has brought nothing for long although the log has more. */
  tailStalled(at: Moment, partition: PartitionState, logStart: number): void {
    this.#do(at, (core) => tailStalled(core, partition, logStart));
  }

  /** Somebody has looked whether the log is still what it was. */
  logSeen(at: Moment, partition: PartitionState, log: LogSeen): void {
    this.#do(at, (core) => logSeen(core, partition, log));
  }

  /** A sweep has brought nothing for long. */
  sweepStalled(at: Moment, partition: PartitionState, logStart: number): void {
    this.#do(at, (core) => sweepStalled(core, partition, logStart));
  }

  // --- handlers

  finished(at: Moment, run: Run): void {
    this.#do(at, (core) => settleFinished(core, run));
  }

  failed(at: Moment, run: Run, verdict: Verdict): void {
    this.#do(at, (core) => settleFailed(core, run, verdict));
  }

  keyFreed(at: Moment, partition: PartitionState, lane: Lane): void {
    this.#do(at, (core) => {
      if (lane.state === 'blocked') advanceLane(core, partition, lane);
    });
  }

  // --- parked tasks, the journal and operators

  marked(at: Moment, partition: PartitionState, request: MarkRequest, where: MarkPlace): void {
    this.#do(at, (core) => markWritten(core, partition, request, where));
  }

  copied(at: Moment, partition: PartitionState, copy: Copy): void {
    this.#do(at, (core) => copied(core, partition, copy));
  }

  /** A delayed task is at the end of the log. */
  postponed(at: Moment, partition: PartitionState, what: Postponed): void {
    this.#do(at, (core) => postponed(core, partition, what));
  }

  written(at: Moment, partition: PartitionState, entry: JournalWrite): void {
    this.#do(at, (core) => entryWritten(core, partition, entry));
  }

  parkedRead(at: Moment, partition: PartitionState, found: readonly ParkedFound[]): void {
    this.#do(at, (core) => parkedRead(core, partition, found));
  }

  /** It is done again after a while. `stuckOn`: what people may have to see to before that can succeed. */
  effectFailed(at: Moment, effect: PartitionEffect, stuckOn?: unknown): void {
    this.#do(at, (core) => effectFailed(core, effect, stuckOn));
  }

  commanded(at: Moment, number: number, command: Command): void {
    this.#do(at, (core) => commanded(core, number, command));
  }

  // --- commits and time

  committed(at: Moment, items: readonly CommitItem[], outcomes: readonly CommitOutcome[]): void {
    this.#do(at, (core) => committed(core, items, outcomes));
  }

  /** A frontier that was to be stated in the journal was not, or nobody knows. */
  frontierUnwritten(at: Moment, partition: PartitionState, frontier: number): void {
    this.#do(at, () => unstate(partition, frontier));
  }

  /** The group is to acknowledge anew that these are ours: the next commit speaks of those that run, idle or not. */
  commitAsked(at: Moment, partitions: readonly PartitionState[]): void {
    this.#do(at, () => askForCommit(partitions));
  }

  /** The monotonic clock shows that the process stood still for longer than it may. */
  stoodStill(at: Moment): void {
    this.#do(at, freeze);
  }

  tick(at: Moment): void {
    this.#do(at, () => {});
  }

  takeEffects(): readonly Effect[] {
    const { effects } = this.#core;
    this.#core.effects = [];
    return effects;
  }

  get state(): Readonly<CoreState> {
    return this.#core;
  }

  #do(at: Moment, event: (core: CoreState) => void): void {
    const core = this.#core;
    core.nowMs = at.monotonicMs;
    core.wallMs = at.wallMs;
    event(core);
    releaseDue(core);
    retakeHalted(core);
    retryTaking(core);
    repeatDue(core);
    parkAfterRuns(core);
    noteProgress(core);
    checkRevocations(core);
    settleMarks(core);
    confirmPeriodically(core);
    tendSuspects(core);
    startReady(core);
    tendSuspects(core);
    planSweeps(core);
    planParkedReads(core);
    resumeReading(core);
    tellLeaderWaits(core);
    commitIfDue(core);
  }
}

import type { Verdict } from '../../src/worker/core/effects.ts';
import type { MarkRequest, Parked } from '../../src/worker/core/parked.ts';
import { type Marks, ParkedTruth } from './parked-truth.ts';
import { type LogRecord, PartitionTruth, type Task } from './partition-truth.ts';
import type { Assignment } from './reruns.ts';
import { type Owner, RunningTasks, type Start } from './running-tasks.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import { type Commit, readCommit } from './stored-commit.ts';
import type { SimulatedType } from './task-types.ts';
import { Violations } from './violations.ts';

/** What the reference sees of the world beside what it is told. */
interface Sight extends Marks {
  readonly types: readonly SimulatedType[];
  readonly nowMs: () => number;
}

/**
 * What must hold, kept beside the simulation by someone who sees everything: which tasks have really succeeded, where
 * and when. It knows nothing of lanes, frontiers or epochs but that a newer confirmed one makes older ones void.
 */
export class Reference {
  readonly #violations = new Violations();
  readonly #sight: Sight;
  readonly #partitions: PartitionTruth[] = [];
  readonly #running: RunningTasks;
  readonly #parked: ParkedTruth;
  /** Epochs whose taking commit the group has stored, and whose CONFIRM is in the journal. */
  readonly #storedEpochs = new Set<number>();
  readonly #confirmedEpochs = new Set<number>();
  starts = 0;

  constructor(partitions: number, sight: Sight) {
    this.#sight = sight;
    this.#running = new RunningTasks(this.#violations, sight.types);
    this.#parked = new ParkedTruth(this.#violations, sight, sight.types);
    for (let partition = 0; partition < partitions; partition += 1) {
      this.#partitions.push(new PartitionTruth(partition));
    }
  }

  get violations(): readonly string[] {
    return this.#violations.list;
  }

  get reruns(): number {
    return this.#partitions.reduce((sum, { reruns }) => sum + reruns.count, 0);
  }

  append(partition: number, task: Task | undefined): void {
    this.#of(partition).append(task);
  }

  log(partition: number): readonly LogRecord[] {
    return this.#of(partition).log;
  }

  /** Keys with something that is not settled, or not committed: an owner may not know that it is settled. */
  openKeys(partition: number, committed: number): ReadonlySet<string> {
    return this.#of(partition).openKeys(committed);
  }

  claimed(partition: number, assignment: Assignment): void {
    this.#of(partition).reruns.claimed(assignment);
  }

  /** A handler begins in a process. */
  started(process: SimulatedWorker, start: Start, owner: Owner): void {
    this.starts += 1;
    const truth = this.#of(start.partition);
    const { epoch, state, aside } = owner;
    const name = nameOf(start);
    const task = truth.log[start.offset]?.task;
    if (task?.key !== start.key || task.type !== start.type || owner.given !== start.offset) {
      this.fail(`P9 payload: ${name} was handled as key ${start.key} with the record of @${owner.given}`);
    }
    if (!this.#storedEpochs.has(epoch))
      this.fail(`${name} started before the commit that takes epoch ${epoch} was stored`);
    if (!this.#confirmedEpochs.has(epoch)) this.fail(`${name} started before epoch ${epoch} was confirmed`);
    if ((truth.userOf.get(epoch) ?? state) !== state)
      this.fail(`P7 epoch: ${name} started under epoch ${epoch}, which another assignment has used`);
    truth.userOf.set(epoch, state);
    // A replaced worker that does not know it yet goes on under its old epoch: void, and held to nothing but its own order.
    if (epoch >= truth.newestEpoch) {
      this.#checkLoss(truth, start, epoch);
      this.#checkOrder(truth, start, aside);
      // Whoever has a parked task redriven wants it now.
      if (!aside && (task?.notBeforeMs ?? 0) > this.#sight.nowMs())
        this.fail(`P12 early: ${name} started and was not to before ${task?.notBeforeMs} ms`);
      this.#parked.checkStart(start, aside);
      this.#checkRerun(truth, start, { process, state, aside });
    }
    process.holds.checkStart(start);
    if (process.stopping) this.fail(`${name} started after its worker was told to stop`);
    this.#running.started(process, start, owner);
  }

  #checkOrder(truth: PartitionTruth, start: Start, aside: boolean): void {
    const earlier = truth.openBelow(start.key, start.offset, (offset) =>
      this.#parked.isPassed(start, offset, aside),
    );
    if (earlier === undefined) return;
    const before = `${start.partition}@${earlier}`;
    this.fail(`P4 order: ${nameOf(start)} started before ${before} of the same key was finished`);
  }

  #checkRerun(truth: PartitionTruth, start: Start, by: Assignment & { readonly aside: boolean }): void {
    const isFinished = truth.isFinished(start.offset);
    const explained = truth.reruns.started(by, { offset: start.offset, aside: by.aside }, isFinished);
    if (!explained && !truth.overtaken)
      this.fail(`P8 re-run: ${nameOf(start)} was finished, and nothing explains that it started again`);
  }

  /** An owner wants a delayed task appended at the end of the log. */
  moving(start: Start, by: Assignment & { readonly epoch: number }): void {
    const truth = this.#of(start.partition);
    if (by.epoch < truth.newestEpoch) return;
    this.#checkOrder(truth, start, false);
    this.#checkRerun(truth, start, { ...by, aside: false });
    truth.reruns.unheard(by.state, start.offset);
  }

  /** It is there. A task is in two places when its owner ends before it has committed that. */
  moved({ partition, offset }: Start, epoch: number): void {
    const truth = this.#of(partition);
    const task = truth.log[offset]?.task;
    if (task === undefined) return;
    truth.append({ ...task, movedFrom: offset });
    if (epoch >= truth.newestEpoch) truth.finish(offset);
  }

  /** Its owner was told so. */
  moveHeard({ partition, offset }: Start, { state }: Assignment): void {
    this.#of(partition).reruns.heard(state, offset);
  }

  /** Its owner was not told that it is there, and tries again. */
  moveFailed({ partition, offset }: Start, assignment: Assignment): void {
    this.#of(partition).reruns.failed(assignment, offset);
  }

  /** The process itself has said that this run no longer counts, though its handler may have ended meanwhile. */
  voided({ process, state }: Assignment, start: Start): void {
    this.#running.voided(process, start);
    this.#of(start.partition).reruns.unheard(state, start.offset);
  }

  /** A handler ends. What it did under an epoch that has been superseded counts for nothing: a store would refuse it. */
  ended(process: SimulatedWorker, start: Start, success: boolean): void {
    const truth = this.#of(start.partition);
    const owner = this.#running.ended(process, start);
    if (owner === undefined || owner.epoch < truth.newestEpoch) return;
    if (success) truth.finish(start.offset);
    else truth.reruns.failed({ process, state: owner.state }, start.offset);
  }

  /** An owner hears how a handler has ended. */
  heardEnd(start: Start, verdict: Verdict | undefined, isDown: boolean): void {
    if (verdict?.kind !== 'retry' && verdict?.kind !== 'give-up') return;
    const asked = verdict.kind === 'give-up';
    const counted = asked || (verdict.countAttempt && !isDown);
    this.#parked.failed(start, { counted, asked }, this.#sight.nowMs());
  }

  /** A task has ended its process. */
  endedProcess(start: Start): void {
    this.#parked.endedProcess(start);
  }

  /** A partition was given up, and its last commit was never acknowledged. */
  leftUncommitted(partition: number): void {
    this.#parked.leftUncommitted(partition);
  }

  checkMark(process: SimulatedWorker, partition: number, request: MarkRequest): void {
    this.#parked.checkMark(process, partition, request);
  }

  /** An owner has skipped a task, or discarded a parked one. */
  excused(partition: number, offset: number, why: { readonly epoch: number; readonly asked: boolean }): void {
    const truth = this.#of(partition);
    if (why.epoch < truth.newestEpoch) return;
    if (!why.asked) this.fail(`${partition}@${offset} was dropped and nobody had asked for it`);
    truth.settle(offset);
  }

  /** Records below an offset are gone. Who claims the partition from here on finds that. */
  deleted(partition: number, start: number, journalEnd: number): void {
    this.#of(partition).loss = { start, since: journalEnd };
  }

  /** An owner goes on behind what is lost, as somebody has accepted. */
  lossAccepted(partition: number, from: number, to: number): void {
    const truth = this.#of(partition);
    for (let offset = from; offset < to; offset += 1) if (!truth.isSettled(offset)) truth.settle(offset);
  }

  #checkLoss(truth: PartitionTruth, start: Start, epoch: number): void {
    const { loss } = truth;
    if (loss === undefined || epoch < loss.since) return; // it may not know yet
    const gone = truth
      .open()
      .find(({ offset }) => offset < loss.start && !this.#parked.isCopied(truth, offset));
    if (gone === undefined) return;
    this.fail(
      `P13 loss: ${nameOf(start)} started although ${nameOf(gone)} is gone and nobody has accepted that`,
    );
  }

  /** A process is no more. */
  gone(process: SimulatedWorker): void {
    this.#running.gone(process);
  }

  confirmedInJournal(partition: number, epoch: number): void {
    this.#confirmedEpochs.add(epoch);
    const truth = this.#of(partition);
    truth.newestEpoch = Math.max(epoch, truth.newestEpoch);
  }

  /** The brokers have stored a commit. */
  committed(partition: number, commit: Commit): void {
    const read = readCommit(commit);
    if (read.kind !== 'state') {
      this.fail(`a commit at ${partition}/${commit.offset} carries ${read.kind} metadata`);
      return;
    }
    const { epoch } = read.state;
    const truth = this.#of(partition);
    this.#storedEpochs.add(epoch);
    // A late commit of an owner that was replaced is void; that nobody trusts it shows in what is started.
    if (epoch < truth.newestEpoch) return;
    const isDone = truth.saidDone(commit);
    let doneCount = 0;
    for (let offset = 0; offset < read.state.doneBelow; offset += 1) {
      if (!isDone(offset)) continue;
      doneCount += 1;
      if (!truth.isSettled(offset) && !this.#parked.isCopied(truth, offset)) {
        this.fail(
          `P6 commit: ${partition}@${offset} is said to be finished by a commit at ${commit.offset} and is not`,
        );
      }
    }
    const before = truth.stored;
    if (before?.epoch === epoch && (commit.offset < before.offset || doneCount < before.doneCount)) {
      this.fail(
        `P6 commit: epoch ${epoch} of partition ${partition} went back from ${before.offset} to ${commit.offset}`,
      );
    }
    truth.stored = { epoch, offset: commit.offset, doneCount };
    truth.isCommitted = isDone;
  }

  /** A process has seen that its commit was acknowledged. */
  acknowledged(partition: number, commit: Commit, assignment: Assignment): void {
    const truth = this.#of(partition);
    truth.reruns.acknowledged(assignment, {
      isDone: truth.saidDone(commit),
      isParked: (offset) => this.#parked.isCopied(truth, offset),
    });
  }

  /** An assignment has ended in good order. */
  released(partition: number, assignment: Assignment): void {
    const truth = this.#of(partition);
    truth.reruns.released(assignment, (offset) => truth.isFinished(offset));
  }

  /** A process has seen its word written that parked tasks of a key are done. */
  progressed(
    partition: number,
    { parked, done }: { readonly parked: Parked; readonly done: number },
    assignment: Assignment,
  ): void {
    const truth = this.#of(partition);
    truth.reruns.progressed(assignment, {
      isDone: (offset) => offset <= done && parked.covers(offset) && truth.keyAt(offset) === parked.key,
      isCommitted: (offset) => truth.isCommitted(offset),
    });
  }

  /** An older commit has taken the place of a newer one. */
  overtaken(partition: number): void {
    const truth = this.#of(partition);
    truth.overtaken = true;
    truth.stored = undefined;
  }

  /** After healing and draining: every task is settled, or parked where it is found. */
  checkEnd(committedOf: (partition: number) => number): void {
    for (const truth of this.#partitions) {
      const { partition, log } = truth;
      const committed = committedOf(partition);
      const unseen = truth.open().filter(({ offset }) => !this.#parked.isCopied(truth, offset));
      for (const record of unseen.slice(0, 3)) {
        const what = record.offset < committed ? 'P1 lost' : 'P2 unseen';
        this.fail(`${what}: ${nameOf(record)} (key ${record.task?.key}) was never handled`);
      }
      if (committed !== log.length) {
        this.fail(`P10 progress: partition ${partition} ends at ${log.length}, committed is ${committed}`);
      }
    }
  }

  /** When all that was parked has been redriven. */
  checkNothingParked(): void {
    for (const truth of this.#partitions) {
      const { partition } = truth;
      const { marks, pending } = this.#sight.history(partition);
      for (const mark of marks)
        this.fail(`P10 progress: mark ${mark.id} of partition ${partition} is still there`);
      for (const { id, verb } of pending)
        this.fail(`P10 progress: command ${id} (${verb.name}) of partition ${partition} was never done`);
      for (const record of truth.open().slice(0, 3))
        this.fail(`P1 lost: ${nameOf(record)} was parked and never redriven`);
    }
  }

  fail(text: string): void {
    this.#violations.fail(text);
  }

  #of(partition: number): PartitionTruth {
    const truth = this.#partitions[partition];
    if (truth === undefined) throw new Error(`there is no partition ${partition}`);
    return truth;
  }
}

function nameOf({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}@${offset}`;
}

import type { JournalHistory, Mark } from '../../src/journal/journal.ts';
import { decodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import { keyHash } from '../../src/worker/core/key-hash.ts';
import type { Parked } from '../../src/worker/core/parked.ts';
import { type Assignment, Reruns } from './reruns.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** A record of the simulated log. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** undefined = a control record: its offset never holds a task. */
  readonly key: string | undefined;
}

/** A commit as the brokers keep it. */
interface Commit {
  readonly offset: number;
  readonly metadata: string;
}

interface RunningTask {
  readonly offset: number;
  readonly owner: Owner;
  voided: boolean;
}

/** Who starts something: the assignment, its epoch, whether it is a parked task, and what record the handler is given. */
interface Owner {
  readonly state: object;
  readonly epoch: number;
  readonly aside: boolean;
  readonly given: number;
}

interface PartitionTruth {
  readonly log: LogRecord[];
  readonly succeeded: boolean[];
  /** Somebody has asked that it be skipped or discarded, and it was. */
  readonly excused: boolean[];
  /** Offsets of each key, and how many of them from the first on are settled. */
  readonly keys: Map<string, { readonly offsets: number[]; done: number }>;
  /** The newest confirmed epoch: what is done under an older one is void. */
  newestEpoch: number;
  /** Which assignment has started something under an epoch. */
  readonly userOf: Map<number, object>;
  readonly reruns: Reruns;
  /** A commit has been overtaken by an older one: re-runs are no fault of the workers any more. */
  overtaken: boolean;
  /** The last commit stored: under which epoch, where, and how many tasks it says to be finished. */
  stored: { readonly epoch: number; readonly offset: number; readonly doneCount: number } | undefined;
  isCommitted: (offset: number) => boolean;
}

/**
 * What must hold, kept beside the simulation by someone who sees everything: which tasks have really succeeded, where
 * and when. It knows nothing of lanes, frontiers or epochs but that a newer confirmed one makes older ones void.
 */
export class Reference {
  readonly violations: string[] = [];
  readonly #partitions: PartitionTruth[] = [];
  /** What runs where: process, then lane. */
  readonly #running = new Map<SimulatedWorker, Map<string, RunningTask>>();
  /** Epochs whose taking commit the group has stored, and whose CONFIRM is in the journal. */
  readonly #storedEpochs = new Set<number>();
  readonly #confirmedEpochs = new Set<number>();
  starts = 0;
  readonly #marks: Marks;

  constructor(partitions: number, marks: Marks) {
    this.#marks = marks;
    for (let i = 0; i < partitions; i += 1) {
      this.#partitions.push({
        log: [],
        succeeded: [],
        excused: [],
        keys: new Map(),
        newestEpoch: -1,
        userOf: new Map(),
        reruns: new Reruns(),
        overtaken: false,
        stored: undefined,
        isCommitted: () => false,
      });
    }
  }

  get reruns(): number {
    return this.#partitions.reduce((sum, { reruns }) => sum + reruns.count, 0);
  }

  append(partition: number, key: string | undefined): void {
    const { log, succeeded, excused, keys } = this.#of(partition);
    const offset = log.length;
    log.push({ partition, offset, key });
    succeeded.push(key === undefined);
    excused.push(false);
    if (key === undefined) return;
    const known = keys.get(key);
    if (known === undefined) keys.set(key, { offsets: [offset], done: 0 });
    else known.offsets.push(offset);
  }

  log(partition: number): readonly LogRecord[] {
    return this.#of(partition).log;
  }

  claimed(partition: number, assignment: Assignment): void {
    this.#of(partition).reruns.claimed(assignment);
  }

  /** A handler begins in a process. */
  started(process: SimulatedWorker, record: LogRecord, owner: Owner): void {
    this.starts += 1;
    const truth = this.#of(record.partition);
    const { epoch, state } = owner;
    const name = nameOf(record);
    if (truth.log[record.offset]?.key !== record.key || owner.given !== record.offset) {
      this.#fail(`P9 payload: ${name} was handled as key ${record.key} with the record of @${owner.given}`);
    }
    if (!this.#storedEpochs.has(epoch))
      this.#fail(`${name} started before the commit that takes epoch ${epoch} was stored`);
    if (!this.#confirmedEpochs.has(epoch)) this.#fail(`${name} started before epoch ${epoch} was confirmed`);
    if ((truth.userOf.get(epoch) ?? state) !== state)
      this.#fail(`P7 epoch: ${name} started under epoch ${epoch}, which another assignment has used`);
    truth.userOf.set(epoch, state);
    // A replaced worker that does not know it yet goes on under its old epoch: void, and held to nothing but its own order.
    if (epoch >= truth.newestEpoch) {
      this.#checkOrder(truth, record, owner.aside);
      this.#checkParked(record, owner.aside);
      this.#checkRerun(truth, record, { process, state, aside: owner.aside });
    }
    this.#checkOverlap(process, record);
    this.#runningIn(process).set(laneOf(record), { offset: record.offset, owner, voided: false });
  }

  #checkOrder(truth: PartitionTruth, record: LogRecord, aside: boolean): void {
    const key = truth.keys.get(record.key ?? '');
    for (let i = key?.done ?? 0; ; i += 1) {
      const earlier = key?.offsets[i];
      if (earlier === undefined || earlier >= record.offset) return;
      if (isSettled(truth, earlier) || this.#isParkedAlone(record, earlier)) continue;
      // Taken out of a parked list; that this is done may be written down later.
      if (aside && this.#marks.isUnwanted(record.partition, earlier)) continue;
      this.#fail(
        `P4 order: ${nameOf(record)} started before ${record.partition}@${earlier} of the same key was finished`,
      );
      return;
    }
  }

  #isParkedAlone({ partition, key }: LogRecord, offset: number): boolean {
    const { marks } = this.#marks.history(partition);
    return marks.some((mark) => mark.scope === 'task' && mark.key === key && mark.from === offset);
  }

  #checkParked(record: LogRecord, aside: boolean): void {
    const { partition, offset, key } = record;
    const { marks, pending } = this.#marks.history(partition);
    const mark = marks.find((one) => one.key === key && covers(one, offset));
    if (!aside && mark !== undefined)
      this.#fail(`${nameOf(record)} started in the queue while it was parked under mark ${mark.id}`);
    if (!aside) return;
    if (mark === undefined) this.#fail(`${nameOf(record)} was redriven and is not parked`);
    else if (mark.discarded.includes(offset))
      this.#fail(`${nameOf(record)} was redriven and had been discarded`);
    else if (!pending.some(({ verb }) => verb.name === 'redrive' && verb.mark === mark.id))
      this.#fail(`${nameOf(record)} was redriven and nobody has asked for it`);
  }

  #checkRerun(truth: PartitionTruth, record: LogRecord, by: Assignment & { readonly aside: boolean }): void {
    const isFinished = truth.succeeded[record.offset] ?? false;
    const explained = truth.reruns.started(by, { offset: record.offset, aside: by.aside }, isFinished);
    if (!explained && !truth.overtaken) {
      this.#fail(`P8 re-run: ${nameOf(record)} had succeeded, and nothing explains that it started again`);
    }
  }

  #checkOverlap(process: SimulatedWorker, record: LogRecord): void {
    const lane = laneOf(record);
    for (const [other, tasks] of this.#running) {
      const task = tasks.get(lane);
      if (task === undefined) continue;
      const name = nameOf(record);
      if (other === process) {
        this.#fail(`P5 overlap: ${name} started while @${task.offset} of its key ran in the same process`);
      } else if (process.known && other.alive && other.known && !task.voided) {
        this.#fail(`P5 overlap: ${name} started while @${task.offset} of its key ran in another member`);
      }
    }
  }

  /** The process itself has said that this run no longer counts. */
  voided(process: SimulatedWorker, record: LogRecord): void {
    const task = this.#running.get(process)?.get(laneOf(record));
    if (task?.offset === record.offset) task.voided = true;
  }

  /** A handler ends. What it did under an epoch that has been superseded counts for nothing: a store would refuse it. */
  ended(process: SimulatedWorker, record: LogRecord, success: boolean): void {
    const truth = this.#of(record.partition);
    const tasks = this.#running.get(process);
    const owner = tasks?.get(laneOf(record))?.owner;
    tasks?.delete(laneOf(record));
    if (owner === undefined || owner.epoch < truth.newestEpoch) return;
    if (!success) {
      truth.reruns.failed({ process, state: owner.state }, record.offset);
      return;
    }
    truth.succeeded[record.offset] = true;
    moveOn(truth, record.key);
  }

  /** An owner has skipped a task, or discarded a parked one. */
  excused(partition: number, offset: number, why: { readonly epoch: number; readonly asked: boolean }): void {
    const truth = this.#of(partition);
    if (why.epoch < truth.newestEpoch) return;
    if (!why.asked) this.#fail(`${partition}@${offset} was dropped and nobody had asked for it`);
    truth.excused[offset] = true;
    moveOn(truth, truth.log[offset]?.key);
  }

  crashed(process: SimulatedWorker): void {
    this.#running.delete(process);
  }

  confirmedInJournal(partition: number, epoch: number): void {
    this.#confirmedEpochs.add(epoch);
    const truth = this.#of(partition);
    truth.newestEpoch = Math.max(epoch, truth.newestEpoch);
  }

  /** The brokers have stored a commit. */
  committed(partition: number, commit: Commit): void {
    const read = decodeMetadata(commit.metadata, commit.offset);
    if (read.kind !== 'state') {
      this.#fail(`a commit at ${partition}/${commit.offset} carries ${read.kind} metadata`);
      return;
    }
    const { epoch } = read.state;
    const truth = this.#of(partition);
    this.#storedEpochs.add(epoch);
    // A late commit of an owner that was replaced is void; that nobody trusts it shows in what is started.
    if (epoch < truth.newestEpoch) return;
    const isDone = saidDone(commit, truth);
    let doneCount = 0;
    for (let offset = 0; offset < read.state.doneBelow; offset += 1) {
      if (!isDone(offset)) continue;
      doneCount += 1;
      if (!isSettled(truth, offset) && !this.#isCopied(truth, partition, offset)) {
        this.#fail(
          `P6 commit: ${partition}@${offset} is said to be finished by a commit at ${commit.offset} and is not`,
        );
      }
    }
    const before = truth.stored;
    if (before?.epoch === epoch && (commit.offset < before.offset || doneCount < before.doneCount)) {
      this.#fail(
        `P6 commit: epoch ${epoch} of partition ${partition} went back from ${before.offset} to ${commit.offset}`,
      );
    }
    truth.stored = { epoch, offset: commit.offset, doneCount };
    truth.isCommitted = isDone;
  }

  /** Whoever reads the parked topic finds it under a mark that counts. */
  #isCopied(truth: PartitionTruth, partition: number, offset: number): boolean {
    const key = truth.log[offset]?.key;
    const { marks } = this.#marks.history(partition);
    return marks.some(
      (mark) =>
        mark.key === key && covers(mark, offset) && this.#marks.list(partition, mark).includes(offset),
    );
  }

  /** A process has seen that its commit was acknowledged. */
  acknowledged(partition: number, commit: Commit, assignment: Assignment): void {
    const truth = this.#of(partition);
    truth.reruns.acknowledged(assignment, {
      isDone: saidDone(commit, truth),
      isParked: (offset) => this.#isCopied(truth, partition, offset),
    });
  }

  /** A process has seen its word written that parked tasks of a key are done. */
  progressed(
    partition: number,
    { parked, done }: { readonly parked: Parked; readonly done: number },
    assignment: Assignment,
  ): void {
    const truth = this.#of(partition);
    truth.reruns.progressed(assignment, {
      isDone: (offset) => offset <= done && parked.covers(offset) && truth.log[offset]?.key === parked.key,
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
    for (const [partition, truth] of this.#partitions.entries()) {
      const { log } = truth;
      const committed = committedOf(partition);
      const unseen = log.filter(
        ({ offset }) => !isSettled(truth, offset) && !this.#isCopied(truth, partition, offset),
      );
      for (const record of unseen.slice(0, 3)) {
        const what = record.offset < committed ? 'P1 lost' : 'P2 unseen';
        this.#fail(`${what}: ${nameOf(record)} (key ${record.key}) was never handled`);
      }
      if (committed !== log.length) {
        this.#fail(`P10 progress: partition ${partition} ends at ${log.length}, committed is ${committed}`);
      }
    }
  }

  /** When all that was parked has been redriven. */
  checkNothingParked(): void {
    for (const [partition, truth] of this.#partitions.entries()) {
      const { marks, pending } = this.#marks.history(partition);
      for (const mark of marks)
        this.#fail(`P10 progress: mark ${mark.id} of partition ${partition} is still there`);
      for (const { id, verb } of pending)
        this.#fail(`P10 progress: command ${id} (${verb.name}) of partition ${partition} was never done`);
      const open = truth.log.filter(({ offset }) => !isSettled(truth, offset));
      for (const record of open.slice(0, 3))
        this.#fail(`P1 lost: ${nameOf(record)} was parked and never redriven`);
    }
  }

  #of(partition: number): PartitionTruth {
    const truth = this.#partitions[partition];
    if (truth === undefined) throw new Error(`there is no partition ${partition}`);
    return truth;
  }

  #runningIn(process: SimulatedWorker): Map<string, RunningTask> {
    let tasks = this.#running.get(process);
    if (tasks === undefined) {
      tasks = new Map();
      this.#running.set(process, tasks);
    }
    return tasks;
  }

  fail(text: string): void {
    this.#fail(text);
  }

  #fail(text: string): void {
    if (this.violations.length < 20) this.violations.push(text);
  }
}

/** What the journal and the parked topic say now. */
interface Marks {
  readonly history: (partition: number) => JournalHistory;
  readonly list: (partition: number, mark: Mark) => readonly number[];
  /** Somebody has asked that it be skipped or discarded. */
  readonly isUnwanted: (partition: number, offset: number) => boolean;
}

function covers(mark: Mark, offset: number): boolean {
  return mark.scope === 'key' ? offset >= mark.from : offset === mark.from;
}

function isSettled({ succeeded, excused }: PartitionTruth, offset: number): boolean {
  return succeeded[offset] === true || excused[offset] === true;
}

function moveOn(truth: PartitionTruth, name: string | undefined): void {
  const key = truth.keys.get(name ?? '');
  while (key !== undefined && isSettled(truth, key.offsets[key.done] ?? -1)) key.done += 1;
}

/** What a commit says to be finished. */
function saidDone(commit: Commit, truth: PartitionTruth): (offset: number) => boolean {
  const read = decodeMetadata(commit.metadata, commit.offset);
  if (read.kind !== 'state') return (offset) => offset < commit.offset;
  const openFrom = new Map(read.state.lanes.map(({ hash, offset }) => [hash, offset]));
  return (offset) => {
    if (offset < commit.offset) return true;
    const key = truth.log[offset]?.key;
    if (offset >= read.state.doneBelow || key === undefined) return offset < read.state.doneBelow;
    return offset < (openFrom.get(hashOf(key)) ?? Number.POSITIVE_INFINITY);
  };
}

const hashes = new Map<string, string>();

function hashOf(key: string): string {
  let hash = hashes.get(key);
  if (hash === undefined) {
    hash = keyHash(key);
    hashes.set(key, hash);
  }
  return hash;
}

function laneOf({ partition, key }: LogRecord): string {
  return `${partition}/${key}`;
}

function nameOf({ partition, offset }: LogRecord): string {
  return `${partition}@${offset}`;
}

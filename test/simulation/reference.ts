import { decodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import { keyHash } from '../../src/worker/core/key-hash.ts';
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

/** The assignment that starts something, and the epoch it does so under. */
interface Owner {
  readonly state: object;
  readonly epoch: number;
}

interface PartitionTruth {
  readonly log: LogRecord[];
  readonly succeeded: boolean[];
  /** Offsets of each key, and how many of them from the first on have succeeded. */
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

  constructor(partitions: number) {
    for (let i = 0; i < partitions; i += 1) {
      this.#partitions.push({
        log: [],
        succeeded: [],
        keys: new Map(),
        newestEpoch: -1,
        userOf: new Map(),
        reruns: new Reruns(),
        overtaken: false,
        stored: undefined,
      });
    }
  }

  get reruns(): number {
    return this.#partitions.reduce((sum, { reruns }) => sum + reruns.count, 0);
  }

  append(partition: number, key: string | undefined): void {
    const { log, succeeded, keys } = this.#of(partition);
    const offset = log.length;
    log.push({ partition, offset, key });
    succeeded.push(key === undefined);
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
    if (truth.log[record.offset]?.key !== record.key) {
      this.#fail(`P9 payload: ${name} was handled as key ${record.key}`);
    }
    if (!this.#storedEpochs.has(epoch))
      this.#fail(`${name} started before the commit that takes epoch ${epoch} was stored`);
    if (!this.#confirmedEpochs.has(epoch)) this.#fail(`${name} started before epoch ${epoch} was confirmed`);
    if ((truth.userOf.get(epoch) ?? state) !== state)
      this.#fail(`P7 epoch: ${name} started under epoch ${epoch}, which another assignment has used`);
    truth.userOf.set(epoch, state);
    // A replaced worker that does not know it yet goes on under its old epoch: void, and held to nothing but its own order.
    if (epoch >= truth.newestEpoch) {
      this.#checkOrder(truth, record);
      this.#checkRerun(truth, record, { process, state });
    }
    this.#checkOverlap(process, record);
    this.#runningIn(process).set(laneOf(record), { offset: record.offset, owner, voided: false });
  }

  #checkOrder(truth: PartitionTruth, record: LogRecord): void {
    const key = truth.keys.get(record.key ?? '');
    const earlier = key?.offsets[key.done];
    if (earlier === undefined || earlier >= record.offset) return;
    this.#fail(
      `P4 order: ${nameOf(record)} started before ${record.partition}@${earlier} of the same key succeeded`,
    );
  }

  #checkRerun(truth: PartitionTruth, record: LogRecord, assignment: Assignment): void {
    const isFinished = truth.succeeded[record.offset] ?? false;
    const explained = truth.reruns.started(assignment, record.offset, isFinished);
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
    const key = truth.keys.get(record.key ?? '');
    while (key !== undefined && truth.succeeded[key.offsets[key.done] ?? -1] === true) key.done += 1;
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
      if (truth.succeeded[offset] !== true) {
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
  }

  /** A process has seen that its commit was acknowledged. */
  acknowledged(partition: number, commit: Commit, assignment: Assignment): void {
    const truth = this.#of(partition);
    truth.reruns.acknowledged(assignment, saidDone(commit, truth));
  }

  /** An older commit has taken the place of a newer one. */
  overtaken(partition: number): void {
    const truth = this.#of(partition);
    truth.overtaken = true;
    truth.stored = undefined;
  }

  /** After healing and draining. */
  checkEnd(committedOf: (partition: number) => number): void {
    for (const [partition, { log, succeeded }] of this.#partitions.entries()) {
      const committed = committedOf(partition);
      const unseen = log.filter(({ offset }) => succeeded[offset] !== true);
      for (const record of unseen.slice(0, 3)) {
        const what = record.offset < committed ? 'P1 lost' : 'P2 unseen';
        this.#fail(`${what}: ${nameOf(record)} (key ${record.key}) was never handled`);
      }
      if (committed !== log.length) {
        this.#fail(`P10 progress: partition ${partition} ends at ${log.length}, committed is ${committed}`);
      }
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

  #fail(text: string): void {
    if (this.violations.length < 20) this.violations.push(text);
  }
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

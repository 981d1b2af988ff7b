import { decodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import { keyHash } from '../../src/worker/core/key-hash.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** A record of the simulated log. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
}

/** An offset that holds no task, as control records of somebody's transaction are. */
export const EMPTY = '';

export function isEmpty(record: LogRecord): boolean {
  return record.key === EMPTY;
}

interface RunningTask {
  readonly name: string;
  readonly epoch: number;
  voided: boolean;
}

/**
 * What must hold, kept beside the simulation by someone who sees everything: which tasks have really succeeded, where
 * and when. It knows nothing of lanes, frontiers or epochs.
 */
export class Reference {
  readonly logs = new Map<number, LogRecord[]>();
  readonly violations: string[] = [];
  readonly #succeeded = new Set<string>();
  /** What runs where: process, then lane. */
  readonly #running = new Map<SimulatedWorker, Map<string, RunningTask>>();
  /** The newest confirmed epoch of a partition: what is done under an older one is void. */
  readonly #newestEpoch = new Map<number, number>();
  /** Epochs whose taking commit the group has stored, and whose CONFIRM is in the journal. */
  readonly #storedEpochs = new Set<number>();
  readonly #confirmedEpochs = new Set<number>();
  readonly #committedBelow = new Map<number, number>();
  starts = 0;
  reruns = 0;

  append(partition: number, key: string): LogRecord {
    const log = this.log(partition);
    const record = { partition, offset: log.length, key };
    log.push(record);
    return record;
  }

  log(partition: number): LogRecord[] {
    let log = this.logs.get(partition);
    if (log === undefined) {
      log = [];
      this.logs.set(partition, log);
    }
    return log;
  }

  /** A handler begins in a process. */
  started(process: SimulatedWorker, record: LogRecord, epoch: number): void {
    this.starts += 1;
    const name = nameOf(record);
    if (this.log(record.partition)[record.offset]?.key !== record.key) {
      this.#fail(`P9 payload: ${name} was handled as key ${record.key}`);
    }
    if (!this.#storedEpochs.has(epoch))
      this.#fail(`${name} started before the commit that takes epoch ${epoch} was stored`);
    if (!this.#confirmedEpochs.has(epoch)) this.#fail(`${name} started before epoch ${epoch} was confirmed`);
    if (this.#succeeded.has(name)) this.reruns += 1;
    this.#checkOrder(record, epoch);
    let keys = this.#running.get(process);
    if (keys === undefined) {
      keys = new Map();
      this.#running.set(process, keys);
    }
    const lane = `${record.partition}/${record.key}`;
    for (const [other, tasks] of this.#running) {
      const task = tasks.get(lane);
      if (task === undefined) continue;
      if (other === process) {
        this.#fail(`P5 overlap: ${name} started while ${task.name} of its key ran in the same process`);
      } else if (process.known && other.alive && other.known && !task.voided) {
        this.#fail(`P5 overlap: ${name} started while ${task.name} of its key ran in another member`);
      }
    }
    keys.set(lane, { name, epoch, voided: false });
  }

  /** A replaced worker that does not know it yet goes on under its old epoch: void, and held to nothing but its own order. */
  #checkOrder(record: LogRecord, epoch: number): void {
    if (epoch < (this.#newestEpoch.get(record.partition) ?? 0)) return;
    for (const earlier of this.log(record.partition)) {
      if (earlier.offset >= record.offset) break;
      if (earlier.key === record.key && !this.#succeeded.has(nameOf(earlier))) {
        this.#fail(`P4 order: ${nameOf(record)} started before ${nameOf(earlier)} of the same key succeeded`);
      }
    }
  }

  /** The process itself has said that this run no longer counts. */
  voided(process: SimulatedWorker, record: LogRecord): void {
    const task = this.#running.get(process)?.get(`${record.partition}/${record.key}`);
    if (task !== undefined) task.voided = true;
  }

  /** A handler ends. What it did under an epoch that has been superseded counts for nothing: a store would refuse it. */
  ended(process: SimulatedWorker, record: LogRecord, success: boolean): void {
    const lane = `${record.partition}/${record.key}`;
    const tasks = this.#running.get(process);
    const epoch = tasks?.get(lane)?.epoch ?? -1;
    tasks?.delete(lane);
    if (success && epoch >= (this.#newestEpoch.get(record.partition) ?? 0))
      this.#succeeded.add(nameOf(record));
  }

  crashed(process: SimulatedWorker): void {
    this.#running.delete(process);
  }

  confirmedInJournal(partition: number, epoch: number): void {
    this.#confirmedEpochs.add(epoch);
    this.#newestEpoch.set(partition, Math.max(epoch, this.#newestEpoch.get(partition) ?? 0));
  }

  /** The brokers have stored a commit. */
  committed(partition: number, offset: number, metadata: string): void {
    const read = decodeMetadata(metadata, offset);
    const unfinishedFrom = new Map<string, number>();
    let doneBelow = offset;
    if (read.kind === 'state') {
      this.#storedEpochs.add(read.state.epoch);
      // A late commit of an owner that was replaced is void; that nobody trusts it shows in what is started.
      if (read.state.epoch < (this.#newestEpoch.get(partition) ?? 0)) return;
      doneBelow = read.state.doneBelow;
      for (const lane of read.state.lanes) unfinishedFrom.set(lane.hash, lane.offset);
    } else {
      this.#fail(`a commit at ${partition}/${offset} carries ${read.kind} metadata`);
    }
    for (const record of this.log(partition)) {
      if (record.offset >= doneBelow) break;
      const open = unfinishedFrom.get(keyHash(record.key));
      const saidDone = record.offset < offset || open === undefined || record.offset < open;
      if (saidDone && !isEmpty(record) && !this.#succeeded.has(nameOf(record))) {
        this.#fail(`P6 commit: ${nameOf(record)} is said to be finished by a commit at ${offset} and is not`);
      }
    }
    this.#committedBelow.set(partition, offset);
  }

  /** After healing and draining. */
  checkEnd(): void {
    for (const [partition, log] of this.logs) {
      const unseen = log.filter((record) => !isEmpty(record) && !this.#succeeded.has(nameOf(record)));
      for (const record of unseen.slice(0, 3)) {
        const lost = record.offset < (this.#committedBelow.get(partition) ?? 0);
        this.#fail(
          `${lost ? 'P1 lost' : 'P2 unseen'}: ${nameOf(record)} (key ${record.key}) was never handled`,
        );
      }
      if (this.#committedBelow.get(partition) !== log.length) {
        this.#fail(
          `P10 progress: partition ${partition} ends at ${log.length}, committed is ${this.#committedBelow.get(partition)}`,
        );
      }
    }
  }

  #fail(text: string): void {
    if (this.violations.length < 20) this.violations.push(text);
  }
}

function nameOf(record: LogRecord): string {
  return `${record.partition}@${record.offset}`;
}

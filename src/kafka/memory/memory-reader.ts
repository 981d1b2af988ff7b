import type { IncomingRecord, KafkaFailure, Position, Reader, TopicPartition } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import { failures, offsetOutOfRange, unknownTopic } from './failures.ts';
import type { MemoryCluster } from './memory-cluster.ts';
import { nameOf } from './partition-name.ts';

interface Assigned {
  readonly partition: TopicPartition;
  /** The offset of the next record to hand out. */
  next: number;
  paused: boolean;
  /** A problem was reported: silent until assigned again. */
  broken: boolean;
}

/** Reads the logs of a {@link MemoryCluster}. Calls run one after the other, each in a step of its own. */
export class MemoryReader implements Reader {
  readonly #cluster: MemoryCluster;
  /** In the order of their turns: one that was served goes to the end. */
  readonly #assigned = new Map<string, Assigned>();
  readonly #calls: (() => void)[] = [];
  readonly #stopWatching: () => void;
  #readable: (() => void) | undefined;
  #problem: (failure: KafkaFailure) => void = () => {};
  /** The last poll found nothing, so the caller waits to be called. */
  #hungry = true;
  #polling = false;
  #closed = false;

  constructor(cluster: MemoryCluster) {
    this.#cluster = cluster;
    this.#stopWatching = cluster.watch((partition) => {
      if (this.#assigned.has(nameOf(partition))) this.#wake();
    });
  }

  assign(positions: readonly Position[]): Promise<void> {
    const copies = positions.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    return this.#inTurn('assign', () => {
      for (const { offset, ...partition } of copies) {
        this.#assigned.set(nameOf(partition), { partition, next: offset, paused: false, broken: false });
      }
      this.#wake();
    });
  }

  unassign(partitions: readonly TopicPartition[]): Promise<void> {
    const names = partitions.map(nameOf);
    return this.#inTurn('unassign', () => {
      for (const name of names) this.#assigned.delete(name);
    });
  }

  pause(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#setPaused('pause', partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#setPaused('resume', partitions, false);
  }

  #setPaused(what: string, partitions: readonly TopicPartition[], paused: boolean): Promise<void> {
    const names = partitions.map(nameOf);
    return this.#inTurn(what, () => {
      for (const name of names) {
        const assigned = this.#assigned.get(name);
        if (assigned !== undefined) assigned.paused = paused;
      }
      this.#wake();
    });
  }

  poll(maxRecords: number): Promise<readonly IncomingRecord[]> {
    if (this.#polling) this.#cluster.misuses.push('poll() was called while another was under way');
    this.#polling = true;
    return this.#inTurn('poll', () => {
      this.#polling = false;
      return this.#take(maxRecords);
    });
  }

  #take(maxRecords: number): readonly IncomingRecord[] {
    const records: IncomingRecord[] = [];
    for (const [name, assigned] of Array.from(this.#assigned)) {
      if (records.length >= maxRecords) break;
      const available = this.#log(assigned)?.read(assigned.next, maxRecords - records.length) ?? [];
      if (available.length === 0) continue;
      records.push(...available);
      assigned.next += available.length;
      this.#assigned.delete(name);
      this.#assigned.set(name, assigned);
    }
    this.#hungry = records.length === 0;
    return records;
  }

  /** The log when it can be read from the present position; reports once when it cannot. */
  #log(assigned: Assigned): ReturnType<MemoryCluster['log']> {
    if (assigned.paused || assigned.broken) return undefined;
    const failure = this.#whyUnreadable(assigned);
    if (failure === undefined) return this.#cluster.log(assigned.partition);
    assigned.broken = true;
    this.#problem(failure);
    return undefined;
  }

  #whyUnreadable({ partition, next }: Assigned): KafkaFailure | undefined {
    const ends = this.#cluster.log(partition)?.ends;
    if (ends === undefined) return unknownTopic(partition);
    return next < ends.start || next > ends.end ? offsetOutOfRange(partition, next) : undefined;
  }

  onReadable(listener: () => void): void {
    this.#readable = listener;
    this.#wake();
  }

  onProblem(listener: (failure: KafkaFailure) => void): void {
    this.#problem = listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopWatching();
    this.#assigned.clear();
  }

  /** Calls the listener when it waits for that and a poll would find something. */
  #wake(): void {
    const readable = this.#readable;
    if (!this.#hungry || readable === undefined || this.#closed) return;
    const found = [...this.#assigned.values()].some(
      (assigned) =>
        !assigned.paused &&
        !assigned.broken &&
        (this.#whyUnreadable(assigned) !== undefined ||
          assigned.next < (this.#cluster.log(assigned.partition)?.ends.end ?? 0)),
    );
    if (!found) return;
    this.#hungry = false;
    this.#cluster.schedule(() => this.#readable?.());
  }

  #inTurn<T>(what: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#calls.push(() => {
        if (this.#closed) reject(new KafkaRequestError(`Could not ${what} on the reader`, failures.closed));
        else resolve(work());
      });
      this.#cluster.schedule(() => this.#calls.shift()?.());
    });
  }
}

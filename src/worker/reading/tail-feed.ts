import type { IncomingRecord, Reader } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';
import type { PartitionState, Reading } from '../core/partition-state.ts';
import { itemOf } from './item-of.ts';

/**
 * What one poll aims at: more would block the event loop while it is converted, and live long enough to burden the garbage
 * collector (10 KB records: 64 a call are read twice as fast as 1,000).
 */
const POLL_BYTES = 2 * 1024 * 1024;
const POLL_COUNT = 128;

interface FeedDeps {
  readonly reader: Reader;
  readonly topic: string;
  /** How many records may be taken now; 0 = none. Asked once before each poll: to be given some is to have had a turn. */
  readonly wantedCount: () => number;
  readonly meanBytes: () => number;
  readonly deliver: (reading: Reading, items: readonly Item[]) => void;
  /** Nothing is read from here on, for no reason that a reader could have. */
  readonly onBroken: (error: unknown) => void;
}

/**
 * Brings records of assigned partitions to the core, as many as it wants. A partition's records are handed on only
 * between the completion of its latest assign and the next order that concerns it: what was fetched for an earlier
 * owner or an earlier position never gets through.
 */
export class TailFeed {
  readonly #deps: FeedDeps;
  /** What is wanted of a partition: ordered, and live once its assign has completed. */
  readonly #live = new Map<number, Reading>();
  readonly #ordered = new Map<number, Reading>();
  #polling = false;
  /** Asked to poll since the last poll began: what that brings may be from before, and the reader tells only once. */
  #askedAgain = false;
  #closed = false;
  /** The last poll ended because nothing more was wanted, not because nothing more was there. */
  #gated = false;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    deps.reader.onReadable(() => this.poll());
  }

  async read(readings: readonly Reading[]): Promise<void> {
    for (const reading of readings) {
      this.#live.delete(reading.partition.partition);
      this.#ordered.set(reading.partition.partition, reading);
    }
    await this.#deps.reader.assign(
      readings.map(({ partition, offset }) => ({
        topic: this.#deps.topic,
        partition: partition.partition,
        offset,
      })),
    );
    for (const reading of readings) {
      const number = reading.partition.partition;
      if (this.#ordered.get(number) === reading) this.#live.set(number, reading);
    }
    this.poll();
  }

  /** What comes of a partition from here on answers this order: it begins where the one before it has come to. */
  goOn(reading: Reading): void {
    this.#live.set(reading.partition.partition, reading);
    this.#ordered.set(reading.partition.partition, reading);
    this.poll();
  }

  async stop(partitions: readonly PartitionState[]): Promise<void> {
    for (const { partition } of partitions) {
      this.#live.delete(partition);
      this.#ordered.delete(partition);
    }
    await this.#deps.reader.unassign(this.#places(partitions));
  }

  async pause(partition: PartitionState): Promise<void> {
    await this.#deps.reader.pause(this.#places([partition]));
  }

  async resume(partition: PartitionState): Promise<void> {
    await this.#deps.reader.resume(this.#places([partition]));
    this.poll();
  }

  /** Goes on when the core has room again. Cheap when it has not. */
  poke(): void {
    if (!this.#gated || this.#polling || this.#closed) return;
    const wanted = this.#deps.wantedCount();
    if (wanted > 0) void this.#run(wanted);
  }

  poll(): void {
    this.#askedAgain = true;
    if (!this.#polling && !this.#closed) void this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#deps.reader.close();
  }

  #places(partitions: readonly PartitionState[]): { topic: string; partition: number }[] {
    return partitions.map(({ partition }) => ({ topic: this.#deps.topic, partition }));
  }

  async #run(wantedNow?: number): Promise<void> {
    this.#polling = true;
    this.#gated = false;
    try {
      let given = wantedNow;
      while (!this.#closed) {
        const wanted = given ?? this.#deps.wantedCount();
        given = undefined;
        if (wanted === 0) {
          this.#gated = true;
          return;
        }
        const count = Math.max(
          1,
          Math.min(wanted, POLL_COUNT, Math.floor(POLL_BYTES / this.#deps.meanBytes())),
        );
        this.#askedAgain = false;
        const records = await this.#deps.reader.poll(count);
        if (records.length === 0 && !this.#askedAgain) return;
        this.#handOn(records);
      }
    } catch (error) {
      // A closed reader rejects. Anything else would stop the reading without a word.
      if (!this.#closed) this.#deps.onBroken(error);
    } finally {
      this.#polling = false;
    }
  }

  #handOn(records: readonly IncomingRecord[]): void {
    let from = 0;
    while (from < records.length) {
      const number = records[from]?.partition;
      let to = from + 1;
      while (to < records.length && records[to]?.partition === number) to += 1;
      const reading = number === undefined ? undefined : this.#live.get(number);
      if (reading !== undefined) this.#deps.deliver(reading, records.slice(from, to).map(itemOf));
      from = to;
    }
  }
}

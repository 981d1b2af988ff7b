import type { Clock, Timer } from '../../clock/clock.ts';
import type { Reader } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';
import type { PartitionState, Reading } from '../core/partition-state.ts';
import { TailFeed } from './tail-feed.ts';

/** Records that one poll of a sweep takes at most. */
const POLL_COUNT = 64;

/** Bytes that one poll aims at: what it brings beyond the end of a sweep is read in vain, and again. */
const POLL_BYTES = 512 * 1024;

/**
 * How long a sweep that has ended keeps its place, with what its client has fetched ahead. A lane that drains a backlog
 * sweeps again and again, each time from where it was: ended for good, each would fetch some MB in vain, and again.
 */
const REST_MS = 10_000;

/** Records that are rather read than jumped over. */
const AHEAD_COUNT = 64;

interface SweepDeps {
  /** Made when the first sweep is opened: most workers never need one. */
  readonly openReader: () => Promise<Reader>;
  readonly topic: string;
  readonly clock: Clock;
  readonly meanBytes: () => number;
  /** What a partition may hold. */
  readonly partitionBytes: number;
  readonly deliver: (reading: Reading, items: readonly Item[]) => void;
  readonly onBroken: (error: unknown) => void;
}

/** A sweep: what it brought last, and where it has come to. */
interface Sweep {
  lastProgressMs: number;
  items: readonly Item[];
  next: number | undefined;
}

/** One that has ended and keeps its place. */
interface Resting {
  readonly partition: PartitionState;
  readonly until: Timer;
  items: readonly Item[];
  next: number;
}

/** Reads stretches of partitions again, with a client of its own: a client has one position a partition. */
export class SweepFeed {
  readonly #deps: SweepDeps;
  readonly #open = new Map<PartitionState, Sweep>();
  /** Only while no other is open: a client brings what it has of all its partitions. */
  #resting: Resting | undefined;
  #feed: Promise<TailFeed> | undefined;
  #opened: TailFeed | undefined;
  #closed = false;

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  /** Sweeps that have brought nothing for a while. */
  stalled(forMs: number): PartitionState[] {
    const nowMs = this.#deps.clock.monotonicMs();
    return [...this.#open]
      .filter(([, sweep]) => nowMs - sweep.lastProgressMs >= forMs)
      .map(([partition]) => partition);
  }

  /** Rejects when no reader could be opened; the next sweep tries to open one again. */
  async sweep(reading: Reading): Promise<void> {
    if (this.#closed) return;
    const { partition } = reading;
    const order: Sweep = { lastProgressMs: this.#deps.clock.monotonicMs(), items: [], next: undefined };
    this.#open.set(partition, order);
    const rested = this.#endRest();
    if (rested !== undefined && isAhead(rested, reading)) {
      this.#goOn(reading, order, rested);
      return;
    }
    // Without a pause once there is a feed: records from the earlier position may be on their way to us right now.
    const feed = this.#opened ?? (await this.#opening());
    if (this.#open.get(partition) !== order) return;
    const others = rested === undefined || rested.partition.partition === partition.partition ? [] : [rested];
    await Promise.all([feed.stop(others.map((one) => one.partition)), feed.read([reading])]);
  }

  /** A sweep that has come to its end, or whose partition is given up. */
  async stop(partition: PartitionState): Promise<void> {
    const sweep = this.#open.get(partition);
    this.#open.delete(partition);
    if (sweep?.next !== undefined && partition.phase === 'running' && this.#open.size === 0) {
      this.#rest(partition, sweep.items, sweep.next);
      return;
    }
    if (this.#resting?.partition === partition) this.#endRest();
    // Without a reader nothing of it is read yet, and whoever waits for one will find it stopped.
    await this.#opened?.stop([partition]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open.clear();
    this.#endRest();
    const feed = await this.#feed?.catch(() => undefined);
    await feed?.close();
  }

  #rest(partition: PartitionState, items: readonly Item[], next: number): void {
    const until = this.#deps.clock.setTimer(REST_MS, () => {
      if (this.#resting?.until !== until) return;
      this.#resting = undefined;
      this.#opened?.stop([partition]).catch(this.#deps.onBroken);
    });
    this.#resting = { partition, until, items, next };
  }

  #endRest(): Resting | undefined {
    const rested = this.#resting;
    rested?.until.clear();
    this.#resting = undefined;
    return rested;
  }

  /** From where the sweep before has ended, beginning with what it brought and did not need. */
  #goOn(reading: Reading, order: Sweep, rested: Resting): void {
    order.next = rested.next;
    this.#opened?.goOn(reading);
    const items = rested.items.filter(({ offset }) => offset >= reading.offset);
    if (items.length > 0) this.#bring(reading, order, items);
  }

  /** The client may bring one poll's records in several pieces. */
  #keep(partition: PartitionState, items: readonly Item[]): void {
    const rested = this.#resting;
    if (rested?.partition !== partition) return;
    rested.items = [...rested.items, ...items];
    rested.next = Math.max(rested.next, (items.at(-1)?.offset ?? -1) + 1);
  }

  #bring(reading: Reading, sweep: Sweep, items: readonly Item[]): void {
    sweep.lastProgressMs = this.#deps.clock.monotonicMs();
    sweep.items = items;
    sweep.next = Math.max(sweep.next ?? 0, (items.at(-1)?.offset ?? -1) + 1);
    this.#deps.deliver(reading, items);
  }

  /** No more than there is room for, where there is any: a sweep that refills lanes ends when there is none. */
  #wantedCount(): number {
    if (this.#open.size === 0) return 0;
    let bytes = POLL_BYTES;
    for (const { bufferedBytes } of this.#open.keys()) {
      const room = this.#deps.partitionBytes - bufferedBytes;
      if (room > 0) bytes = Math.min(bytes, room);
    }
    return Math.max(1, Math.min(POLL_COUNT, Math.ceil(bytes / this.#deps.meanBytes())));
  }

  #opening(): Promise<TailFeed> {
    this.#feed ??= this.#openFeed().then(
      (feed) => {
        this.#opened = feed;
        return feed;
      },
      (error: unknown) => {
        this.#feed = undefined;
        throw error;
      },
    );
    return this.#feed;
  }

  async #openFeed(): Promise<TailFeed> {
    const reader = await this.#deps.openReader();
    reader.onProblem(() => {});
    return new TailFeed({
      reader,
      topic: this.#deps.topic,
      wantedCount: () => this.#wantedCount(),
      meanBytes: this.#deps.meanBytes,
      deliver: (reading, items) => {
        const sweep = this.#open.get(reading.partition);
        if (sweep !== undefined) this.#bring(reading, sweep, items);
        else this.#keep(reading.partition, items);
      },
      onBroken: this.#deps.onBroken,
    });
  }
}

/** Whether the one that rests comes to where the other begins. */
function isAhead({ partition, items, next }: Resting, reading: Reading): boolean {
  if (partition !== reading.partition || reading.offset - next > AHEAD_COUNT) return false;
  return reading.offset >= (items[0]?.offset ?? next);
}

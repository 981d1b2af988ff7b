import type { Clock } from '../../clock/clock.ts';
import type { Reader } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';
import type { PartitionState, Reading } from '../core/partition-state.ts';
import { TailFeed } from './tail-feed.ts';

/** Records that one poll of a sweep takes at most. */
const POLL_COUNT = 64;

/** Bytes that one poll aims at: what it brings beyond the end of a sweep is read in vain, and again. */
const POLL_BYTES = 512 * 1024;

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

/** Reads stretches of partitions again, with a client of its own: a client has one position a partition. */
export class SweepFeed {
  readonly #deps: SweepDeps;
  readonly #open = new Map<PartitionState, { lastProgressMs: number }>();
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
    const order = { lastProgressMs: this.#deps.clock.monotonicMs() };
    this.#open.set(partition, order);
    // Without a pause once there is a feed: records from the earlier position may be on their way to us right now.
    const feed = this.#opened ?? (await this.#opening());
    if (this.#open.get(partition) === order) await feed.read([reading]);
  }

  async stop(partition: PartitionState): Promise<void> {
    this.#open.delete(partition);
    // Without a reader nothing of it is read yet, and whoever waits for one will find it stopped.
    await this.#opened?.stop([partition]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open.clear();
    const feed = await this.#feed?.catch(() => undefined);
    await feed?.close();
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
        if (sweep === undefined) return;
        sweep.lastProgressMs = this.#deps.clock.monotonicMs();
        this.#deps.deliver(reading, items);
      },
      onBroken: this.#deps.onBroken,
    });
  }
}

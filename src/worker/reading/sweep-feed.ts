import type { Clock } from '../../clock/clock.ts';
import type { Reader } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';
import type { PartitionState } from '../core/partition-state.ts';
import { TailFeed } from './tail-feed.ts';

/** Records that one poll of a sweep takes at most. */
const POLL_COUNT = 64;

interface SweepDeps {
  /** Made when the first sweep is opened: most workers never need one. */
  readonly openReader: () => Promise<Reader>;
  readonly topic: string;
  readonly clock: Clock;
  readonly meanBytes: () => number;
  readonly deliver: (partition: PartitionState, items: readonly Item[]) => void;
}

/** Reads stretches of partitions again, with a client of its own: a client has one position a partition. */
export class SweepFeed {
  readonly #deps: SweepDeps;
  readonly #open = new Map<PartitionState, { lastProgressMs: number }>();
  #feed: Promise<TailFeed> | undefined;
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

  async sweep(partition: PartitionState, from: number): Promise<void> {
    if (this.#closed) return;
    this.#open.set(partition, { lastProgressMs: this.#deps.clock.monotonicMs() });
    this.#feed ??= this.#openFeed();
    const feed = await this.#feed;
    if (this.#open.has(partition)) await feed.read([{ partition, offset: from }]);
  }

  async stop(partition: PartitionState): Promise<void> {
    this.#open.delete(partition);
    const feed = await this.#feed;
    // A sweep that was opened meanwhile has its own position already.
    if (feed !== undefined && !this.#open.has(partition)) await feed.stop([partition]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#open.clear();
    const feed = await this.#feed;
    await feed?.close();
  }

  async #openFeed(): Promise<TailFeed> {
    const reader = await this.#deps.openReader();
    reader.onProblem(() => {});
    return new TailFeed({
      reader,
      topic: this.#deps.topic,
      wantedCount: () => (this.#open.size > 0 ? POLL_COUNT : 0),
      meanBytes: this.#deps.meanBytes,
      deliver: (partition, items) => {
        const sweep = this.#open.get(partition);
        if (sweep === undefined) return;
        sweep.lastProgressMs = this.#deps.clock.monotonicMs();
        this.#deps.deliver(partition, items);
      },
    });
  }
}

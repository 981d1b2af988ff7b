import type { Clock } from '../../clock/clock.ts';
import type { CommitItem } from '../core/effects.ts';
import type { PartitionState } from '../core/partition-state.ts';

/** Has partitions committed anew, and says which of them the group acknowledged. */
export class FreshCommits {
  readonly #ask: (partitions: readonly PartitionState[]) => void;
  readonly #clock: Clock;
  /** The change of each partition that an acknowledged commit must hold. */
  readonly #wanted = new Map<PartitionState, number>();
  readonly #acked = new Set<PartitionState>();
  #wake: (() => void) | undefined;
  #closed = false;

  /** `ask`: the next commit is to speak of these. */
  constructor(ask: (partitions: readonly PartitionState[]) => void, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /**
   * Resolves with those that a commit sent from now on spoke of and the group acknowledged: as soon as these are all, and
   * with what there is when the time is up or the worker ends. One call at a time.
   */
  async request(
    partitions: readonly PartitionState[],
    timeoutMs: number,
  ): Promise<ReadonlySet<PartitionState>> {
    this.#acked.clear();
    this.#wanted.clear();
    if (this.#closed || partitions.length === 0) return new Set();
    this.#ask(partitions);
    for (const partition of partitions) this.#wanted.set(partition, partition.changes);
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(timeoutMs, resolve, { background: true });
      this.#wake = () => {
        timer.clear();
        resolve();
      };
    });
    this.#wake = undefined;
    this.#wanted.clear();
    return new Set(this.#acked);
  }

  /** The group has acknowledged this. */
  acknowledged({ partition, changes }: CommitItem): void {
    const wanted = this.#wanted.get(partition);
    if (wanted === undefined || changes < wanted) return;
    this.#acked.add(partition);
    this.#wanted.delete(partition);
    if (this.#wanted.size === 0) this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

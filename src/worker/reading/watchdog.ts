import type { LogEnds } from '../../kafka/admin.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { SweepFeed } from './sweep-feed.ts';

/** How often partitions that bring nothing are compared with their logs. */
const WATCHDOG_MS = 30_000;

interface WatchdogDeps {
  readonly partitions: () => Iterable<PartitionState>;
  readonly sweeps: SweepFeed;
  /** False while nothing is read because memory is full: silence means nothing then. */
  readonly isReading: () => boolean;
  /** Tells nothing of those whose leader does not answer. */
  readonly logEnds: (partitions: readonly PartitionState[]) => Promise<readonly LogEnds[]>;
  /** The log has more than was read, and nothing has come since the last look. */
  readonly onTailStalled: (partition: PartitionState, logStart: number) => void;
  /** A sweep has brought nothing since the last look. */
  readonly onSweepStalled: (partition: PartitionState, logStart: number) => void;
}

/** Notices when records stop coming although the log has more. Whatever the client's reason, reading begins anew. */
export class Watchdog {
  readonly #deps: WatchdogDeps;
  /** What each partition was to bring next when it was last looked at. */
  readonly #lastOffsets = new Map<PartitionState, number>();
  #lastLookMs: number;
  #looking = false;

  constructor(deps: WatchdogDeps, nowMs: number) {
    this.#deps = deps;
    this.#lastLookMs = nowMs;
  }

  isDue(nowMs: number): boolean {
    return !this.#looking && nowMs - this.#lastLookMs >= WATCHDOG_MS;
  }

  /** What is not told now is asked again at the next look. */
  async look(nowMs: number): Promise<void> {
    this.#lastLookMs = nowMs;
    const silent = this.#deps.isReading() ? this.#silentPartitions() : new Map<PartitionState, number>();
    this.#remember();
    const stalled = new Set(this.#deps.sweeps.stalled(WATCHDOG_MS));
    const asked = [...new Set([...silent.keys(), ...stalled])];
    if (asked.length === 0) return;
    for (const log of await this.#logEnds(asked)) {
      const partition = asked.find((one) => one.partition === log.partition);
      if (partition === undefined) continue;
      if (stalled.has(partition)) this.#deps.onSweepStalled(partition, log.start);
      const stillSilent = silent.get(partition) === partition.nextOffset;
      if (stillSilent && log.end > partition.nextOffset) this.#deps.onTailStalled(partition, log.start);
    }
  }

  async #logEnds(partitions: readonly PartitionState[]): Promise<readonly LogEnds[]> {
    this.#looking = true;
    try {
      return await this.#deps.logEnds(partitions);
    } catch {
      return []; // see above
    } finally {
      this.#looking = false;
    }
  }

  /** Partitions that brought nothing since the last look, with the offset they were to bring. */
  #silentPartitions(): Map<PartitionState, number> {
    const silent = new Map<PartitionState, number>();
    for (const partition of this.#deps.partitions()) {
      if (partition.phase !== 'running' || partition.paused) continue;
      if (this.#lastOffsets.get(partition) === partition.nextOffset)
        silent.set(partition, partition.nextOffset);
    }
    return silent;
  }

  #remember(): void {
    this.#lastOffsets.clear();
    for (const partition of this.#deps.partitions()) this.#lastOffsets.set(partition, partition.nextOffset);
  }
}

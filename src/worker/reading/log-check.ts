import type { LogSeen } from '../core/log-seen.ts';
import type { PartitionState } from '../core/partition-state.ts';

/** How often the logs of all partitions that are worked on are looked at. */
const LOOK_MS = 10_000;
/** Not sooner after a look than this, whatever a reader meets. */
const SOONEST_MS = 1_000;

interface LogCheckDeps {
  readonly partitions: () => Iterable<PartitionState>;
  readonly look: (
    partitions: readonly PartitionState[],
  ) => Promise<ReadonlyMap<PartitionState, Omit<LogSeen, 'readTo'>>>;
  readonly onSeen: (partition: PartitionState, log: LogSeen) => void;
}

/**
 * Looks whether what partitions have yet to do is still in their logs, and whether the topics are the same. Nobody tells
 * when records are deleted by others, a topic is made anew or an election loses the end of a log: a reader is silent, or
 * reads on as if nothing had been there.
 */
export class LogCheck {
  readonly #deps: LogCheckDeps;
  #lastLookMs: number;
  #looking = false;
  #isWanted = false;
  #isUrgent = false;

  constructor(deps: LogCheckDeps, nowMs: number) {
    this.#deps = deps;
    this.#lastLookMs = nowMs;
  }

  /** A reader has met something: it may be this. */
  want(): void {
    this.#isWanted = true;
  }

  /** A reading waits for it. */
  wantNow(): void {
    this.#isUrgent = true;
  }

  isDue(nowMs: number): boolean {
    if (this.#isUrgent && !this.#looking) return true;
    return !this.#looking && nowMs - this.#lastLookMs >= (this.#isWanted ? SOONEST_MS : LOOK_MS);
  }

  /** Brokers that do not answer are asked again at the next look. */
  async look(nowMs: number): Promise<void> {
    this.#lastLookMs = nowMs;
    this.#isWanted = false;
    this.#isUrgent = false;
    // Those that are halted too: that they go on is said in the state topic, which may have been made anew since.
    const partitions = [...this.#deps.partitions()].filter(
      ({ phase }) => phase === 'running' || phase === 'halted',
    );
    if (partitions.length === 0) return;
    const readTo = new Map(partitions.map((partition) => [partition, partition.nextOffset]));
    const unread = new Set(partitions.filter(({ logRead }) => logRead.part === undefined));
    for (const [partition, log] of await this.#logs(partitions)) {
      const unasked = unread.has(partition) ? ({ nothingAsked: true } as const) : {};
      this.#deps.onSeen(partition, { ...log, readTo: readTo.get(partition) ?? 0, ...unasked });
    }
    // An end that comes too early is believed when it is seen again; and a reading may wait for a leader that has not answered.
    this.#isWanted ||= partitions.some(
      ({ phase, endedAt, logRead }) => phase === 'running' && (endedAt !== undefined || logRead.isAsked),
    );
  }

  async #logs(
    partitions: readonly PartitionState[],
  ): Promise<ReadonlyMap<PartitionState, Omit<LogSeen, 'readTo'>>> {
    this.#looking = true;
    try {
      return await this.#deps.look(partitions);
    } catch {
      return new Map(); // see above
    } finally {
      this.#looking = false;
    }
  }
}

import type { LogSeen } from '../core/log-seen.ts';
import type { PartitionState } from '../core/partition-state.ts';

/** How often the logs of all partitions that are worked on are looked at. */
const LOOK_MS = 10_000;
/** Not sooner after a look than this, whatever a reader meets. */
const SOONEST_MS = 1_000;

interface LogCheckDeps {
  readonly partitions: () => Iterable<PartitionState>;
  /** Tells nothing of those whose leader does not answer. */
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
  /** When those that wait are asked about: as soon as something waits, and again once in a while. */
  #askMs = Number.POSITIVE_INFINITY;
  /** Those that are being asked about for themselves. */
  readonly #asking = new Set<PartitionState>();

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
    this.#askMs = Number.NEGATIVE_INFINITY;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#askMs || this.#isLookDue(nowMs);
  }

  /** What is not told now is asked again at the next look. */
  async look(nowMs: number): Promise<void> {
    const isLookDue = this.#isLookDue(nowMs);
    const isAskDue = nowMs >= this.#askMs;
    await Promise.all([
      isAskDue ? this.#ask(nowMs) : undefined,
      isLookDue ? this.#lookAtAll(nowMs) : undefined,
    ]);
  }

  #isLookDue(nowMs: number): boolean {
    return !this.#looking && nowMs - this.#lastLookMs >= (this.#isWanted ? SOONEST_MS : LOOK_MS);
  }

  async #lookAtAll(nowMs: number): Promise<void> {
    this.#lastLookMs = nowMs;
    this.#isWanted = false;
    this.#looking = true;
    // Those that are halted too: that they go on is said in the state topic, which may have been made anew since.
    const partitions = this.#those(({ phase }) => phase === 'running' || phase === 'halted');
    await this.#see(partitions);
    this.#looking = false;
  }

  /** Not with all the others: a broker that is silent would be waited for. */
  async #ask(nowMs: number): Promise<void> {
    this.#askMs = Number.POSITIVE_INFINITY;
    const waiting = this.#those((one) => isWaiting(one) && !this.#asking.has(one));
    for (const one of waiting) this.#asking.add(one);
    await this.#see(waiting);
    for (const one of waiting) this.#asking.delete(one);
    if (waiting.some(isWaiting)) this.#askMs = Math.min(this.#askMs, nowMs + SOONEST_MS);
  }

  #those(which: (partition: PartitionState) => boolean): readonly PartitionState[] {
    return [...this.#deps.partitions()].filter(which);
  }

  async #see(partitions: readonly PartitionState[]): Promise<void> {
    if (partitions.length === 0) return;
    const readTo = new Map(partitions.map((partition) => [partition, partition.nextOffset]));
    const unread = new Set(partitions.filter(({ logRead }) => logRead.part === undefined));
    const logs = await this.#deps.look(partitions).catch(() => undefined);
    for (const [partition, log] of logs ?? []) {
      const unasked = unread.has(partition) ? ({ nothingAsked: true } as const) : {};
      this.#deps.onSeen(partition, { ...log, readTo: readTo.get(partition) ?? 0, ...unasked });
    }
    // An end that comes too early is believed when it is seen again.
    this.#isWanted ||= partitions.some(({ phase, endedAt }) => phase === 'running' && endedAt !== undefined);
  }
}

function isWaiting({ phase, logRead }: PartitionState): boolean {
  return phase === 'running' && logRead.isAsked;
}

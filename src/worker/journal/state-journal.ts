import type { Clock } from '../../clock/clock.ts';
import { pause } from '../../clock/pause.ts';
import { GroupsFold, type NeededMark } from '../../journal/groups-fold.ts';
import type { JournalEntry, JournalHistory, WrittenEntry } from '../../journal/journal.ts';
import { encodeEntry } from '../../journal/journal-entry.ts';
import type { LogEnds } from '../../kafka/admin.ts';
import type { Reader } from '../../kafka/port.ts';

/** Appends one record to the state topic and resolves once it is durable, with its offset and the broker's append time. */
export type AppendState = (entry: {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
}) => Promise<{ readonly offset: number; readonly timestampMs: number }>;

/** How long a part of the journal may take to be read before a taking is tried again. */
const READ_TIMEOUT_MS = 30_000;

const POLL_COUNT = 1_000;

/**
 * The journal of one group as one worker sees it: appends entries, and follows the state topic so that a partition's
 * history up to a claim is at hand. Reading goes on for as long as the worker lives; a partition of the state topic is
 * read from its start once.
 */
export class StateJournal {
  readonly #group: string;
  readonly #topic: string;
  readonly #partitionCount: number;
  readonly #append: AppendState;
  readonly #reader: Reader;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #onEntry: (entry: WrittenEntry) => void;
  readonly #onBroken: (error: unknown) => void;
  #fold: GroupsFold;
  /** How often it was begun anew. */
  #starts = 0;
  /** State partitions that are being followed, with the offset that was reached. */
  readonly #reached = new Map<number, number>();
  /** State partitions that are to be read from their start, and are not yet. */
  readonly #toFollow = new Set<number>();
  readonly #waiting = new Set<() => void>();
  /** The brokers' time of our newest entry, and when we heard of it: that was later. */
  #anchor: { readonly brokerMs: number; readonly monotonicMs: number } | undefined;
  #polling = false;
  /** Asked to poll since the last poll began: what that brings may be from before, and the reader tells only once. */
  #askedAgain = false;
  #closed = false;

  constructor(deps: {
    readonly group: string;
    readonly topic: string;
    readonly partitionCount: number;
    readonly append: AppendState;
    readonly reader: Reader;
    readonly clock: Clock;
    readonly newId: () => string;
    /** Called for each entry of the group that is read, once, in the order of its state partition. */
    readonly onEntry: (entry: WrittenEntry) => void;
    /** Following the journal has ended without being told to. */
    readonly onBroken: (error: unknown) => void;
  }) {
    this.#group = deps.group;
    this.#topic = deps.topic;
    this.#partitionCount = deps.partitionCount;
    this.#append = deps.append;
    this.#reader = deps.reader;
    this.#clock = deps.clock;
    this.#newId = deps.newId;
    this.#onEntry = deps.onEntry;
    this.#onBroken = deps.onBroken;
    this.#fold = new GroupsFold(deps.group);
    this.#reader.onReadable(() => void this.#poll());
  }

  /** Where the entries of a partition are. */
  statePartition(partition: number): number {
    return partition % this.#partitionCount;
  }

  /** Resolves with the entry's offset. For a claim that is the epoch. */
  async append(entry: JournalEntry): Promise<number> {
    const { offset, timestampMs } = await this.#append({
      partition: this.statePartition(entry.partition),
      // One immutable key an entry: nothing overwrites anything, even on a topic that somebody made compacted.
      key: `${this.#group}/${entry.partition}/${this.#newId()}`,
      value: Buffer.from(encodeEntry(entry)),
    });
    if (timestampMs > 0) this.#anchor = { brokerMs: timestampMs, monotonicMs: this.#clock.monotonicMs() };
    return offset;
  }

  /**
   * What the brokers' clocks show now, or somewhat less: never more, as long as the topic's timestamps are theirs.
   * Undefined before anything of ours was appended.
   */
  brokerNowMs(): number | undefined {
    if (this.#anchor === undefined) return undefined;
    return this.#anchor.brokerMs + (this.#clock.monotonicMs() - this.#anchor.monotonicMs);
  }

  /** What the journal said of a partition up to an entry of ours, or up to its end. Rejects when it cannot be read in time. */
  async historyUpTo(partition: number, offset: number): Promise<JournalHistory> {
    await this.#readUpTo(this.statePartition(partition), offset);
    return this.#fold.history(partition, offset);
  }

  /**
   * Asks for the ends of logs, and reads those of the state topic among them up to there. Rejects when they cannot be read
   * in time, and when one ends before what had been read already: then the topic is not the one that was followed.
   */
  async readToEnds(ask: () => Promise<readonly LogEnds[]>): Promise<readonly LogEnds[]> {
    const before = new Map(this.#reached);
    const ends = await ask();
    await Promise.all(
      ends.map(async ({ topic, partition, end }) => {
        if (topic !== this.#topic) return;
        if (end < (before.get(partition) ?? 0)) {
          throw new Error(`partition ${partition} of '${topic}' ends before what was read of it`);
        }
        await this.#readUpTo(partition, end - 1);
      }),
    );
    return ends;
  }

  /** See {@link GroupsFold.settledConfirm}; as far as was read. */
  settledConfirm(group: string, partition: number, openBeforeMs?: number): JournalHistory['newestConfirm'] {
    return this.#fold.settledConfirm(group, partition, openBeforeMs);
  }

  /** See {@link GroupsFold.lowestNeeded}; as far as was read. */
  lowestNeeded(
    parkedPartition: (partition: number) => number,
    topicId?: string,
  ): ReadonlyMap<number, NeededMark> {
    return this.#fold.lowestNeeded(parkedPartition, topicId);
  }

  /**
   * The state topic is another one: what was read is of a journal that is gone. What there is now is read from its start;
   * whoever waits for an entry is told to ask again. When it rejects it has to be called again, and goes on where it was.
   */
  async startOver(): Promise<void> {
    const followed = [...this.#reached.keys()];
    await this.#reader.unassign(followed.map((partition) => ({ topic: this.#topic, partition })));
    // Only now: what had been fetched of the old one is in.
    this.#fold = new GroupsFold(this.#group);
    this.#starts += 1;
    this.#reached.clear();
    this.#anchor = undefined;
    this.#wake();
    for (const partition of followed) this.#toFollow.add(partition);
    await Promise.all([...this.#toFollow].map((partition) => this.#follow(partition)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#reader.close();
  }

  async #readUpTo(statePartition: number, offset: number): Promise<void> {
    if (!this.#reached.has(statePartition)) await this.#follow(statePartition);
    void this.#poll();
    await this.#untilReached(statePartition, offset);
  }

  async #follow(statePartition: number): Promise<void> {
    this.#reached.set(statePartition, 0);
    try {
      await this.#reader.assign([{ topic: this.#topic, partition: statePartition, offset: 0 }]);
      this.#toFollow.delete(statePartition);
    } catch (error) {
      this.#reached.delete(statePartition); // not being read: the next taking tries again
      throw error;
    }
  }

  async #untilReached(statePartition: number, offset: number): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + READ_TIMEOUT_MS;
    const starts = this.#starts;
    while (starts !== this.#starts || (this.#reached.get(statePartition) ?? 0) <= offset) {
      if (this.#closed || starts !== this.#starts || this.#clock.monotonicMs() >= deadlineMs) {
        throw new Error(`the state topic '${this.#topic}' could not be read up to offset ${offset}`);
      }
      const ms = deadlineMs - this.#clock.monotonicMs();
      await pause({ clock: this.#clock, ms, wakers: this.#waiting });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #poll(): Promise<void> {
    this.#askedAgain = true;
    if (this.#polling || this.#closed) return;
    this.#polling = true;
    try {
      for (;;) {
        this.#askedAgain = false;
        const records = await this.#reader.poll(POLL_COUNT);
        if (records.length === 0 && !this.#askedAgain) return;
        for (const record of records) {
          this.#reached.set(record.partition, record.offset + 1);
          const entry =
            record.value === null
              ? undefined
              : this.#fold.add(record.offset, record.value, record.timestampMs);
          if (entry !== undefined) this.#onEntry(entry);
        }
        this.#wake();
      }
    } catch (error) {
      // A closed reader rejects; whoever waits is told by the closing. Nothing else may end the following unnoticed:
      // the worker would hear of no newer owner and of no command.
      if (!this.#closed) this.#onBroken(error);
    } finally {
      this.#polling = false;
    }
  }
}

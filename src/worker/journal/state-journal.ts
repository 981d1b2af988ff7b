import type { Clock } from '../../clock/clock.ts';
import type { JournalEntry, JournalHistory, WrittenEntry } from '../../journal/journal.ts';
import { encodeEntry } from '../../journal/journal-entry.ts';
import { JournalFold } from '../../journal/journal-fold.ts';
import type { Reader } from '../../kafka/port.ts';

/** Appends one record to the state topic and resolves with its offset once it is durable. */
export type AppendState = (entry: {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
}) => Promise<number>;

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
  readonly #fold: JournalFold;
  /** State partitions that are being followed, with the offset that was reached. */
  readonly #reached = new Map<number, number>();
  readonly #waiting = new Set<() => void>();
  #polling = false;
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
    this.#fold = new JournalFold(deps.group);
    this.#reader.onReadable(() => void this.#poll());
  }

  /** Where the entries of a partition are. */
  statePartition(partition: number): number {
    return partition % this.#partitionCount;
  }

  /** Resolves with the entry's offset. For a claim that is the epoch. */
  async append(entry: JournalEntry): Promise<number> {
    return await this.#append({
      partition: this.statePartition(entry.partition),
      // One immutable key an entry: nothing overwrites anything, even on a topic that somebody made compacted.
      key: `${this.#group}/${entry.partition}/${this.#newId()}`,
      value: Buffer.from(encodeEntry(entry)),
    });
  }

  /** What the journal said of a partition up to an entry of ours, or up to its end. Rejects when it cannot be read in time. */
  async historyUpTo(partition: number, offset: number): Promise<JournalHistory> {
    const statePartition = this.statePartition(partition);
    if (!this.#reached.has(statePartition)) {
      this.#reached.set(statePartition, 0);
      await this.#follow(statePartition);
    }
    void this.#poll();
    await this.#untilReached(statePartition, offset);
    return this.#fold.history(partition, offset);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#reader.close();
  }

  async #follow(statePartition: number): Promise<void> {
    try {
      await this.#reader.assign([{ topic: this.#topic, partition: statePartition, offset: 0 }]);
    } catch (error) {
      this.#reached.delete(statePartition); // not being read: the next taking tries again
      throw error;
    }
  }

  async #untilReached(statePartition: number, offset: number): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + READ_TIMEOUT_MS;
    while ((this.#reached.get(statePartition) ?? 0) <= offset) {
      if (this.#closed || this.#clock.monotonicMs() >= deadlineMs) {
        throw new Error(`the state topic '${this.#topic}' could not be read up to offset ${offset}`);
      }
      await this.#nextProgress(deadlineMs);
    }
  }

  #nextProgress(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.clear();
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = this.#clock.setTimer(deadlineMs - this.#clock.monotonicMs(), wake);
      this.#waiting.add(wake);
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  async #poll(): Promise<void> {
    if (this.#polling || this.#closed) return;
    this.#polling = true;
    try {
      for (;;) {
        const records = await this.#reader.poll(POLL_COUNT);
        if (records.length === 0) return;
        for (const record of records) {
          this.#reached.set(record.partition, record.offset + 1);
          const entry = record.value === null ? undefined : this.#fold.add(record.offset, record.value);
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

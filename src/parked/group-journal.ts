import type { Clock } from '../clock/clock.ts';
import { pause } from '../clock/pause.ts';
import { TopicUnreadableError } from '../errors/parked-errors.ts';
import type { JournalEntry, JournalHistory } from '../journal/journal.ts';
import { JournalFold } from '../journal/journal-fold.ts';
import type { LogEnds } from '../kafka/admin.ts';
import type { IncomingRecord, Reader, TopicPartition } from '../kafka/port.ts';
import { HoldBook } from './hold-book.ts';
import { RecordStream } from './record-stream.ts';

/** A read that brings nothing for so long has failed. */
const PATIENCE_MS = 30_000;
const POLL_COUNT = 1_000;

export interface GroupJournalDeps {
  readonly group: string;
  readonly topic: string;
  readonly partitionCount: number;
  readonly openReader: () => Promise<Reader>;
  readonly closeReader: (reader: Reader) => Promise<void>;
  readonly logEnds: (partitions: readonly TopicPartition[]) => Promise<readonly LogEnds[]>;
  readonly clock: Clock;
}

/** A reader that is open, and what hands on its records. */
interface Session {
  readonly reader: Reader;
  readonly stop: AbortController;
  readonly pumped: Promise<void>;
}

/**
 * The journal as one group's operators see it. It is read from its start once and folded; what came since is read when
 * somebody asks. The reader is open only as long as somebody looks.
 */
export class GroupJournal {
  readonly holds = new HoldBook();
  readonly #deps: GroupJournalDeps;
  #fold: JournalFold;
  /** Next offset of each partition of the state topic. */
  #reached: number[];
  /** Ids of commands that somebody follows, with how they ended as far as was read. */
  readonly #followed = new Map<string, string | undefined>();
  readonly #waiting = new Set<() => void>();
  #users = 0;
  #readCount = 0;
  #session: Promise<Session> | undefined;

  constructor(deps: GroupJournalDeps) {
    this.#deps = deps;
    this.#fold = new JournalFold(deps.group);
    this.#reached = Array.from({ length: deps.partitionCount }, () => 0);
  }

  /** Reads all that was in the journal when this was called; then `look` may use what is below, and wait for more. */
  async look<T>(signal: AbortSignal, look: () => T | Promise<T>): Promise<T> {
    this.#users += 1;
    try {
      await this.#open();
      await this.#catchUp(signal);
      return await look();
    } finally {
      this.#users -= 1;
      if (this.#users === 0) await this.#close();
    }
  }

  /** What is parked in a partition, commands for it that have not ended, and how far it has come. */
  state(partition: number): Pick<JournalHistory, 'marks' | 'pending' | 'newestConfirm' | 'truncated'> {
    return this.#fold.history(partition, Number.MAX_SAFE_INTEGER);
  }

  /** From now on `outcomeOf` can tell how these commands end; until `unfollow`. */
  follow(ids: readonly string[]): void {
    for (const id of ids) this.#followed.set(id, undefined);
  }

  unfollow(ids: readonly string[]): void {
    for (const id of ids) this.#followed.delete(id);
  }

  /** What the newest entry that names a followed command says; it may be void as long as the command is pending. */
  outcomeOf(id: string): string | undefined {
    return this.#followed.get(id);
  }

  /** Resolves when more has been read, and when the time is up. Only within `look`. */
  more(deadlineMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    return pause({ clock, ms: deadlineMs - clock.monotonicMs(), signal, wakers: this.#waiting });
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    const { topic, clock, logEnds } = this.#deps;
    const ends = await logEnds(this.#reached.map((_, partition) => ({ topic, partition })));
    if (ends.some(({ partition, end }) => end < (this.#reached[partition] ?? 0))) await this.#startOver();
    let progressMs = clock.monotonicMs();
    for (;;) {
      signal.throwIfAborted();
      const behind = ends.find(({ partition, end }) => (this.#reached[partition] ?? 0) < end);
      if (behind === undefined) return;
      const before = this.#readCount;
      await this.more(progressMs + PATIENCE_MS, signal);
      if (this.#readCount > before) progressMs = clock.monotonicMs();
      else if (clock.monotonicMs() - progressMs >= PATIENCE_MS) {
        const { partition } = behind;
        throw new TopicUnreadableError(topic, `offset ${this.#reached[partition]} of partition ${partition}`);
      }
    }
  }

  /** The topic was made anew: what was read before is of another journal. */
  async #startOver(): Promise<void> {
    await this.#close();
    this.#fold = new JournalFold(this.#deps.group);
    this.holds.clear();
    this.#reached = this.#reached.map(() => 0);
    await this.#open();
  }

  async #open(): Promise<void> {
    const session = this.#session ?? this.#begin();
    this.#session = session;
    try {
      await session;
    } catch (error) {
      if (this.#session === session) this.#session = undefined; // whoever comes next tries again
      throw error;
    }
  }

  async #begin(): Promise<Session> {
    const reader = await this.#deps.openReader();
    const stop = new AbortController();
    const stream = new RecordStream(reader, this.#deps.clock);
    try {
      const { topic } = this.#deps;
      await reader.assign(this.#reached.map((offset, partition) => ({ topic, partition, offset })));
    } catch (error) {
      await this.#deps.closeReader(reader);
      throw error;
    }
    return { reader, stop, pumped: this.#pump(stream, stop.signal) };
  }

  async #close(): Promise<void> {
    const begun = this.#session;
    this.#session = undefined; // whoever comes from here on has a reader of its own
    const session = await begun?.catch(() => undefined);
    if (session === undefined) return;
    session.stop.abort();
    await session.pumped;
    await this.#deps.closeReader(session.reader);
  }

  async #pump(stream: RecordStream, stopped: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const records = await stream.next(POLL_COUNT, Number.POSITIVE_INFINITY, stopped);
        if (stopped.aborted) return;
        for (const record of records) this.#take(record);
        this.#readCount += records.length;
        for (const wake of this.#waiting) wake();
      }
    } catch {
      // It was stopped. A reader that is broken brings nothing, and who waits for it is told so.
    }
  }

  #take({ partition, offset, value }: IncomingRecord): void {
    if (offset < (this.#reached[partition] ?? 0)) return; // from a reader that is being closed: read already
    this.#reached[partition] = offset + 1;
    const entry = value === null ? undefined : this.#fold.add(offset, value);
    if (entry === undefined) return;
    if (entry.kind === 'command') this.holds.add(entry);
    else this.#noteEnd(entry);
  }

  #noteEnd(entry: JournalEntry): void {
    if (entry.kind === 'confirm') {
      for (const command of entry.accepted ?? []) this.#noteOutcome(command, 'accepted');
      return;
    }
    if (entry.kind !== 'done' && entry.kind !== 'cleared' && entry.kind !== 'mark') return;
    const outcome = entry.kind === 'done' ? entry.outcome : entry.kind === 'cleared' ? entry.how : 'parked';
    this.#noteOutcome(entry.command, outcome);
  }

  #noteOutcome(command: string, outcome: string): void {
    if (this.#followed.has(command)) this.#followed.set(command, outcome);
  }
}

import type { Clock } from '../../clock/clock.ts';
import type { IncomingRecord, Reader } from '../../kafka/port.ts';
import { NextReadable } from './next-readable.ts';
import type { TopicLog } from './parked-search.ts';

/** How long somebody waits for records before it may look whether they are still wanted. */
const LOOK_UP_MS = 1_000;

interface ReaderDeps {
  readonly topic: string;
  readonly clock: Clock;
  readonly pollCount: () => number;
}

/** The reader's place in one partition, and what it has brought of it that was not looked at. */
export class ParkedSession {
  readonly partition: number;
  /** The log as it was when somebody last asked. */
  log: TopicLog | undefined;
  /**
   * Whether somebody goes through what comes, or does something else meanwhile and will go on: then the next that comes is
   * kept, and no more. What comes for nobody is not kept.
   */
  use: 'read' | 'soon' | 'none' = 'read';
  isLeft = false;
  #next: number;
  #rest: readonly IncomingRecord[] = [];
  #at = 0;

  constructor(partition: number, from: number) {
    this.partition = partition;
    this.#next = from;
  }

  /** The offset of the next record, or a lower one. */
  get next(): number {
    return this.#next;
  }

  take(): IncomingRecord | undefined {
    const record = this.#rest[this.#at];
    if (record === undefined) return undefined;
    this.#at += 1;
    this.#next = record.offset + 1;
    return record;
  }

  get hasRecords(): boolean {
    return this.#at < this.#rest.length;
  }

  add(records: readonly IncomingRecord[]): void {
    this.#rest = this.hasRecords ? [...this.#rest.slice(this.#at), ...records] : records;
    this.#at = 0;
  }
}

interface Waiting {
  readonly sinceMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One client that reads several partitions of the parked topic at once: one that brings nothing holds up no other. */
export class ParkedReader {
  readonly #reader: Reader;
  readonly #deps: ReaderDeps;
  readonly #readable: NextReadable;
  readonly #sessions = new Map<number, ParkedSession>();
  readonly #waiting = new Map<ParkedSession, Waiting>();
  #polling = false;
  #retired = false;
  #closing: Promise<void> | undefined;

  constructor(reader: Reader, deps: ReaderDeps) {
    this.#reader = reader;
    this.#deps = deps;
    this.#readable = new NextReadable(deps.clock);
    reader.onProblem(() => {}); // reading goes on, or is given up by whoever waits
    reader.onReadable(() => this.#readable.wake());
  }

  get isRetired(): boolean {
    return this.#retired;
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Reads a partition from there. A session of it that was there before is left. */
  async start(partition: number, from: number): Promise<ParkedSession> {
    this.#forget(this.#sessions.get(partition));
    const session = new ParkedSession(partition, from);
    // Before the call: polls that begin after it bring records from there on, and none that began before it.
    this.#sessions.set(partition, session);
    try {
      await this.#reader.assign([{ topic: this.#deps.topic, partition, offset: from }]);
    } catch (error) {
      this.#forget(session);
      throw error;
    }
    return session;
  }

  async leave(session: ParkedSession): Promise<void> {
    if (session.isLeft) return;
    this.#forget(session);
    await this.#reader.unassign([{ topic: this.#deps.topic, partition: session.partition }]);
  }

  /** Resolves when something has come for the session, or after a while. Rejects when the client is of no more use. */
  bring(session: ParkedSession): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(session, { sinceMs: this.#deps.clock.monotonicMs(), resolve, reject });
      this.#readable.wake();
      if (!this.#polling) void this.#poll();
    });
  }

  /** Reading has failed: it is closed as soon as nobody else reads by it. */
  async retire(session: ParkedSession | undefined): Promise<void> {
    this.#retired = true;
    if (session !== undefined) session.use = 'none';
    await this.settle();
    // Those that go on need nothing of it, and hear themselves when the client is of no more use.
    if (session !== undefined && this.#closing === undefined) await this.leave(session).catch(() => {});
  }

  /** To be called when somebody has ended reading. */
  async settle(): Promise<void> {
    if (!this.#retired) return;
    for (const session of this.#sessions.values()) if (session.use === 'read') return;
    await this.close();
  }

  close(): Promise<void> {
    for (const session of this.#sessions.values()) this.#forget(session);
    this.#closing ??= this.#reader.close();
    this.#endAll(new Error('the reader of parked tasks was closed'));
    this.#readable.wake();
    return this.#closing;
  }

  #forget(session: ParkedSession | undefined): void {
    if (session === undefined) return;
    session.isLeft = true;
    if (this.#sessions.get(session.partition) === session) this.#sessions.delete(session.partition);
  }

  /** Runs for as long as anybody waits. */
  async #poll(): Promise<void> {
    this.#polling = true;
    try {
      while (this.#waiting.size > 0) {
        const readable = this.#readable.next();
        const asked = new Map(this.#sessions);
        const records = await this.#reader.poll(this.#deps.pollCount());
        await this.#handOut(records, asked);
        this.#endWaits();
        if (records.length === 0 && this.#waiting.size > 0) await readable(this.#leftMs());
        this.#endWaits();
      }
    } catch (error) {
      this.#endAll(error);
    } finally {
      this.#polling = false;
    }
  }

  /** `asked`: the sessions as they were when the poll began. What it brought is of no other. */
  async #handOut(
    records: readonly IncomingRecord[],
    asked: ReadonlyMap<number, ParkedSession>,
  ): Promise<void> {
    for (const [partition, session] of asked) {
      const own = records.filter((record) => record.partition === partition);
      if (own.length === 0 || session.isLeft) continue;
      if (session.use === 'read' || (session.use === 'soon' && !session.hasRecords)) session.add(own);
      else await this.leave(session);
    }
  }

  #endWaits(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const [session, { sinceMs, resolve }] of this.#waiting) {
      if (!session.hasRecords && nowMs - sinceMs < LOOK_UP_MS) continue;
      this.#waiting.delete(session);
      resolve();
    }
  }

  #endAll(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #leftMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting.values()) sinceMs = Math.min(sinceMs, waiting.sinceMs);
    return Math.max(0, sinceMs + LOOK_UP_MS - this.#deps.clock.monotonicMs());
  }
}

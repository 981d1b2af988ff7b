import type { Clock } from '../../clock/clock.ts';
import { endsWithin } from '../../clock/ends-within.ts';
import { encodeParkedEnd, readParkedCopy } from '../../codec/parked-copy.ts';
import { isOtherTopic } from '../../journal/journal.ts';
import type { IncomingRecord, LogEnds, OutgoingRecord, Reader, TopicPartition } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';
import type { ParkedFound, ParkedWant } from '../core/parked.ts';
import { itemOf, sizeOf } from './item-of.ts';
import { NextReadable } from './next-readable.ts';

/** Reading that brings nothing for so long has failed. */
const STALLED_MS = 30_000;

/** Brokers that do not answer are not waited for when the worker ends: what is read then is of no use. */
const CLOSE_MS = 5_000;

/** How often a job that waits for records looks whether it is still wanted. */
const LOOK_UP_MS = 1_000;

/** What is rather read than jumped over: so many records, and so much of them. Parts of tasks are large. */
const AHEAD_COUNT = 1_000;
const AHEAD_BYTES = 64 * 1024 * 1024;

/** What one poll aims at; see the tail feed. */
const POLL_BYTES = 2 * 1024 * 1024;
const POLL_COUNT = 128;

interface ParkedFeedDeps {
  readonly group: string;
  readonly topic: string;
  /** Made when something is redriven for the first time: most workers never need one. */
  readonly openReader: () => Promise<Reader>;
  readonly logEnds: (place: TopicPartition) => Promise<LogEnds>;
  /** Kafka's id of the topic as it is now; undefined where topics have none. */
  readonly topicId: () => Promise<string | undefined>;
  /** Appends to the topic, and resolves with the record's place once it is durable. */
  readonly append: (entry: {
    readonly partition: number;
    readonly lane: string;
    readonly id: string;
    readonly record: OutgoingRecord;
  }) => Promise<{ readonly offset: number }>;
  readonly clock: Clock;
}

export interface ParkedJob {
  /** The queue partition, and the partition of the parked topic that its copies are in. */
  readonly partition: number;
  readonly parkedPartition: number;
  readonly epoch: number;
  readonly wants: readonly ParkedWant[];
  /** False once nobody waits for it any more: then it ends early. */
  readonly isWanted: () => boolean;
}

/** What is being read, and what was read and not looked at: `rest` from `at` on. */
interface Session {
  readonly partition: number;
  next: number;
  rest: readonly IncomingRecord[];
  at: number;
  /** As it was when somebody last asked. */
  log: TopicLog | undefined;
}

/** The ends of the log, and Kafka's id of its topic. */
interface TopicLog extends LogEnds {
  readonly topicId: string | undefined;
}

/** A stretch of the parked topic, and what is looked for in it, by mark. */
interface Stretch {
  readonly place: TopicPartition;
  readonly from: number;
  readonly log: TopicLog;
  readonly open: Map<number, Search>;
}

/**
 * Reads copies of the parked topic, with a client of its own and one job at a time. A job reads from where the first of
 * its wants begins, and ends when each has what it asked for or the end is reached, as it was when the job began.
 *
 * That the end is reached is not said on a broker's word alone: one that was replaced as the leader, and has not heard of
 * it, tells the end that it knows, and copies behind that would count as done. So a record of ours is appended, which no
 * such broker can acknowledge, and read up to.
 */
export class ParkedFeed {
  readonly #deps: ParkedFeedDeps;
  readonly #readable: NextReadable;
  #reader: Promise<Reader> | undefined;
  #session: Session | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;
  #meanBytes = 65_536;

  constructor(deps: ParkedFeedDeps) {
    this.#deps = deps;
    this.#readable = new NextReadable(deps.clock);
  }

  /** Rejects when the topic cannot be read to the end of the job; the next job begins with a new reader. */
  read(job: ParkedJob): Promise<readonly ParkedFound[]> {
    const read = this.#queue.then(() => this.#read(job));
    this.#queue = read.catch(() => {});
    return read;
  }

  /** Nothing is read from here on. Resolves when what was begun has ended, or after a while. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#readable.wake();
    await endsWithin(this.#end(), CLOSE_MS, this.#deps.clock);
  }

  async #end(): Promise<void> {
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close();
    await this.#queue;
  }

  async #read(job: ParkedJob): Promise<readonly ParkedFound[]> {
    if (this.#closed) throw new Error('the worker ends');
    const place = { topic: this.#deps.topic, partition: job.parkedPartition };
    const first = Math.min(...job.wants.map((want) => want.from));
    // Where the job before it left off its idea of the end will do, until that is reached.
    const known = this.#isAhead(place, first) ? this.#session?.log : undefined;
    const log = known ?? (await this.#look(place));
    const { start } = log;
    const searches = job.wants.map((want) => new Search(want, start, log.topicId));
    const open = new Map(searches.filter((one) => one.isOpen).map((one) => [one.mark, one]));
    const from = Math.max(start, first);
    let end: number | undefined;
    if (open.size > 0) {
      const readTo = await this.#scan(job, { place, from, log, open });
      if (open.size > 0 && job.isWanted()) {
        const appended = await this.#appendEnd(job, log);
        const rest = { place, from: readTo, log: { ...log, end: appended + 1 }, open };
        if ((await this.#scan(job, rest)) > appended) end = appended;
      }
    }
    // The next job may begin where this one found enough.
    if (open.size > 0) await this.#leave();
    return searches.map((one) => one.found(log, end));
  }

  async #look(place: TopicPartition): Promise<TopicLog> {
    const topicId = await this.#deps.topicId();
    return { ...(await this.#deps.logEnds(place)), topicId };
  }

  /** The offset of the record that is appended: everything that was acknowledged before is below it. */
  async #appendEnd({ partition, parkedPartition, epoch }: ParkedJob, { topicId }: TopicLog): Promise<number> {
    if (this.#closed) throw new Error('the worker ends');
    const { group, topic, append } = this.#deps;
    const lane = `${group}/${partition}/end`;
    const record = encodeParkedEnd({ group, partition, epoch });
    const { offset } = await append({ partition: parkedPartition, lane, id: lane, record });
    // What was read and where the record is must be of one topic.
    if (isOtherTopic(topicId, await this.#deps.topicId())) {
      await this.#leave();
      throw new Error(`${topic} was made anew while it was read`);
    }
    return offset;
  }

  /** Reads until enough is found, the end is reached or nobody waits any more. Resolves with the offset to go on from. */
  async #scan(job: ParkedJob, { place, from, log, open }: Stretch): Promise<number> {
    const { end } = log;
    if (from >= end) return from;
    const reader = await this.#openReader();
    try {
      const session = await this.#goTo(reader, place, from);
      session.log = log;
      let progressMs = this.#deps.clock.monotonicMs();
      while (session.next < end && open.size > 0 && job.isWanted()) {
        if (this.#closed) throw new Error('the worker ends');
        const record = session.rest[session.at];
        if (record !== undefined) {
          session.at += 1;
          session.next = record.offset + 1;
          if (record.offset >= from && record.offset < end) this.#sort(record, job.partition, open);
          continue;
        }
        const readable = this.#readable.next();
        session.rest = await reader.poll(this.#pollCount());
        session.at = 0;
        if (session.rest.length > 0) {
          progressMs = this.#deps.clock.monotonicMs();
          continue;
        }
        const leftMs = progressMs + STALLED_MS - this.#deps.clock.monotonicMs();
        if (leftMs <= 0) throw new Error(`${place.topic} brings nothing from offset ${session.next} on`);
        await readable(Math.min(leftMs, LOOK_UP_MS));
      }
      return Math.max(from, session.next);
    } catch (error) {
      this.#session = undefined;
      this.#reader = undefined;
      await reader.close();
      throw error;
    }
  }

  /** Reads on from an offset. That takes a third of a second on a real cluster, unless it lies just ahead. */
  async #goTo(reader: Reader, place: TopicPartition, from: number): Promise<Session> {
    const known = this.#session;
    if (known !== undefined && this.#isAhead(place, from)) return known;
    await this.#leave();
    await reader.assign([{ ...place, offset: from }]);
    const session: Session = { partition: place.partition, next: from, rest: [], at: 0, log: undefined };
    this.#session = session;
    return session;
  }

  #isAhead({ partition }: TopicPartition, from: number): boolean {
    const known = this.#session;
    if (known?.partition !== partition) return false;
    return from >= known.next && from - known.next <= Math.min(AHEAD_COUNT, AHEAD_BYTES / this.#meanBytes);
  }

  async #leave(): Promise<void> {
    const known = this.#session;
    this.#session = undefined;
    if (known === undefined) return;
    const reader = await this.#reader;
    await reader?.unassign([{ topic: this.#deps.topic, partition: known.partition }]);
  }

  #sort(record: IncomingRecord, partition: number, open: Map<number, Search>): void {
    this.#meanBytes += (sizeOf(record) - this.#meanBytes) / 16;
    const copy = readParkedCopy(record);
    if (copy === undefined || copy.group !== this.#deps.group || copy.partition !== partition) return;
    const search = open.get(copy.mark);
    if (search === undefined) return;
    search.take(record.offset, copy);
    if (!search.isOpen) open.delete(copy.mark);
  }

  #pollCount(): number {
    return Math.max(1, Math.min(POLL_COUNT, Math.floor(POLL_BYTES / this.#meanBytes)));
  }

  #openReader(): Promise<Reader> {
    if (this.#closed) return Promise.reject(new Error('the worker ends'));
    this.#reader ??= this.#deps.openReader().then(
      async (reader) => {
        if (this.#closed) {
          await reader.close();
          throw new Error('the worker ends');
        }
        reader.onProblem(() => {}); // reading goes on, or is given up after STALLED_MS
        reader.onReadable(() => this.#readable.wake());
        return reader;
      },
      (error: unknown) => {
        this.#reader = undefined;
        throw error;
      },
    );
    return this.#reader;
  }
}

/** What is looked for, and what was found so far. */
class Search {
  readonly #want: ParkedWant;
  readonly #lostBelow: number;
  /** It is looked for from an offset of a topic that is gone. */
  readonly #isElsewhere: boolean;
  readonly #items: Item[] = [];
  #bytes = 0;
  #next: number;
  /** Highest source offset that is in the list, or before it. */
  #last: number;

  constructor(want: ParkedWant, logStart: number, topicId: string | undefined) {
    this.#want = want;
    this.#isElsewhere = isOtherTopic(want.topicId, topicId);
    this.#lostBelow = want.from < logStart ? logStart : 0;
    this.#next = want.from;
    this.#last = want.after;
  }

  get mark(): number {
    return this.#want.mark;
  }

  get isOpen(): boolean {
    const { count, bytes } = this.#want;
    return !this.#isElsewhere && this.#lostBelow === 0 && this.#items.length < count && this.#bytes < bytes;
  }

  /** Copies of a failed attempt are there again behind it; a remnant that lacks those before it would reorder them. */
  take(
    at: number,
    copy: { readonly offset: number; readonly previous: number; readonly record: IncomingRecord },
  ): void {
    if (at < this.#want.from || copy.offset <= this.#last || copy.previous > this.#last) return;
    const item = itemOf(copy.record);
    this.#items.push(item);
    this.#bytes += item.bytes;
    this.#last = copy.offset;
    this.#next = at + 1;
  }

  /** `end`: offset of the record that was appended, if all below it was read. */
  found({ start, topicId }: TopicLog, end: number | undefined): ParkedFound {
    const { mark } = this;
    const atEnd = this.isOpen && end !== undefined;
    // No copy was ever there: the topic was made anew, or its end was lost. Nothing found is not all that was parked.
    if (this.#isElsewhere || (atEnd && this.#want.from > end)) {
      const lostBelow = Math.max(1, this.#want.from);
      return { mark, items: [], next: start, topicId, atEnd: false, lostBelow };
    }
    const next = atEnd ? Math.max(end, this.#next) : this.#next;
    return { mark, items: this.#items, next, topicId, atEnd, lostBelow: this.#lostBelow };
  }
}

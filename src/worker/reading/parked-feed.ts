import type { Clock } from '../../clock/clock.ts';
import { endsWithin } from '../../clock/ends-within.ts';
import { encodeParkedEnd, readParkedCopy } from '../../codec/parked-copy.ts';
import { isOtherTopic } from '../../journal/journal.ts';
import type { LogEnds } from '../../kafka/admin.ts';
import type { IncomingRecord, OutgoingRecord, Reader, TopicPartition } from '../../kafka/port.ts';
import type { ParkedFound, ParkedWant } from '../core/parked.ts';
import { sizeOf } from './item-of.ts';
import { ParkedReader, type ParkedSession } from './parked-reader.ts';
import { ParkedSearch, type TopicLog } from './parked-search.ts';

/** Reading that brings nothing for so long has failed. */
const STALLED_MS = 30_000;

/** Brokers that do not answer are not waited for when the worker ends: what is read then is of no use. */
const CLOSE_MS = 5_000;

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

/** One parked partition: its jobs go one after the other. */
interface Line {
  readonly place: TopicPartition;
  jobs: Promise<unknown>;
  /** Where the last job left off, and the client that stands there. */
  stand: Stand | undefined;
}

interface Stand {
  readonly reader: ParkedReader;
  readonly session: ParkedSession;
}

/** A stretch of the parked topic, and what is looked for in it, by mark. */
interface Stretch {
  readonly from: number;
  readonly log: TopicLog;
  readonly open: Map<number, ParkedSearch>;
}

/**
 * Reads copies of the parked topic, with a client of its own and one job of a parked partition at a time: one without a
 * leader keeps nobody waiting but those who want something of it. A job reads from where the first of its wants begins,
 * and ends when each has what it asked for or the end is reached, as it was when the job began.
 *
 * That the end is reached is not said on a broker's word alone: one that was replaced as the leader, and has not heard of
 * it, tells the end that it knows, and copies behind that would count as done. So a record of ours is appended, which no
 * such broker can acknowledge, and read up to.
 */
export class ParkedFeed {
  readonly #deps: ParkedFeedDeps;
  readonly #lines = new Map<number, Line>();
  /** The one that jobs begin with. */
  #reader: Promise<ParkedReader> | undefined;
  #current: ParkedReader | undefined;
  /** And those that have failed for a job while others go on with them. */
  readonly #open = new Set<ParkedReader>();
  #closed = false;
  #meanBytes = 65_536;

  constructor(deps: ParkedFeedDeps) {
    this.#deps = deps;
  }

  /** Rejects when the topic cannot be read to the end of the job; the next job begins with a new reader. */
  read(job: ParkedJob): Promise<readonly ParkedFound[]> {
    const line = this.#lineOf(job.parkedPartition);
    const read = line.jobs
      .then(() => this.#read(job, line))
      .finally(() => {
        if (line.stand !== undefined) line.stand.session.use = 'none';
      });
    line.jobs = read.catch(() => {});
    return read;
  }

  /** Nothing is read from here on. Resolves when what was begun has ended, or after a while. */
  async close(): Promise<void> {
    this.#closed = true;
    await endsWithin(this.#end(), CLOSE_MS, this.#deps.clock);
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#open].map((reader) => reader.close()));
    await this.#reader?.catch(() => undefined); // one that is being opened is closed then
    await Promise.all([...this.#lines.values()].map(({ jobs }) => jobs));
  }

  #lineOf(partition: number): Line {
    let line = this.#lines.get(partition);
    if (line === undefined) {
      const place = { topic: this.#deps.topic, partition };
      line = { place, jobs: Promise.resolve(), stand: undefined };
      this.#lines.set(partition, line);
    }
    return line;
  }

  async #read(job: ParkedJob, line: Line): Promise<readonly ParkedFound[]> {
    if (this.#closed) throw new Error('the worker ends');
    const first = Math.min(...job.wants.map((want) => want.from));
    // Where the job before it left off its idea of the end will do, until that is reached.
    const log = this.#standAhead(line, first)?.session.log ?? (await this.#look(line));
    const { start } = log;
    const searches = job.wants.map((want) => new ParkedSearch(want, start, log.topicId));
    const open = new Map(searches.filter((one) => one.isOpen).map((one) => [one.mark, one]));
    const from = Math.max(start, first);
    let end: number | undefined;
    if (open.size > 0) {
      const readTo = await this.#scan(job, line, { from, log, open });
      if (open.size > 0 && job.isWanted()) {
        const appended = await this.#appendEnd(job, line, log);
        const rest = { from: readTo, log: { ...log, end: appended + 1 }, open };
        if ((await this.#scan(job, line, rest)) > appended) end = appended;
      }
    }
    // The next job may begin where this one found enough.
    if (open.size > 0) await leave(line);
    return searches.map((one) => one.found(log, end));
  }

  async #look({ place }: Line): Promise<TopicLog> {
    const topicId = await this.#deps.topicId();
    return { ...(await this.#deps.logEnds(place)), topicId };
  }

  /** The offset of the record that is appended: everything that was acknowledged before is below it. */
  async #appendEnd(
    { partition, parkedPartition, epoch }: ParkedJob,
    line: Line,
    { topicId }: TopicLog,
  ): Promise<number> {
    if (this.#closed) throw new Error('the worker ends');
    const { group, topic, append } = this.#deps;
    const lane = `${group}/${partition}/end`;
    const record = encodeParkedEnd({ group, partition, epoch });
    const { offset } = await append({ partition: parkedPartition, lane, id: lane, record });
    // What was read and where the record is must be of one topic.
    if (isOtherTopic(topicId, await this.#deps.topicId())) {
      await leave(line);
      throw new Error(`${topic} was made anew while it was read`);
    }
    return offset;
  }

  /** Reads until enough is found, the end is reached or nobody waits any more. Resolves with the offset to go on from. */
  async #scan(job: ParkedJob, line: Line, { from, log, open }: Stretch): Promise<number> {
    const { end } = log;
    if (from >= end) return from;
    const reader = this.#standAhead(line, from)?.reader ?? (await this.#openReader());
    let session: ParkedSession | undefined;
    try {
      session = await this.#goTo(reader, line, from);
      session.log = log;
      let progressMs = this.#deps.clock.monotonicMs();
      while (session.next < end && open.size > 0 && job.isWanted()) {
        if (this.#closed) throw new Error('the worker ends');
        const record = session.take();
        if (record !== undefined) {
          if (record.offset >= from && record.offset < end) this.#sort(record, job.partition, open);
          continue;
        }
        await reader.bring(session);
        const nowMs = this.#deps.clock.monotonicMs();
        if (session.hasRecords) progressMs = nowMs;
        else if (nowMs - progressMs >= STALLED_MS)
          throw new Error(`${line.place.topic} brings nothing from offset ${session.next} on`);
      }
      session.use = 'soon';
      await this.#settle(reader);
      return Math.max(from, session.next);
    } catch (error) {
      line.stand = undefined;
      if (this.#current === reader) this.#reader = this.#current = undefined;
      await reader.retire(session);
      await this.#settle(reader);
      throw error;
    }
  }

  /** Of one that has failed for somebody: closed when the last one has ended reading by it. */
  async #settle(reader: ParkedReader): Promise<void> {
    await reader.settle();
    if (reader.isClosed) this.#open.delete(reader);
  }

  /** Reads on from an offset. That takes a third of a second on a real cluster, unless it lies just ahead. */
  async #goTo(reader: ParkedReader, line: Line, from: number): Promise<ParkedSession> {
    const known = this.#standAhead(line, from)?.session;
    if (known !== undefined) {
      known.use = 'read';
      return known;
    }
    if (line.stand?.reader !== reader) await leave(line);
    const session = await reader.start(line.place.partition, from);
    line.stand = { reader, session };
    return session;
  }

  /** Where the line's reader stands, if that is there or just before it. */
  #standAhead({ stand }: Line, from: number): Stand | undefined {
    if (stand === undefined || stand.session.isLeft || stand.reader.isRetired) return undefined;
    const { next } = stand.session;
    const isAhead = from >= next && from - next <= Math.min(AHEAD_COUNT, AHEAD_BYTES / this.#meanBytes);
    return isAhead ? stand : undefined;
  }

  #sort(record: IncomingRecord, partition: number, open: Map<number, ParkedSearch>): void {
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

  #openReader(): Promise<ParkedReader> {
    if (this.#closed) return Promise.reject(new Error('the worker ends'));
    this.#reader ??= this.#deps.openReader().then(
      async (reader) => {
        if (this.#closed) {
          await reader.close();
          throw new Error('the worker ends');
        }
        const { topic, clock } = this.#deps;
        const opened = new ParkedReader(reader, { topic, clock, pollCount: () => this.#pollCount() });
        this.#current = opened;
        this.#open.add(opened);
        return opened;
      },
      (error: unknown) => {
        this.#reader = undefined;
        throw error;
      },
    );
    return this.#reader;
  }
}

async function leave(line: Line): Promise<void> {
  const { stand } = line;
  line.stand = undefined;
  await stand?.reader.leave(stand.session);
}

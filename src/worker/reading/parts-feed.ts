import type { Clock, Timer } from '../../clock/clock.ts';
import { loadNativeCrc32c } from '../../codec/crc32c.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { PartReading } from '../../codec/part-list.ts';
import type { StoreSet } from '../../codec/payload-store.ts';
import type { LogEnds } from '../../kafka/admin.ts';
import type { Reader, TopicPartition } from '../../kafka/port.ts';
import { NextReadable } from './next-readable.ts';
import { ObjectFeed } from './object-feed.ts';
import { PartGarbage } from './part-garbage.ts';
import { KEEPS_UP_MS, unreadable } from './part-line.ts';
import { PartLines } from './part-lines.ts';
import { PartReserve, type WindowMemory } from './part-reserve.ts';
import { PATIENCE_MS, STALLED_MS } from './part-silence.ts';
import { type RunningReader, type UploadParts, UploadSource } from './part-source.ts';

/** How long the reader goes on fetching when nothing is asked for. */
const REST_MS = 1_000;

/** While others wait for memory, consumers that ask for nothing for so long lose what waits for them. */
const IDLE_MS = 1_000;

interface PartsTopic {
  readonly name: string;
  readonly partitions: number;
}

interface PartsFeedDeps {
  /** Where parts are: those of tasks in the queue, and those of parked ones. */
  readonly topics: { readonly parts: PartsTopic; readonly parked: PartsTopic };
  /** Made when parts are read for the first time: most workers never need one. */
  readonly openReader: () => Promise<Reader>;
  readonly logEnds: (place: TopicPartition) => Promise<LogEnds>;
  readonly clock: Clock;
  /** Where objects are. */
  readonly stores: StoreSet;
  /** For what waits for consumers, or is kept by those that read all at once, and was not reserved before. */
  readonly memory: WindowMemory;
}

interface PartsJob {
  readonly manifest: BodyManifest;
  /** The consumer keeps all that it reads: memory is reserved for the whole, until the source is closed. */
  readonly whole: boolean;
  /** Left out: it is not for a task that runs. */
  readonly reader?: RunningReader | undefined;
  readonly decoding?: PartReading;
}

/**
 * Reads parts, with a client of its own for all uploads that are being read. Each source is given memory before anything
 * is read for it; one that is not emptied stops being read, and others go on.
 */
export class PartsFeed {
  readonly #deps: PartsFeedDeps;
  readonly #readable: NextReadable;
  readonly #reserve: PartReserve;
  readonly #sources = new Set<UploadSource>();
  readonly #objects: ObjectFeed;
  readonly #lines: PartLines;
  readonly #garbage = new PartGarbage();
  #reader: Promise<Reader> | undefined;
  #running: Promise<void> | undefined;
  #reclaiming: Timer | undefined;
  #resting: Timer | undefined;
  #closed = false;

  constructor(deps: PartsFeedDeps) {
    this.#deps = deps;
    this.#readable = new NextReadable(deps.clock);
    this.#reserve = new PartReserve(deps.memory, deps.clock);
    this.#lines = new PartLines(this.#reserve, deps.clock);
    this.#objects = new ObjectFeed({ ...deps, reserve: this.#reserve });
  }

  /** Reads an upload from its first part on. Nothing is read before it is asked for. */
  open(job: PartsJob): UploadParts {
    const source = this.#open(job);
    // What is read whole is kept.
    return job.whole ? source : this.#garbage.watch(source);
  }

  #open(job: PartsJob): UploadParts {
    void loadNativeCrc32c();
    const { manifest, whole, reader, decoding } = job;
    const { object } = manifest;
    if (object !== undefined) return this.#objects.open({ manifest, object, decoding, whole, reader });
    const { topics } = this.#deps;
    const { name, partitions } = manifest.at === 'parked' ? topics.parked : topics.parts;
    const source = new UploadSource({
      topic: name,
      manifest,
      whole,
      reader,
      decoding,
      nowMs: () => this.#deps.clock.monotonicMs(),
      mayRefill: (asking) => !this.#reserve.hasWaiting || this.#lines.hasTurn(asking),
      onAsk: (asking) => this.#ask(asking),
      onGranted: (ready) => {
        this.#lines.renewTurn(ready);
        this.#want(ready);
      },
      onClosed: (closed) => this.#forget(closed),
    });
    this.#sources.add(source);
    // A reader that is sent to where there is nothing brings nothing from elsewhere either.
    if (manifest.partition >= partitions)
      source.fail(source.lost(`${name} has ${partitions} partitions, or had when the worker started`));
    return source;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reclaiming?.clear();
    this.#resting?.clear();
    this.#objects.close();
    for (const source of this.#sources) source.fail(new Error('the worker ends'));
    this.#readable.wake();
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close();
    await this.#running;
  }

  #ask(source: UploadSource): void {
    if (this.#closed) {
      source.fail(new Error('the worker ends'));
      return;
    }
    // Whoever has emptied its window, and had its turn, goes to the end of the line for another one.
    if (source.isEmpty && !source.whole && this.#reserve.hasWaiting && !this.#lines.hasTurn(source))
      this.#reserve.release(source);
    if (this.#reserve.has(source)) this.#want(source);
    else this.#reserve.ask(source);
    if (this.#reserve.hasWaiting) this.#reclaimLater();
  }

  #want(source: UploadSource): void {
    this.#readable.wake();
    if (!source.wants) return;
    this.#lines.enter(source);
    this.#resting?.clear();
    this.#resting = undefined;
    this.#running ??= this.#run();
  }

  #forget(source: UploadSource): void {
    this.#sources.delete(source);
    this.#letGo(source);
    if (this.#running === undefined) this.#restLater();
  }

  #letGo(source: UploadSource): void {
    this.#lines.leave(source);
    this.#reserve.release(source);
  }

  #reclaimLater(): void {
    this.#reclaiming ??= this.#deps.clock.setTimer(IDLE_MS, () => {
      this.#reclaiming = undefined;
      this.#reclaim();
    });
  }

  /** A handler that reads one body while it waits for another one must not hold what the other one needs. */
  #reclaim(): void {
    const idleSinceMs = this.#deps.clock.monotonicMs() - IDLE_MS;
    for (const source of this.#sources) {
      if (!this.#reserve.hasWaiting) return;
      if (source.whole || source.windowBytes === 0) continue;
      if (!this.#reserve.has(source) || !source.isIdleSince(idleSinceMs)) continue;
      source.rewind();
      this.#letGo(source);
    }
    if (this.#reserve.hasWaiting) this.#reclaimLater();
  }

  /** Runs for as long as anything is wanted. Every call of the reader is made here, one after the other. */
  async #run(): Promise<void> {
    try {
      while (this.#isAsked()) {
        const reader = await this.#openReader();
        const readable = this.#readable.next();
        await this.#lines.arrange(reader);
        const count = this.#lines.pollCount;
        const records = count === 0 ? [] : await reader.poll(count);
        for (const record of records) this.#lines.handOn(record);
        if (await this.#tendSilence()) continue;
        // One whose window is full may have room in a moment, and loses its turn else.
        if (records.length === 0) await readable(count === 0 ? KEEPS_UP_MS : PATIENCE_MS);
      }
    } catch (error) {
      await this.#giveUp(error);
    } finally {
      this.#running = undefined;
    }
    // While the reader was being given up.
    if (this.#isAsked()) this.#running = this.#run();
    else this.#restLater();
  }

  /** What was fetched ahead may be of the next body. After a while it is not, and at the log's end it is asked for in vain. */
  #restLater(): void {
    if (this.#closed || this.#reader === undefined) return;
    this.#resting ??= this.#deps.clock.setTimer(REST_MS, () => {
      this.#resting = undefined;
      this.#running ??= this.#rest();
    });
  }

  async #rest(): Promise<void> {
    try {
      const reader = await this.#reader;
      if (reader !== undefined) await this.#lines.rest(reader);
    } catch {
      // It is used again as it is, or fails then.
    } finally {
      this.#running = undefined;
    }
    if (this.#isAsked()) this.#running = this.#run();
  }

  #isAsked(): boolean {
    return !this.#closed && this.#lines.areAsked;
  }

  /** True when the reader was given up. */
  async #tendSilence(): Promise<boolean> {
    const nowMs = this.#deps.clock.monotonicMs();
    let isStalled = false;
    for (const [line, current] of this.#lines.wanting()) {
      current.silence.goesOn(nowMs);
      line.silentSinceMs ??= nowMs;
      for (const source of [current, ...line.waiting]) this.#tend(source, nowMs);
      if (nowMs - line.silentSinceMs < STALLED_MS || current.silence.endsBefore(current.at)) continue;
      isStalled = true;
      for (const source of [current, ...line.waiting]) source.fail(unreadable(source));
    }
    if (isStalled) await this.#dropReader();
    return isStalled;
  }

  #tend(source: UploadSource, nowMs: number): void {
    const end = source.silence.cutOffAt(nowMs);
    if (end !== undefined) source.fail(source.lost(`the log ends at offset ${end}`));
    else if (source.silence.takeLook(nowMs)) this.#look(source);
  }

  /** In the background: the log may have been cut off where it is to be read, of which the reader says nothing. */
  #look(source: UploadSource): void {
    this.#deps.logEnds(source.place).then(
      (log) => {
        if (source.isOver) return;
        source.silence.saw(log);
        if (log.start <= source.at) return;
        source.fail(source.lost(`the log begins at offset ${log.start}, what was before it was deleted`));
        this.#readable.wake();
      },
      () => {}, // silence goes on, and ends as such
    );
  }

  /** Whoever waits for records hears of it; what was read before is there to be taken. */
  async #giveUp(error: unknown): Promise<void> {
    for (const source of this.#sources) {
      if (source.wants && this.#reserve.has(source)) source.fail(unreadable(source, { cause: error }));
    }
    await this.#dropReader();
  }

  /** The next one begins anew. */
  async #dropReader(): Promise<void> {
    this.#lines.reset();
    if (this.#closed) return; // whoever closes the feed closes it
    const reader = this.#reader;
    this.#reader = undefined;
    await (await reader?.catch(() => undefined))?.close().catch(() => {});
  }

  #openReader(): Promise<Reader> {
    this.#reader ??= this.#deps.openReader().then((reader) => {
      reader.onProblem(() => {}); // reading goes on, or is given up after STALLED_MS
      reader.onReadable(() => this.#readable.wake());
      return reader;
    });
    return this.#reader;
  }
}

import type { Clock, Timer } from '../../clock/clock.ts';
import { loadNativeCrc32c } from '../../codec/crc32c.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { PartReading } from '../../codec/part-list.ts';
import type { StoreSet } from '../../codec/payload-store.ts';
import type { StoredObject } from '../../codec/stored-object.ts';
import { StoredSource } from '../../codec/stored-source.ts';
import { StoreMissingError } from '../../errors/store-errors.ts';
import type { IncomingRecord, LogEnds, Reader, TopicPartition } from '../../kafka/port.ts';
import { NextReadable } from './next-readable.ts';
import {
  beginTurn,
  giveTurn,
  isTurnUp,
  isWanting,
  KEEPS_UP_MS,
  type Line,
  mayFlow,
  nameOf,
  newLine,
  unreadable,
} from './part-line.ts';
import { PartReserve, type WindowMemory } from './part-reserve.ts';
import { PATIENCE_MS, STALLED_MS } from './part-silence.ts';
import { type RunningReader, type UploadParts, UploadSource, WINDOW_COUNT } from './part-source.ts';

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
  readonly #objects = new Set<StoredSource>();
  /** By topic and partition. */
  readonly #lines = new Map<string, Line>();
  #reader: Promise<Reader> | undefined;
  #running: Promise<void> | undefined;
  #reclaiming: Timer | undefined;
  #resting: Timer | undefined;
  #closed = false;

  constructor(deps: PartsFeedDeps) {
    this.#deps = deps;
    this.#readable = new NextReadable(deps.clock);
    this.#reserve = new PartReserve(deps.memory, deps.clock);
  }

  /** Reads an upload from its first part on. Nothing is read before it is asked for. */
  open(job: PartsJob): UploadParts {
    void loadNativeCrc32c();
    const { manifest, whole, reader, decoding } = job;
    if (manifest.object !== undefined) return this.#openObject(job, manifest.object);
    const { topics } = this.#deps;
    const { name, partitions } = manifest.at === 'parked' ? topics.parked : topics.parts;
    const source = new UploadSource({
      topic: name,
      manifest,
      whole,
      reader,
      decoding,
      nowMs: () => this.#deps.clock.monotonicMs(),
      mayRefill: (asking) => !this.#reserve.hasWaiting || this.#hasTurn(asking),
      onAsk: (asking) => this.#ask(asking),
      onGranted: (ready) => this.#begin(ready),
      onClosed: (closed) => this.#forget(closed),
    });
    this.#sources.add(source);
    // A reader that is sent to where there is nothing brings nothing from elsewhere either.
    if (manifest.partition >= partitions)
      source.fail(source.lost(`${name} has ${partitions} partitions, or had when the worker started`));
    return source;
  }

  /** Whoever runs a task has memory for it: more than a reading of an object takes at once. */
  #openObject({ manifest, decoding }: PartsJob, object: StoredObject): UploadParts {
    const store = this.#deps.stores.get(object.store);
    if (store === undefined) return nothing(new StoreMissingError(object.store));
    if (this.#closed) return nothing(new Error('the worker ends'));
    const source = new StoredSource({
      store,
      object,
      manifest,
      decoding,
      clock: this.#deps.clock,
      onClosed: (closed) => this.#objects.delete(closed),
    });
    this.#objects.add(source);
    return source;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reclaiming?.clear();
    this.#resting?.clear();
    for (const source of this.#objects) source.fail(new Error('the worker ends'));
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
    if (source.isEmpty && !source.whole && this.#reserve.hasWaiting && !this.#hasTurn(source))
      this.#reserve.release(source);
    if (this.#reserve.has(source)) this.#want(source);
    else this.#reserve.ask(source);
    if (this.#reserve.hasWaiting) this.#reclaimLater();
  }

  /** With memory again its turn begins anew: what others waited for is theirs. */
  #begin(source: UploadSource): void {
    const line = this.#lineOf(source.place);
    if (line?.current === source) beginTurn(line, this.#deps.clock.monotonicMs());
    this.#want(source);
  }

  #want(source: UploadSource): void {
    this.#readable.wake();
    if (!source.wants) return;
    const line = this.#lineOf(source.place) ?? newLine(source.place);
    this.#lines.set(nameOf(source.place), line);
    if (line.current !== source) line.waiting.add(source);
    this.#resting?.clear();
    this.#resting = undefined;
    this.#running ??= this.#run();
  }

  #hasTurn(source: UploadSource): boolean {
    const line = this.#lineOf(source.place);
    return line?.current === source && !isTurnUp(line, this.#deps.clock.monotonicMs());
  }

  #lineOf(place: TopicPartition): Line | undefined {
    return this.#lines.get(nameOf(place));
  }

  #forget(source: UploadSource): void {
    this.#sources.delete(source);
    this.#letGo(source);
    if (this.#running === undefined) this.#restLater();
  }

  #letGo(source: UploadSource): void {
    this.#lineOf(source.place)?.waiting.delete(source);
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
        await this.#arrange(reader);
        const count = this.#pollCount();
        const records = count === 0 ? [] : await reader.poll(count);
        for (const record of records) this.#handOn(record);
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
      for (const line of this.#lines.values()) {
        if (reader !== undefined && line.current?.isOver !== false) await this.#pause(reader, line);
      }
    } catch {
      // It is used again as it is, or fails then.
    } finally {
      this.#running = undefined;
    }
    if (this.#isAsked()) this.#running = this.#run();
  }

  #isAsked(): boolean {
    if (this.#closed) return false;
    for (const line of this.#lines.values()) {
      if (line.waiting.size > 0 || isWanting(line, this.#reserve)) return true;
    }
    return false;
  }

  /** Gives turns and has the reader bring what is wanted. */
  async #arrange(reader: Reader): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const line of this.#lines.values()) giveTurn(line, this.#reserve, nowMs);
    for (const line of this.#lines.values()) {
      const { current, place } = line;
      if (current === undefined || !mayFlow(current, this.#reserve, nowMs)) await this.#pause(reader, line);
      else if (line.at !== current.at) {
        line.at = current.at;
        line.paused = false;
        await reader.assign([{ ...place, offset: current.at }]);
      } else if (line.paused) {
        line.paused = false;
        await reader.resume([place]);
      }
    }
  }

  /** Costs what was fetched ahead: a consumer that keeps up is never paused. */
  async #pause(reader: Reader, line: Line): Promise<void> {
    if (line.at === undefined || line.paused) return;
    line.paused = true;
    await reader.pause([line.place]);
  }

  /** No line gets more than it has room for, whichever of them the records are of. 0 while one that flows has none. */
  #pollCount(): number {
    let count = WINDOW_COUNT;
    for (const { at, paused, current } of this.#lines.values()) {
      if (at !== undefined && !paused && current !== undefined) count = Math.min(count, current.room);
    }
    return Math.max(0, count);
  }

  #handOn(record: IncomingRecord): void {
    const line = this.#lineOf(record);
    if (line === undefined) return;
    const { current, at } = line;
    line.at = record.offset + 1;
    line.silentSinceMs = undefined;
    // One that was sent back meanwhile must not be taken past what it has not seen.
    const follows = current !== undefined && current.at === at && this.#reserve.has(current);
    if (follows && current.take(record)) line.ownCount += 1;
    else line.otherCount += 1;
  }

  /** True when the reader was given up. */
  async #tendSilence(): Promise<boolean> {
    const nowMs = this.#deps.clock.monotonicMs();
    let isStalled = false;
    for (const line of this.#lines.values()) {
      const { current } = line;
      if (current === undefined || !isWanting(line, this.#reserve)) continue;
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
    for (const line of this.#lines.values()) {
      line.at = undefined;
      line.paused = false;
      line.silentSinceMs = undefined;
    }
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

/** Of which nothing can be read, and why. */
function nothing(error: Error): UploadParts {
  const rejected = (): Promise<never> => Promise.reject(error);
  return { next: rejected, nextPart: rejected, close: () => {} };
}

import type { BodyManifest } from '../../codec/manifest.ts';
import { PartList, type PartReading, type ReadPart } from '../../codec/part-list.ts';
import { BodyUnreadableError, type PartsLostError } from '../../errors/body-errors.ts';
import type { IncomingRecord, TopicPartition } from '../../kafka/port.ts';
import type { Attempt } from '../core/shared-budget.ts';
import type { Claimant } from './part-reserve.ts';
import { PartSilence } from './part-silence.ts';

/** Parts that wait for a consumer at most: memory is reserved for as many. */
export const WINDOW_COUNT = 8;

/** What waits for the consumer of an upload at most. */
export function windowBytes({ bytes, partBytes }: BodyManifest): number {
  return Math.min(bytes, WINDOW_COUNT * partBytes);
}

/** The content of one upload, part by part. */
export interface PartSource {
  /**
   * The next part's content; undefined after the last one. One call at a time.
   *
   * @throws PartsLostError; anything else means that reading failed, and may succeed another time.
   */
  next(): Promise<Buffer | undefined>;
  /** Gives back what it holds. A call under way rejects. Idempotent. */
  close(): void;
}

/** A task that runs and reads. */
export interface RunningReader {
  readonly attempt: Attempt;
  /** What it has memory for, since its start. */
  readonly reservedBytes: number;
}

/** One whose parts can be had as they were written, too. */
export interface UploadParts extends PartSource {
  /** As `next()`, with what else is known of the part. */
  nextPart(): Promise<ReadPart | undefined>;
}

interface SourceDeps {
  /** The topic that the manifest's partition is of. */
  readonly topic: string;
  readonly manifest: BodyManifest;
  readonly decoding: PartReading;
  /** All of it is reserved, and for as long as the source is open: the consumer keeps what it was given. */
  readonly whole: boolean;
  /** Of a task that runs, which has memory for some of it already. */
  readonly reader: RunningReader | undefined;
  readonly nowMs: () => number;
  /** Whether its window may be filled again before it is empty. */
  readonly mayRefill: (source: UploadSource) => boolean;
  /** More is wanted, or memory for it. */
  readonly onAsk: (source: UploadSource) => void;
  /** It has its memory. */
  readonly onGranted: (source: UploadSource) => void;
  /** Nothing more is wanted of it, and it holds nothing. */
  readonly onClosed: (source: UploadSource) => void;
}

/** One reading of an upload: what was read for it waits here, as records, until the consumer takes it. */
export class UploadSource implements UploadParts, Claimant {
  readonly manifest: BodyManifest;
  readonly place: TopicPartition;
  readonly whole: boolean;
  readonly windowBytes: number;
  readonly attempt: Attempt | undefined;
  /** The next offset to look at. */
  at: number;
  /** What is known while nothing of it comes. */
  readonly silence: PartSilence;
  readonly #deps: SourceDeps;
  readonly #list: PartList;
  /** When its consumer was last given something. */
  #servedAtMs: number;
  #records: IncomingRecord[] = [];
  #hungry = true;
  /** A consumer waits in `next()`. */
  #busy = false;
  #wake: () => void = () => {};
  #failure: Error | undefined;
  #ended = false;

  constructor(deps: SourceDeps) {
    const { manifest, whole, topic, decoding, reader } = deps;
    this.#deps = deps;
    this.manifest = manifest;
    this.place = { topic, partition: manifest.partition };
    this.whole = whole;
    this.attempt = reader?.attempt;
    const neededBytes = whole ? manifest.bytes : windowBytes(manifest);
    this.windowBytes = Math.max(0, neededBytes - (reader?.reservedBytes ?? 0));
    this.at = manifest.from;
    this.silence = new PartSilence(manifest.to);
    this.#servedAtMs = deps.nowMs();
    this.#list = new PartList(topic, manifest, decoding);
  }

  /** Nothing more is to be read for it. */
  get isOver(): boolean {
    return this.#ended || this.#list.isComplete || this.at > this.manifest.to;
  }

  /** It has room for what is worth a turn. */
  get wants(): boolean {
    return this.#hungry && !this.isOver;
  }

  /** Records that it can take before its window is full. */
  get room(): number {
    return Math.min(WINDOW_COUNT - this.#records.length, this.manifest.to - this.at + 1);
  }

  /** Nothing waits for its consumer. */
  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** Its consumer has not asked for anything since then. */
  isIdleSince(ms: number): boolean {
    return !this.hasTakenSince(ms);
  }

  /** Its consumer has asked for something since then, or waits for it. */
  hasTakenSince(ms: number): boolean {
    return this.#busy || this.#servedAtMs > ms;
  }

  async next(): Promise<Buffer | undefined> {
    return (await this.nextPart())?.content;
  }

  async nextPart(): Promise<ReadPart | undefined> {
    this.#busy = true;
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#list.isComplete) return undefined;
        const record = this.#records.shift();
        if (record === undefined) {
          if (this.at > this.manifest.to) throw this.lost('no other copy of it is there');
          await this.#more();
          continue;
        }
        if (this.isEmpty || (this.#records.length <= WINDOW_COUNT / 2 && this.#mayRefill))
          this.#hungry = true;
        this.#deps.onAsk(this);
        const part = await this.#list.take(record);
        if (part !== undefined && this.#failure === undefined) return part;
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      this.#busy = false;
      this.#servedAtMs = this.#deps.nowMs();
      if (this.#list.isComplete && !this.whole) this.#end(new BodyUnreadableError('it has been read'));
    }
  }

  get #mayRefill(): boolean {
    return this.whole || this.windowBytes === 0 || this.#deps.mayRefill(this);
  }

  #more(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#deps.onAsk(this);
    return woken;
  }

  granted(): void {
    this.#deps.onGranted(this);
  }

  /** A record of its partition, in offset order. True when it is one of the upload's. */
  take(record: IncomingRecord): boolean {
    if (this.isOver || record.offset < this.at) return false;
    this.at = record.offset + 1;
    const ours = record.offset <= this.manifest.to && this.#list.isOurs(record);
    if (ours) {
      this.#records.push(record);
      this.silence.ends();
    }
    if (this.#records.length >= WINDOW_COUNT) this.#hungry = false;
    if (ours || this.isOver) this.#wake();
    return ours;
  }

  /** Lets go of what nobody has taken: it is read again when it is asked for. */
  rewind(): void {
    const first = this.#records[0];
    if (first !== undefined) this.at = first.offset;
    this.#records = [];
    this.#hungry = true;
  }

  lost(reason: string): PartsLostError {
    return this.#list.lost(reason);
  }

  /** Whoever asks for more is told. The first failure stands. */
  fail(failure: Error): void {
    if (!this.#list.isComplete) this.#end(failure);
  }

  close(): void {
    this.#end(new BodyUnreadableError('it was closed'));
  }

  #end(failure: Error): void {
    if (!this.#list.isComplete) this.#failure ??= failure;
    this.#ended = true;
    this.#records = [];
    this.#deps.onClosed(this);
    this.#wake();
  }
}

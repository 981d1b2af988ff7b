import type { Clock } from '../../clock/clock.ts';
import { untilAborted } from '../../clock/until-aborted.ts';
import { combineCrc32c, crc32c } from '../../codec/crc32c.ts';
import type { loadLz4 } from '../../codec/lz4.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import { type CodedPart, encodePart } from '../../codec/part.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';
import type { Appended } from '../core/item.ts';
import { CompressionGauge } from './compression-gauge.ts';
import { cutParts } from './cut-parts.ts';
import type { LoopTurns } from './loop-turns.ts';
import type { OpenBody } from './open-body.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { PartsUnderWay } from './parts-under-way.ts';
import type { StoredUpload } from './stored-upload.ts';
import { UploadError } from './upload-error.ts';
import type { AppendPart, UploadJob, UploadTurn } from './uploader.ts';

interface UploadDeps {
  readonly id: string;
  readonly body: OpenBody;
  readonly append: AppendPart;
  /** Where its parts go, when that is not the topic. */
  readonly stored: StoredUpload | undefined;
  readonly clock: Clock;
  readonly loadLz4: typeof loadLz4;
  readonly underWay: PartsUnderWay;
  /** It waits for no body. */
  readonly beside: boolean;
  readonly buffers: PartBuffers;
  readonly turns: LoopTurns;
  readonly slowPartMs: number;
  /** Waits for the turn to read and write. */
  readonly enter: (signal: AbortSignal) => Promise<UploadTurn>;
}

/**
 * One upload: reads, compresses and appends part after part. Whatever fails first (source, append, caller) is its failure
 * and ends all the rest.
 */
export class Upload {
  readonly #job: UploadJob;
  readonly #deps: UploadDeps;
  /** Aborted with the failure. */
  readonly #failing = new AbortController();
  readonly #gauge = new CompressionGauge();
  /** Appends without an answer. */
  readonly #open = new Set<Promise<void>>();
  #count = 0;
  #bytes = 0;
  #crc = 0;
  #first: Appended | undefined;
  #last: Appended | undefined;

  constructor(job: UploadJob, deps: UploadDeps) {
    this.#job = job;
    this.#deps = deps;
  }

  async run(): Promise<BodyManifest> {
    const { signal } = this.#job;
    const onAbort = (): void => this.#fail(new UploadError({ kind: 'aborted', reason: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await this.#sendAll();
      return this.#manifest();
    } catch (error) {
      this.#fail(error);
      await Promise.all(this.#open); // they never reject, and are aborted
      await this.#deps.stored?.cancel(this.#failing.signal.reason);
      throw this.#failing.signal.reason;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #sendAll(): Promise<void> {
    const turn = await this.#deps.enter(this.#failing.signal);
    try {
      const parts = cutParts(this.#deps.body, this.#job, this.#deps.buffers);
      let more = true;
      while (more) more = await this.#sendNext(parts, turn);
      turn.endTurn(); // what is on its way is before whatever the next one sends, or beside it
      await Promise.all(this.#open);
      this.#failing.signal.throwIfAborted();
      await this.#complete();
    } finally {
      turn.endTurn();
      turn.leave();
    }
  }

  async #complete(): Promise<void> {
    try {
      await this.#deps.stored?.complete();
    } catch (cause) {
      this.#fail(new UploadError({ kind: 'append-failed', cause }));
    }
    this.#failing.signal.throwIfAborted();
  }

  /** False when there was no part left. In a function of its own: the part is let go of when it ends. */
  async #sendNext(parts: AsyncGenerator<Buffer, void>, turn: UploadTurn): Promise<boolean> {
    const { id, underWay, beside, buffers, turns, stored } = this.#deps;
    const { signal } = this.#failing;
    const { value: content } = await this.#unlessSlow(turn, parts.next());
    if (content === undefined) return false;
    await turns.spend(content.length);
    const frame = await this.#frameOf(content);
    const coded = await this.#codedOf(turn, content, frame);
    const checked = coded?.bytes ?? content;
    const crc = crc32c(checked);
    // Into an object they go one after the other: more of them would wait in memory for nothing.
    await underWay.enter({ upload: id, perUpload: stored === undefined ? undefined : 1, beside }, signal);
    if (signal.aborted) {
      underWay.leave(id);
      return false;
    }
    const record = encodePart({ upload: id, index: this.#count, content, crc, frame, coded });
    // Compressed or encoded into other memory: the content is not needed any more.
    if (record.value.buffer !== content.buffer) buffers.giveBack(content);
    this.#append(this.#count, record);
    this.#crc = combineCrc32c(this.#crc, crc, checked.length);
    this.#bytes += content.length;
    this.#count += 1;
    return true;
  }

  /**
   * A source or a codec that is slow keeps no other upload waiting, of its partition or of another: from then on its parts go
   * between those of the others. What it holds is one part, and how many tasks with uploads there are is bounded (see the producer).
   */
  async #unlessSlow<T>(turn: UploadTurn, work: Promise<T>): Promise<T> {
    const { clock, slowPartMs } = this.#deps;
    const timer = clock.setTimer(slowPartMs, () => {
      turn.endTurn();
      turn.leave();
    });
    try {
      const brought = await untilAborted(work, this.#failing.signal);
      this.#failing.signal.throwIfAborted();
      return brought;
    } finally {
      timer.clear();
    }
  }

  async #frameOf(content: Buffer): Promise<Buffer | undefined> {
    if (this.#job.compress === 'never' || !this.#gauge.shouldTry()) return undefined;
    const lz4 = await this.#deps.loadLz4();
    const sample = this.#gauge.sampleOf(content);
    if (sample !== undefined && !this.#gauge.promises(sample.length, lz4.compressFrameSync(sample).length))
      return undefined;
    // On this thread, some 2 ms: what the pool's threads allocate and this one lets go of stays with them, hundreds of MB
    // when bodies are uploaded one after the other.
    const frame = lz4.compressFrameSync(content, { contentChecksum: true });
    return this.#gauge.pays(content.length, frame.length) ? frame : undefined;
  }

  async #codedOf(
    turn: UploadTurn,
    content: Buffer,
    frame: Buffer | undefined,
  ): Promise<CodedPart | undefined> {
    const { coding } = this.#job;
    if (coding === undefined) return undefined;
    const part = { upload: this.#deps.id, index: this.#count };
    const made = coding.encode(frame ?? content, part);
    const bytes = made instanceof Promise ? await this.#unlessSlow(turn, made) : made;
    const codec = frame === undefined ? 'raw' : 'lz4f';
    return { by: coding.name, upload: part.upload, bytes, codec, lengthBytes: content.length };
  }

  #append(index: number, record: OutgoingRecord): void {
    const { id, append, underWay, buffers } = this.#deps;
    const { topic, partition, timeoutMs, onLanded } = this.#job;
    const { signal } = this.#failing;
    const sent = append(record, { topic, partition, upload: id, timeoutMs, signal, onLanded })
      .then(
        (appended) => {
          // Only now: until it is durable it may be sent again.
          buffers.giveBack(record.value);
          this.#appended(index, appended);
        },
        (cause: unknown) => this.#fail(new UploadError({ kind: 'append-failed', cause })),
      )
      .finally(() => {
        this.#open.delete(sent);
        underWay.leave(id);
      });
    this.#open.add(sent);
  }

  /** Answers to parts that are on their way together may come in any order. */
  #appended(index: number, appended: Appended): void {
    if (index === 0) this.#first = appended;
    if (appended.offset > (this.#last?.offset ?? -1)) this.#last = appended;
    const firstAtMs = this.#first?.timestampMs ?? appended.timestampMs;
    if (appended.timestampMs - firstAtMs > this.#job.timeoutMs) {
      this.#fail(new UploadError({ kind: 'too-late' }));
    }
  }

  /** Only the first failure counts. Ends every wait of the upload, and its source. */
  #fail(error: unknown): void {
    const { signal } = this.#failing;
    if (signal.aborted) return;
    this.#failing.abort(error);
    this.#deps.body.destroy(error);
  }

  #manifest(): BodyManifest {
    const { partition, partBytes, timeoutMs } = this.#job;
    if (this.#first === undefined || this.#last === undefined) {
      throw new Error('an upload has at least one byte');
    }
    const { offset: from, timestampMs: firstAtMs } = this.#first;
    return {
      upload: this.#deps.id,
      partition,
      count: this.#count,
      from,
      to: this.#last.offset,
      bytes: this.#bytes,
      partBytes,
      crc: this.#crc,
      firstAtMs,
      timeoutMs,
      ...this.#deps.stored?.place,
    };
  }
}

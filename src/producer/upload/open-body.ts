import type { BodySource } from '../../tasks/task-body.ts';
import { isReadOnce, isSpent, isStream, iterate } from './body-source.ts';
import { UploadError } from './upload-error.ts';

/** Empty chunks in a row after which others have their turn. */
const EMPTY_COUNT = 100;

/** Sources that can be read once, and belong to a task already. */
const taken = new WeakSet<object>();

/**
 * A body's source, read chunk by chunk by one reader and never ahead of it. Made as soon as the source is known: a stream
 * may fail at any time, and a failure that nobody listens to would end the process.
 */
export class OpenBody {
  /** What was given as bytes; undefined for a source that is iterated. */
  readonly bytes: Buffer | undefined;
  readonly #source: Exclude<BodySource, Uint8Array> | undefined;
  #iterator: AsyncIterator<unknown> | undefined;
  /** Read already and not given out. */
  #held: Buffer[] = [];
  #readBytes = 0;
  #ended = false;
  #destroyed: { readonly error: unknown } | undefined;
  /** Ends the wait for the next chunk. */
  #interrupt: ((error: unknown) => void) | undefined;

  constructor(source: BodySource) {
    if (source instanceof Uint8Array) {
      this.bytes = asBuffer(source);
      this.#held.push(this.bytes);
      this.#readBytes = this.bytes.length;
      this.#ended = true;
    } else {
      this.#source = source;
      if (isStream(source)) source.on('error', ignore); // whoever reads gets it as a rejection
    }
  }

  /** It can be read once, and a task has it already: each would get a part of it. */
  get isTaken(): boolean {
    return this.#source !== undefined && taken.has(this.#source);
  }

  /** From now on it belongs to a task. */
  take(): void {
    const source = this.#source;
    // What begins anew each time may be given as often as one likes.
    if (source !== undefined && isReadOnce(source)) taken.add(source);
  }

  /** It may be given to another task, if nothing of it was read. @returns whether it may */
  giveBack(): boolean {
    if (this.#iterator !== undefined || this.#destroyed !== undefined) return false;
    if (this.#source !== undefined) taken.delete(this.#source);
    return true;
  }

  /** Its source has nothing more to bring. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** The next chunk; undefined at the end. Rejects with an {@link UploadError}, or with what `destroy` was given. */
  next(): Promise<Buffer | undefined> {
    if (this.#destroyed !== undefined) return Promise.reject(this.#destroyed.error);
    const held = this.#held.shift();
    return held === undefined ? this.#read() : Promise.resolve(held);
  }

  /**
   * All of it, when it ends within `maxBytes`. Else undefined, and `next` gives what was read for this, and goes on from
   * there. What is kept while the source is read on is copied: a source may fill the same buffer again.
   */
  async readWhole(maxBytes: number): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    while (bytes <= maxBytes) {
      const chunk = await this.next();
      if (chunk === undefined) return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      bytes += chunk.length;
      chunks.push(this.bytes === undefined && bytes <= maxBytes ? Buffer.from(chunk) : chunk);
    }
    this.#held = [...chunks, ...this.#held];
    return undefined;
  }

  /** Ends the source; a wait for its next chunk rejects with the error. Idempotent. */
  destroy(error: unknown): void {
    if (this.#destroyed !== undefined) return;
    this.#destroyed = { error };
    this.#held = [];
    this.#interrupt?.(error);
    const source = this.#source;
    if (source === undefined) return;
    // Without an error: it is not the source's, and its owner may listen for its errors.
    if (isStream(source)) source.destroy();
    else this.#letGo(source);
  }

  async #read(): Promise<Buffer | undefined> {
    for (let reads = 1; ; reads += 1) {
      // A source that gives nothing without ever waiting would keep the whole process from everything else.
      if (reads % EMPTY_COUNT === 0) await new Promise((resolve) => setImmediate(resolve));
      const chunk = await this.#readChunk();
      if (chunk === undefined) return undefined;
      if (!(chunk instanceof Uint8Array)) throw new UploadError({ kind: 'not-bytes', found: nameOf(chunk) });
      this.#readBytes += chunk.length;
      if (chunk.length > 0) return asBuffer(chunk);
    }
  }

  async #readChunk(): Promise<unknown> {
    if (this.#ended) return undefined;
    const read = new Promise<IteratorResult<unknown>>((resolve, reject) => {
      this.#interrupt = reject;
      this.#start().next().then(resolve, reject);
    });
    try {
      const result = await read;
      if (result.done !== true) return result.value ?? null;
      this.#ended = true;
      return undefined;
    } catch (cause) {
      if (this.#destroyed !== undefined) throw this.#destroyed.error;
      throw new UploadError({ kind: 'source-failed', readBytes: this.#readBytes, cause });
    } finally {
      this.#interrupt = undefined;
    }
  }

  #start(): AsyncIterator<unknown> {
    if (this.#iterator !== undefined) return this.#iterator;
    const source = this.#source;
    if (source === undefined) throw new Error('bytes are not iterated');
    if (isSpent(source)) throw new Error('the stream had been read, or destroyed, before');
    this.#iterator = iterate(source);
    return this.#iterator;
  }

  /** Tells a source that is no stream. It may be in the middle of something, so that the answer may never come. */
  #letGo(source: AsyncIterable<unknown>): void {
    try {
      const iterator = this.#iterator ?? iterate(source);
      void iterator.return?.().then(ignore, ignore);
    } catch {
      // Nothing can be done about a source that does not want to end.
    }
  }
}

function ignore(): void {}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `a ${value.constructor?.name ?? 'object'}`;
}

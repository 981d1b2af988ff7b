import { Readable } from 'node:stream';
import { BodyTooLargeError, BodyUnreadableError } from '../../errors/body-errors.ts';
import type { TaskBody, TaskBytes } from '../../tasks/task-body.ts';
import type { PartSource } from '../reading/part-source.ts';

interface BodyToRead {
  readonly length: number;
  readonly contentEncoding: string | undefined;
  /** Called when reading begins. `whole`: all of it will be kept. */
  readonly open: (whole: boolean) => PartSource;
}

/** A body of one start of a task. Ends only when all of it was given out, and fails otherwise. */
export class BodyStream extends Readable implements TaskBody {
  readonly length: number;
  readonly contentEncoding: string | undefined;
  readonly #open: (whole: boolean) => PartSource;
  #source: PartSource | undefined;
  #givenBytes = 0;
  #isAllGiven = false;
  /** `bytes` reads it, and nobody else may take a part of it away. */
  #isListed = false;
  #failure: unknown;

  constructor({ length, contentEncoding, open }: BodyToRead) {
    // One part waits here, whatever its size; the next is asked for when that has been taken.
    super({ highWaterMark: 1 });
    this.length = length;
    this.contentEncoding = contentEncoding;
    this.#open = open;
    // A handler that does not listen for errors must not end the process; its task fails, whatever it returns.
    this.on('error', () => {});
  }

  /** Why the handler cannot have had all of the body although it has asked for it; undefined otherwise. */
  get failure(): unknown {
    return this.#failure;
  }

  override _read(): void {
    if (this.#isListed) return;
    this.#next().then(
      (content) => this.push(content ?? null),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Whoever has all of it as a list keeps that until its task has ended, and its memory with it.
    if (!this.#isListed) this.#source?.close();
    callback(error);
  }

  bytes(options: { readonly maxBytes: number }): Promise<TaskBytes> {
    const reading = this.#readList(options);
    reading.catch(() => {}); // a handler that ends without waiting for it must not end the process
    return reading;
  }

  async #readList(options: { readonly maxBytes: number } | undefined): Promise<TaskBytes> {
    const maxBytes = options?.maxBytes ?? Number.NaN; // plain JavaScript may leave it out
    // Not the other way round: what is no number must not be no limit.
    if (!(this.length <= maxBytes)) throw new BodyTooLargeError(this.length, maxBytes);
    if (this.destroyed) throw this.#whyClosed();
    if (this.#source !== undefined) throw new BodyUnreadableError('some of it has been read already');
    this.#isListed = true;
    const parts = await readAll(() => this.#next());
    this.destroy();
    return new BodyBytes(parts, this.contentEncoding);
  }

  #whyClosed(): Error {
    // What Node closes a stream with whose `for await` was left early.
    const isLeft =
      this.errored instanceof Error && 'code' in this.errored && this.errored.code === 'ABORT_ERR';
    if (isLeft) {
      const reason = 'its stream was closed before its end, by a loop that was left, say';
      return new BodyUnreadableError(reason, { cause: this.errored });
    }
    return this.errored ?? new BodyUnreadableError('it has been read, or its handler has ended');
  }

  /** What the handler does no longer counts, or its time is up: what it has read of the body is not all of it. */
  abort(reason: Error): void {
    if (this.#source !== undefined && !this.#isTaken) this.#failure ??= reason;
    this.destroy(reason);
  }

  /** The handler has ended. */
  end(): void {
    if (!this.destroyed) this.destroy(new BodyUnreadableError('its handler has ended'));
  }

  /** Nothing of it is left here. */
  get #isTaken(): boolean {
    return this.#isAllGiven && this.readableLength === 0;
  }

  async #next(): Promise<Buffer | undefined> {
    try {
      this.#source ??= this.#open(this.#isListed);
      const content = await this.#source.next();
      if (this.destroyed) throw this.errored ?? new BodyUnreadableError('its handler has ended');
      this.#givenBytes += content?.length ?? 0;
      if (content !== undefined) return content;
      if (this.#givenBytes !== this.length) {
        throw new Error(`a body of ${this.length} bytes ended after ${this.#givenBytes}`);
      }
      this.#isAllGiven = true;
      return undefined;
    } catch (error) {
      // A handler that closes the stream early has what it wanted.
      if (!this.destroyed) this.#failure ??= error;
      throw this.destroyed ? (this.errored ?? error) : error;
    }
  }
}

/** A body that was read whole. */
export class BodyBytes implements TaskBytes {
  readonly parts: readonly Buffer[];
  readonly length: number;
  readonly contentEncoding: string | undefined;

  constructor(parts: readonly Buffer[], contentEncoding: string | undefined) {
    this.parts = parts;
    this.length = parts.reduce((sum, part) => sum + part.length, 0);
    this.contentEncoding = contentEncoding;
  }

  join(): Buffer {
    const [first] = this.parts;
    return this.parts.length === 1 && first !== undefined ? first : Buffer.concat(this.parts);
  }
}

/** What is given, until nothing more is. */
export async function readAll(next: () => Promise<Buffer | undefined>): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  for (;;) {
    const part = await next();
    if (part === undefined) return parts;
    parts.push(part);
  }
}

/** A body that came with its record, as if it had been read. */
export function sourceOf(bytes: Buffer): PartSource {
  let rest = bytes.length === 0 ? undefined : bytes;
  return {
    next: () => {
      const content = rest;
      rest = undefined;
      return Promise.resolve(content);
    },
    close: () => {},
  };
}

import type { Readable } from 'node:stream';

/** How handlers of a type get the body of a task: read before they are called, or as a stream. */
export type BodyKind = 'bytes' | 'stream';

/** Most of a body that is read before its handler is called: a worker holds this much for each running task. */
export const MAX_BYTES_BODY_BYTES = 16 * 1024 * 1024;

/**
 * Where the bytes of a body come from. A stream, or any other source that is iterated, is read once and at its own pace;
 * bytes must stay as they are until the call has settled.
 */
export type BodySource = Uint8Array | Readable | AsyncIterable<Uint8Array>;

/** The body of a task of a `body: 'bytes'` type, or what `ctx.body.bytes()` gives of a stream. */
export interface TaskBytes {
  /** The content in order, in pieces of about a megabyte at most. Use these where a list will do: nothing is copied. */
  readonly parts: readonly Buffer[];
  /** Bytes in all. */
  readonly length: number;
  /** As given to `enqueue`; undefined when none was. */
  readonly contentEncoding: string | undefined;
  /** All of it in one buffer, which is a second copy of it for a body of several parts. */
  join(): Buffer;
}

/**
 * The body of a task of a `body: 'stream'` type. It is read while it is consumed, never much ahead, and from its start
 * for every try of the task. It ends with the handler: what reads on after that meets an error.
 */
export interface TaskBody extends Readable {
  /** Bytes in all, known before anything is read. */
  readonly length: number;
  /** As given to `enqueue`; undefined when none was. */
  readonly contentEncoding: string | undefined;
  /**
   * Reads all of it into memory. Rejects, before anything is read, when it has more than `maxBytes`. May wait for memory
   * until the handler of another task has ended: hold nothing meanwhile that other handlers need.
   */
  bytes(options: { readonly maxBytes: number }): Promise<TaskBytes>;
}

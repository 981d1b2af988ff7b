/** What the bytes that a codec is given belong to. `decode` is told the same as `encode` was. */
export interface CodecSubject {
  /** The task's id. */
  readonly id: string;
  /** The task's type, as it stands on the record. */
  readonly type: string;
  /** The ordering key; of a task of an unordered type its id. */
  readonly key: string;
  readonly content: 'payload' | 'body';
  /** Of what is in parts: which part these bytes are. `undefined`: all of the content, in the task's own record. */
  readonly part: CodecPart | undefined;
}

/** One part of something large. */
export interface CodecPart {
  /** Names the upload; never used twice. */
  readonly upload: string;
  /** From 0. */
  readonly index: number;
}

/**
 * Changes payloads and bodies on their way through Kafka: encryption, most of all. It gets the bytes as they would travel,
 * compressed where that pays; it must not change them, nor keep them: their memory is used again. What stands in headers (ids, types, keys, your own headers, lengths) does not pass through
 * it.
 */
export interface PayloadCodec {
  /** Recorded with each task, to find what decodes it: 1 to 32 of `a-z 0-9 . _ -`, the first a letter or digit. */
  readonly name: string;
  /**
   * At least 1 byte, and at most 4,096 more than it was given. A promise keeps only tasks of the same key waiting. What it
   * throws, the caller of `enqueue` gets as the cause of a CodecFailedError.
   */
  encode(bytes: Buffer, about: CodecSubject): Uint8Array | Promise<Uint8Array>;
  /**
   * Exactly what `encode` was given. Throw a CodecKeyMissingError when the key is not here: the task is held; a
   * RetryLaterError when that passes by itself (a key service that does not answer): it is tried again. With any other
   * error the record counts as undecodable, as if it were damaged.
   *
   * `signal` is aborted when a worker no longer needs the answer (its reason says why), and after 60 s: pass it on to what
   * may not answer. The task, and so its ordering key, waits until the promise has settled; one that ignores the signal is
   * reported like a handler that does (`task-stuck`).
   */
  decode(bytes: Buffer, about: CodecSubject, signal: AbortSignal): Uint8Array | Promise<Uint8Array>;
}

/** The codecs that a queue reads with, by name. */
export type CodecSet = ReadonlyMap<string, PayloadCodec>;

const name = /^[a-z0-9][a-z0-9._-]{0,31}$/;

export function isCodecName(value: unknown): value is string {
  return typeof value === 'string' && name.test(value);
}

/** What a queue reads with. */
export function codecSet(writes: PayloadCodec | undefined, reads: readonly PayloadCodec[]): CodecSet {
  const all = writes === undefined ? reads : [...reads, writes];
  return new Map(all.map((codec) => [codec.name, codec]));
}

import { CodecFailedError, CodecMissingError, isCodecMissing } from '../errors/codec-errors.ts';
import { isControlError } from '../errors/control-errors.ts';
import { RecordUndecodableError } from '../errors/task-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { MAX_CODEC_OVERHEAD_BYTES } from './codec-limits.ts';
import type { CodecPart, CodecSet, CodecSubject, PayloadCodec } from './payload-codec.ts';

/** What is to be written, or was read, with a codec. */
export interface CodedTask {
  readonly id: string;
  readonly type: string;
  readonly key: string;
}

type Content = CodecSubject['content'];

/** Encodes the parts of one upload. */
export interface PartEncoding {
  readonly name: string;
  /** @throws CodecFailedError; thrown or as the promise's rejection */
  readonly encode: (bytes: Buffer, part: CodecPart) => Buffer | Promise<Buffer>;
}

/** Decodes the parts of one upload. */
export interface PartDecoding {
  readonly name: string;
  readonly decode: (bytes: Buffer, part: CodecPart) => Promise<Buffer>;
}

export function partEncoding(codec: PayloadCodec, task: CodedTask, content: Content): PartEncoding {
  return { name: codec.name, encode: (bytes, part) => encodeWith(codec, bytes, about(task, content, part)) };
}

/** Encodes all of a task's payload or body. @throws CodecFailedError; thrown or as the promise's rejection */
export function encodeContent(
  codec: PayloadCodec,
  task: CodedTask,
  { content, bytes }: { readonly content: Content; readonly bytes: Buffer },
): Buffer | Promise<Buffer> {
  return encodeWith(codec, bytes, about(task, content, undefined));
}

/** Always made in this order, so that codecs may bind what they write to it as it is. */
function about({ id, type, key }: CodedTask, content: Content, part: CodecPart | undefined): CodecSubject {
  return { id, type, key, content, part };
}

function encodeWith(codec: PayloadCodec, bytes: Buffer, subject: CodecSubject): Buffer | Promise<Buffer> {
  const { name } = codec;
  const failed = (cause: unknown): never => {
    throw new CodecFailedError(name, 'could not encode it (see cause)', cause);
  };
  let made: Uint8Array | Promise<Uint8Array>;
  try {
    made = codec.encode(bytes, subject);
  } catch (error) {
    return failed(error);
  }
  if (isBytes(made)) return sendable(name, made, bytes);
  return Promise.resolve(made).then((encoded) => sendable(name, encoded, bytes), failed);
}

function sendable(name: string, encoded: unknown, { length }: Buffer): Buffer {
  if (!isBytes(encoded)) throw new CodecFailedError(name, 'gave no bytes: encode() must return a Buffer');
  // Clients send what is empty as null.
  if (encoded.length === 0) throw new CodecFailedError(name, 'encoded it as nothing');
  if (encoded.length > length + MAX_CODEC_OVERHEAD_BYTES) {
    const limit = `at most ${MAX_CODEC_OVERHEAD_BYTES} more are allowed`;
    throw new CodecFailedError(name, `made ${encoded.length} bytes of ${length}; ${limit}`);
  }
  return toBuffer(encoded);
}

const neverAborted = new AbortController().signal;

/** What records are decoded with. */
export interface DecodingWith {
  readonly codecs?: CodecSet | undefined;
  /** Tells codecs that nobody waits for them any more. Without it they hear nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** Decodes what one record brought. */
export class Decoding {
  readonly #record: IncomingRecord;
  readonly #codec: PayloadCodec;
  readonly #signal: AbortSignal;
  readonly #task: CodedTask;

  /** @throws CodecMissingError */
  constructor(
    record: IncomingRecord,
    { id, type, codedBy }: { readonly id: string; readonly type: string; readonly codedBy: string },
    { codecs, signal = neverAborted }: DecodingWith,
  ) {
    const codec = codecs?.get(codedBy);
    if (codec === undefined) throw new CodecMissingError(codedBy);
    this.#record = record;
    this.#codec = codec;
    this.#signal = signal;
    this.#task = { id, type, key: record.key?.toString() ?? '' };
  }

  /**
   * All of a task's payload or body. The length is bounded before the codec is called.
   *
   * @throws CodecKeyMissingError, RetryLaterError: the codec's; RecordUndecodableError for every other error of it
   */
  async content(content: Content, bytes: Buffer, maxBytes: number): Promise<Buffer> {
    if (bytes.length > maxBytes + MAX_CODEC_OVERHEAD_BYTES) {
      throw this.#undecodable(`its ${content} declares ${maxBytes} bytes and is encoded as ${bytes.length}`);
    }
    return await this.#decode(bytes, about(this.#task, content, undefined));
  }

  parts(content: Content): PartDecoding {
    return {
      name: this.#codec.name,
      decode: (bytes, part) => this.#decode(bytes, about(this.#task, content, part)),
    };
  }

  async #decode(bytes: Buffer, subject: CodecSubject): Promise<Buffer> {
    const { name } = this.#codec;
    let decoded: unknown;
    try {
      decoded = await this.#codec.decode(bytes, subject, this.#signal);
    } catch (error) {
      if (isCodecMissing(error) || isControlError(error, 'RETRY_LATER')) throw error;
      throw this.#undecodable(`the codec '${name}' refuses it (see cause)`, error);
    }
    if (!isBytes(decoded)) throw this.#undecodable(`the codec '${name}' gave no bytes for it`);
    return toBuffer(decoded);
  }

  #undecodable(reason: string, cause?: unknown): RecordUndecodableError {
    return new RecordUndecodableError(this.#record, reason, cause);
  }
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

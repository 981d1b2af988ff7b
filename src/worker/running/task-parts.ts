import { Decoding, type PartDecoding } from '../../codec/coding.ts';
import { type BodyManifest, isVoid } from '../../codec/manifest.ts';
import type { CodecSet } from '../../codec/payload-codec.ts';
import type { RecordHead } from '../../codec/read-record.ts';
import { RecordUndecodableError } from '../../errors/task-errors.ts';
import type { IncomingRecord } from '../../kafka/port.ts';
import { type BodyKind, MAX_BYTES_BODY_BYTES } from '../../tasks/task-body.ts';
import type { Attempt } from '../core/shared-budget.ts';
import { type PartSource, type RunningReader, windowBytes } from '../reading/part-source.ts';
import { BodyBytes, BodyStream, readAll, sourceOf } from './task-body.ts';

interface PartsJob {
  readonly manifest: BodyManifest;
  readonly whole: boolean;
  readonly reader: RunningReader;
  readonly decoding: PartDecoding | undefined;
}

interface ContentToOpen {
  readonly manifest: BodyManifest;
  readonly whole: boolean;
  /** The task has memory for so much, since its start. */
  readonly reservedBytes: number;
}

/** Where parts come from. */
export interface PartsOpener {
  open(job: PartsJob): PartSource;
}

/** The task whose content is read. */
interface RecordedTask {
  readonly record: IncomingRecord;
  readonly head: RecordHead;
  readonly codecs: CodecSet;
}

/** What one start of a task reads beside its record. Ends with the start, or with its signal. */
export class TaskParts implements Attempt {
  /** Its own, until it is handled in a batch. */
  company: object = this;
  readonly #feed: PartsOpener;
  readonly #task: RecordedTask;
  /** undefined: no codec has touched it. */
  readonly #decoding: Decoding | undefined;
  readonly #signal: AbortSignal;
  readonly #sources = new Set<PartSource>();
  #stream: BodyStream | undefined;

  /** @throws CodecMissingError */
  constructor(feed: PartsOpener, task: RecordedTask, signal: AbortSignal) {
    const { record, head, codecs } = task;
    const { codedBy } = head;
    this.#feed = feed;
    this.#task = task;
    this.#decoding =
      codedBy === undefined ? undefined : new Decoding(record, { ...head, codedBy }, { codecs });
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#abort(signal.reason), { once: true });
  }

  /** Why the handler cannot have had all of the body that it asked for; undefined otherwise. */
  get failure(): unknown {
    return this.#stream?.failure;
  }

  /** The JSON of a payload in parts. */
  async json(manifest: BodyManifest): Promise<Buffer> {
    const source = this.#open('payload', { manifest, whole: false, reservedBytes: manifest.bytes });
    // Put in its place part by part: joined at the end, all of it would be here twice.
    const json = Buffer.allocUnsafe(manifest.bytes);
    let at = 0;
    try {
      for (let part = await source.next(); part !== undefined; part = await source.next()) {
        at += part.copy(json, at);
      }
      return json.subarray(0, at);
    } finally {
      source.close();
    }
  }

  /** What handlers get as `ctx.body`. One that was enqueued before its type had bodies has an empty one. */
  async body(kind: BodyKind): Promise<BodyStream | BodyBytes> {
    const { record, head } = this.#task;
    const { body, bodyBytes, contentEncoding } = head;
    const inline = body?.kind === 'inline' ? await this.#inline(body.bytes) : Buffer.alloc(0);
    const open = (whole: boolean): PartSource => {
      if (body?.kind !== 'parts') return sourceOf(inline);
      const { manifest } = body;
      // Those of a stream that are asked for as a list are more than a start has memory for.
      const reservedBytes = kind === 'stream' ? windowBytes(manifest) : manifest.bytes;
      return this.#open('body', { manifest, whole, reservedBytes });
    };
    if (kind === 'stream') {
      this.#stream = new BodyStream({ length: bodyBytes, contentEncoding, open });
      return this.#stream;
    }
    if (bodyBytes > MAX_BYTES_BODY_BYTES) {
      const reason = `its body has ${bodyBytes} bytes; those of types with body: 'bytes' have at most ${MAX_BYTES_BODY_BYTES}`;
      throw new RecordUndecodableError(record, reason);
    }
    const source = open(true);
    return new BodyBytes(await readAll(() => source.next()), contentEncoding);
  }

  /** The handler has ended. */
  end(): void {
    this.#stream?.end();
    for (const source of this.#sources) source.close();
  }

  async #inline(bytes: Buffer): Promise<Buffer> {
    if (this.#decoding === undefined) return copyOf(bytes);
    const { record, head } = this.#task;
    const decoded = await this.#decoding.content('body', bytes, head.bodyBytes);
    if (decoded.length === head.bodyBytes) return decoded.buffer === bytes.buffer ? copyOf(decoded) : decoded;
    const reason = `it declares a body of ${head.bodyBytes} bytes and has ${decoded.length}`;
    throw new RecordUndecodableError(record, reason);
  }

  #open(content: 'payload' | 'body', { manifest, whole, reservedBytes }: ContentToOpen): PartSource {
    this.#signal.throwIfAborted();
    const decoding = this.#decoding?.parts(content);
    const source = this.#feed.open({ manifest, whole, reader: { attempt: this, reservedBytes }, decoding });
    this.#sources.add(source);
    return source;
  }

  #abort(reason: Error): void {
    this.#stream?.abort(reason);
    for (const source of this.#sources) source.close();
  }
}

/**
 * What a handler gets it may change, or hand to a thread; the record stays as it is for the next start, and for when the
 * task is parked. In memory of its own: Node's pool, which Buffer.from may take, cannot be handed on.
 */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** The stores that a task's content is in. */
export function storesOf({ payloadParts, body }: RecordHead): readonly string[] {
  const manifests = [payloadParts, body?.kind === 'parts' ? body.manifest : undefined];
  return manifests.flatMap((one) => one?.object?.store ?? []);
}

/** The upload of a record that came too late to count: its producer has said that the task is absent. */
export function voidUpload(record: IncomingRecord, { payloadParts, body }: RecordHead): string | undefined {
  const manifests = [payloadParts, body?.kind === 'parts' ? body.manifest : undefined];
  return manifests.find((one) => one !== undefined && isVoid(one, record.timestampMs))?.upload;
}

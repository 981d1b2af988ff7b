import type { RecordHead } from '../../codec/envelope.ts';
import { type BodyManifest, isVoid } from '../../codec/manifest.ts';
import { RecordUndecodableError } from '../../errors/task-errors.ts';
import type { IncomingRecord } from '../../kafka/port.ts';
import { type BodyKind, MAX_BYTES_BODY_BYTES } from '../../tasks/task-body.ts';
import type { PartSource } from '../reading/part-source.ts';
import { BodyBytes, BodyStream, readAll, sourceOf } from './task-body.ts';

/** Where parts come from. */
export interface PartsOpener {
  open(job: { readonly manifest: BodyManifest; readonly whole: boolean }): PartSource;
}

/** What one start of a task reads beside its record. Ends with the start, or with its signal. */
export class TaskParts {
  readonly #feed: PartsOpener;
  readonly #signal: AbortSignal;
  readonly #sources = new Set<PartSource>();
  #stream: BodyStream | undefined;

  constructor(feed: PartsOpener, signal: AbortSignal) {
    this.#feed = feed;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#abort(signal.reason), { once: true });
  }

  /** Why the handler cannot have had all of the body that it asked for; undefined otherwise. */
  get failure(): unknown {
    return this.#stream?.failure;
  }

  /** The JSON of a payload in parts. */
  async json(manifest: BodyManifest): Promise<Buffer> {
    const source = this.#open(manifest, true);
    try {
      return Buffer.concat(await readAll(() => source.next()));
    } finally {
      source.close();
    }
  }

  /** What handlers get as `ctx.body`. One that was enqueued before its type had bodies has an empty one. */
  async body(kind: BodyKind, record: IncomingRecord, head: RecordHead): Promise<BodyStream | BodyBytes> {
    const { body, bodyBytes, contentEncoding } = head;
    const open = (whole: boolean): PartSource =>
      body?.kind === 'parts' ? this.#open(body.manifest, whole) : sourceOf(body?.bytes ?? Buffer.alloc(0));
    if (kind === 'stream') {
      this.#stream = new BodyStream({ length: bodyBytes, contentEncoding, open: () => open(false) });
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

  #open(manifest: BodyManifest, whole: boolean): PartSource {
    this.#signal.throwIfAborted();
    const source = this.#feed.open({ manifest, whole });
    this.#sources.add(source);
    return source;
  }

  #abort(reason: Error): void {
    this.#stream?.abort(reason);
    for (const source of this.#sources) source.close();
  }
}

/** The upload of a record that came too late to count: its producer has said that the task is absent. */
export function voidUpload(record: IncomingRecord, { payloadParts, body }: RecordHead): string | undefined {
  const manifests = [payloadParts, body?.kind === 'parts' ? body.manifest : undefined];
  return manifests.find((one) => one !== undefined && isVoid(one, record.timestampMs))?.upload;
}

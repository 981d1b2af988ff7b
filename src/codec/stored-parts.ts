import type { IncomingRecord, OutgoingRecord, RecordHeader } from '../kafka/port.ts';
import { MAX_CODEC_OVERHEAD_BYTES } from './codec-limits.ts';

/** Length of what follows, and of the headers in it. */
const FRAME_HEAD_BYTES = 6;

/** Headers of a part: six names, an upload's id twice, a codec's name and some numbers. */
const MAX_HEADERS_BYTES = 1_024;

/**
 * A part as it stands in an object: `u32` length of the rest, `u16` length of the headers, the headers as a JSON object of
 * strings, the value. Numbers are big-endian. The value is used as it is, not copied.
 */
export function storedPart({ headers, value }: OutgoingRecord): readonly [head: Buffer, value: Buffer] {
  const texts = Object.fromEntries(headers.map(([name, content]) => [name, content.toString('latin1')]));
  const json = Buffer.from(JSON.stringify(texts), 'latin1');
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES + json.length);
  head.writeUInt32BE(2 + json.length + value.length, 0);
  head.writeUInt16BE(json.length, 4);
  json.copy(head, FRAME_HEAD_BYTES);
  return [head, value];
}

/** What has been read: the next part, as a record; `more` is needed first; or what cannot be, and nothing after it counts. */
export type StoredReading =
  | { readonly kind: 'part'; readonly record: IncomingRecord }
  | { readonly kind: 'more' }
  | { readonly kind: 'broken'; readonly reason: string };

/**
 * Takes an object apart into the parts that it is made of, as its bytes come, in chunks of any length. Nothing larger than a
 * part can be is kept.
 */
export class StoredParts {
  readonly #name: string;
  readonly #maxBytes: number;
  /** The part that is being put together: its first bytes, until its length is known, then all of it. */
  #frame: Buffer = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES);
  #filled = 0;
  #hasHead = false;
  #chunk: Buffer = Buffer.alloc(0);
  /** The byte at which the part begins. */
  #at = 0;
  #receivedBytes = 0;

  /** `name`: what the object is called in errors. */
  constructor(name: string, { partBytes }: { readonly partBytes: number }) {
    this.#name = name;
    this.#maxBytes = 2 + MAX_HEADERS_BYTES + partBytes + MAX_CODEC_OVERHEAD_BYTES;
  }

  /** Bytes of the object that have been given to it, from its first one on. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The bytes that come next. Only when it has asked for more. */
  give(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    this.#chunk = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  read(): StoredReading {
    if (!this.#hasHead) {
      if (!this.#fill()) return { kind: 'more' };
      const bytes = this.#frame.readUInt32BE(0);
      const headerBytes = this.#frame.readUInt16BE(4);
      if (bytes > this.#maxBytes || headerBytes > MAX_HEADERS_BYTES || headerBytes + 2 > bytes) {
        return { kind: 'broken', reason: `byte ${this.#at} of the object begins no part` };
      }
      const frame = Buffer.allocUnsafeSlow(bytes - 2);
      this.#at += FRAME_HEAD_BYTES;
      this.#hasHead = true;
      this.#frame = frame;
      this.#filled = 0;
      this.#headerBytes = headerBytes;
    }
    if (!this.#fill()) return { kind: 'more' };
    const headers = headersIn(this.#frame.subarray(0, this.#headerBytes));
    if (headers === undefined)
      return { kind: 'broken', reason: `byte ${this.#at} of the object begins no headers` };
    const value = this.#frame.subarray(this.#headerBytes);
    const place = { topic: this.#name, partition: 0, offset: this.#at, timestampMs: 0 };
    this.#at += this.#frame.length;
    this.#hasHead = false;
    this.#frame = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES);
    this.#filled = 0;
    return { kind: 'part', record: { ...place, key: null, value, headers } };
  }

  #headerBytes = 0;

  /** True when the frame is full. */
  #fill(): boolean {
    const copied = this.#chunk.copy(this.#frame, this.#filled);
    this.#filled += copied;
    this.#chunk = this.#chunk.subarray(copied);
    return this.#filled === this.#frame.length;
  }
}

function headersIn(json: Buffer): RecordHeader[] | undefined {
  try {
    const fields: unknown = JSON.parse(json.toString('latin1'));
    if (typeof fields !== 'object' || fields === null) return undefined;
    return Object.entries(fields).map(([name, text]) => [name, Buffer.from(String(text), 'latin1')]);
  } catch {
    return undefined;
  }
}

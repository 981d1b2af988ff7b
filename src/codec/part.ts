import { PartDamagedError } from '../errors/part-errors.ts';
import type { IncomingRecord, OutgoingRecord } from '../kafka/port.ts';
import { crc32c } from './crc32c.ts';
import { partHeaders } from './header-names.ts';
import { wholeNumber } from './header-values.ts';
import { loadLz4 } from './lz4.ts';
import { measureFrame } from './lz4-frame.ts';
import { isUploadId } from './manifest.ts';

/** How a part's content is written: as it is, or as an lz4 frame. */
export type PartCodec = 'raw' | 'lz4f';

/** A piece of something large, to be written to the parts topic. */
export interface PartToEncode {
  readonly upload: string;
  /** From 0. */
  readonly index: number;
  readonly content: Buffer;
  /** CRC32C of the content. */
  readonly crc: number;
  /** The content as an lz4 frame with content checksum, when that is what to send. */
  readonly frame: Buffer | undefined;
}

/** What a part's headers say. */
export interface PartHead {
  readonly upload: string;
  /** From 0. */
  readonly index: number;
  /** Bytes of the content, as declared. */
  readonly lengthBytes: number;
  /** CRC32C of the content, as declared. */
  readonly crc: number;
  readonly codec: PartCodec;
}

export interface PartLimits {
  /** Longest content that is accepted: the manifest's `partBytes`. */
  readonly maxPartBytes: number;
}

/** What a part's key, headers and Kafka's own framing add to its value, at most. */
export const PART_OVERHEAD_BYTES = 512;

/** Writes a part as a record. Its buffers are used as they are, not copied. */
export function encodePart({ upload, index, content, crc, frame }: PartToEncode): OutgoingRecord {
  const codec: PartCodec = frame === undefined ? 'raw' : 'lz4f';
  return {
    key: Buffer.from(upload, 'latin1'),
    value: frame ?? content,
    headers: [
      [partHeaders.upload, Buffer.from(upload, 'latin1')],
      [partHeaders.part, Buffer.from(String(index), 'latin1')],
      [partHeaders.length, Buffer.from(String(content.length), 'latin1')],
      [partHeaders.crc, Buffer.from(String(crc), 'latin1')],
      [partHeaders.codec, Buffer.from(codec, 'latin1')],
    ],
  };
}

/** Reads a part's headers; undefined when the record is no part of ours, or they are damaged. The value is not looked into. */
export function readPartHead(record: IncomingRecord): PartHead | undefined {
  if (record.value === null) return undefined;
  const fields = new Map(record.headers);
  const upload = fields.get(partHeaders.upload)?.toString('latin1');
  const index = wholeNumber(fields.get(partHeaders.part));
  const lengthBytes = wholeNumber(fields.get(partHeaders.length));
  const crc = wholeNumber(fields.get(partHeaders.crc));
  const codec = fields.get(partHeaders.codec)?.toString('latin1');
  if (!isUploadId(upload) || index === undefined || lengthBytes === undefined || crc === undefined) {
    return undefined;
  }
  return codec === 'raw' || codec === 'lz4f' ? { upload, index, lengthBytes, crc, codec } : undefined;
}

/**
 * Reads a part's content. A frame is measured before it is decompressed (off this thread), so that what is allocated is
 * never more than the declared length; length and CRC are checked. A promise only for frames. Content that is not
 * compressed is the record's own buffer.
 *
 * @throws PartDamagedError; thrown or as the promise's rejection.
 */
export function readPartContent(
  record: IncomingRecord,
  head: PartHead,
  limits: PartLimits,
): Buffer | Promise<Buffer> {
  const { value } = record;
  if (value === null) throw new PartDamagedError(record, 'it has no value (a tombstone)');
  if (head.lengthBytes > limits.maxPartBytes) {
    const reason = `it declares ${head.lengthBytes} bytes; the limit is ${limits.maxPartBytes}`;
    throw new PartDamagedError(record, reason);
  }
  if (head.codec === 'raw') return checked(record, head, value);
  const frame = measureFrame(value, head.lengthBytes);
  if (frame.kind === 'broken') {
    throw new PartDamagedError(record, `its lz4 frame is damaged: ${frame.reason}`);
  }
  return decompress(record, value).then((content) => checked(record, head, content));
}

async function decompress(record: IncomingRecord, frame: Buffer): Promise<Buffer> {
  const lz4 = await loadLz4();
  try {
    return await lz4.decompressFrame(frame);
  } catch (cause) {
    throw new PartDamagedError(record, 'its lz4 frame is damaged (see cause)', cause);
  }
}

function checked(record: IncomingRecord, head: PartHead, content: Buffer): Buffer {
  if (content.length !== head.lengthBytes) {
    const reason = `it declares ${head.lengthBytes} bytes and has ${content.length}`;
    throw new PartDamagedError(record, reason);
  }
  if (crc32c(content) !== head.crc) throw new PartDamagedError(record, 'its CRC32C is not the declared one');
  return content;
}

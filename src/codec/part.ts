import { PartDamagedError } from '../errors/part-errors.ts';
import type { IncomingRecord, OutgoingRecord, RecordHeader } from '../kafka/port.ts';
import { MAX_CODEC_OVERHEAD_BYTES } from './codec-limits.ts';
import type { PartDecoding } from './coding.ts';
import { crc32c } from './crc32c.ts';
import { codedForm, partHeaders, splitCoded } from './header-names.ts';
import { wholeNumber } from './header-values.ts';
import { loadLz4 } from './lz4.ts';
import { measureFrame } from './lz4-frame.ts';
import { isUploadId } from './manifest.ts';

/** How a part's content is written, before any codec of the user's: as it is, or as an lz4 frame. */
export type PartCodec = 'raw' | 'lz4f';

/** A piece of something large, to be written to the parts topic. */
export interface PartToEncode {
  readonly upload: string;
  /** From 0. */
  readonly index: number;
  readonly content: Buffer;
  /** CRC32C of the content; of a coded part, of its value. */
  readonly crc: number;
  /** The content as an lz4 frame with content checksum, when that is what to send. */
  readonly frame: Buffer | undefined;
  /** What a codec made of it, and then what is sent. */
  readonly coded?: CodedPart | undefined;
}

/** A part as it went through a codec. */
export interface CodedPart {
  /** The codec's name. */
  readonly by: string;
  /** The upload that it was coded as a part of: a copy's is another one. */
  readonly upload: string;
  readonly bytes: Buffer;
  /** Of what went into it. */
  readonly codec: PartCodec;
  /** Of the content. */
  readonly lengthBytes: number;
}

/** What a part's headers say. */
export interface PartHead {
  readonly upload: string;
  /** From 0. */
  readonly index: number;
  /** Bytes of the content, as declared. */
  readonly lengthBytes: number;
  /** CRC32C as declared: of the content; of a coded part, of its value. */
  readonly crc: number;
  readonly codec: PartCodec;
  /** Name of the codec that it went through; undefined: none. */
  readonly codedBy: string | undefined;
  /** The upload that it was coded as a part of. */
  readonly codedAs: string;
}

export interface PartLimits {
  /** Longest content that is accepted: the manifest's `partBytes`. */
  readonly maxPartBytes: number;
  /**
   * By what it must be coded, and the way back; undefined: by nothing. `as-stored`: by whatever it is, and it stays so: no
   * key is needed to check a part and to copy it.
   */
  readonly decoding?: PartDecoding | 'as-stored' | undefined;
}

/** What a part's key, headers and Kafka's own framing add to its value, at most. */
export const PART_OVERHEAD_BYTES = 512;

/** Writes a part as a record. Its buffers are used as they are, not copied. */
export function encodePart({ upload, index, content, crc, frame, coded }: PartToEncode): OutgoingRecord {
  const codec = coded?.codec ?? (frame === undefined ? 'raw' : 'lz4f');
  const headers: RecordHeader[] = [
    [partHeaders.upload, Buffer.from(upload, 'latin1')],
    [partHeaders.part, Buffer.from(String(index), 'latin1')],
    [partHeaders.length, Buffer.from(String(coded?.lengthBytes ?? content.length), 'latin1')],
    [partHeaders.crc, Buffer.from(String(crc), 'latin1')],
    [partHeaders.codec, Buffer.from(codedForm(codec, coded?.by), 'latin1')],
  ];
  if (coded !== undefined && coded.upload !== upload)
    headers.push([partHeaders.codedAs, Buffer.from(coded.upload, 'latin1')]);
  return { key: Buffer.from(upload, 'latin1'), value: coded?.bytes ?? frame ?? content, headers };
}

/** Reads a part's headers; undefined when the record is no part of ours, or they are damaged. The value is not looked into. */
export function readPartHead(record: IncomingRecord): PartHead | undefined {
  if (record.value === null) return undefined;
  const fields = new Map(record.headers);
  const upload = fields.get(partHeaders.upload)?.toString('latin1');
  const index = wholeNumber(fields.get(partHeaders.part));
  const lengthBytes = wholeNumber(fields.get(partHeaders.length));
  const crc = wholeNumber(fields.get(partHeaders.crc));
  const written = fields.get(partHeaders.codec)?.toString('latin1') ?? '';
  const coded = splitCoded(written);
  const codec = coded?.form ?? written;
  if (!isUploadId(upload) || index === undefined || lengthBytes === undefined || crc === undefined) {
    return undefined;
  }
  const codedAs = fields.get(partHeaders.codedAs)?.toString('latin1') ?? upload;
  if ((codec !== 'raw' && codec !== 'lz4f') || !isUploadId(codedAs)) return undefined;
  return { upload, index, lengthBytes, crc, codec, codedBy: coded?.codedBy, codedAs };
}

/**
 * Reads a part's content. A frame is measured before it is decompressed, so that what is allocated is
 * never more than the declared length; length and CRC are checked. A promise only for frames and coded parts. Content that
 * is neither is the record's own buffer.
 *
 * @throws PartDamagedError, and what the decoding throws; thrown or as the promise's rejection.
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
  const { decoding } = limits;
  const codedBy = decoding === 'as-stored' ? head.codedBy : decoding?.name;
  // Otherwise whoever can write to the topic could put what is not encrypted in the place of what is.
  if (codedBy !== head.codedBy) {
    const reason = `its codec is ${head.codedBy ?? 'none'}, that of its task ${codedBy ?? 'none'}`;
    throw new PartDamagedError(record, reason);
  }
  if (codedBy !== undefined) return readCoded(record, head, { value, decoding });
  if (head.codec === 'raw') return checkedCrc(record, head, checkedLength(record, head, value));
  return unframed(record, head, { frame: value, isChecked: true }).then((content) =>
    checkedCrc(record, head, checkedLength(record, head, content)),
  );
}

/** What is stored is checked first: damage is never laid to the codec, and can be seen without its keys. */
async function readCoded(
  record: IncomingRecord,
  head: PartHead,
  { value, decoding }: { readonly value: Buffer; readonly decoding: PartLimits['decoding'] },
): Promise<Buffer> {
  if (value.length > head.lengthBytes + MAX_CODEC_OVERHEAD_BYTES) {
    const reason = `it declares ${head.lengthBytes} bytes and is encoded as ${value.length}`;
    throw new PartDamagedError(record, reason);
  }
  checkedCrc(record, head, value);
  if (decoding === undefined || decoding === 'as-stored') return value;
  const decoded = await decoding.decode(value, { upload: head.codedAs, index: head.index });
  const content =
    head.codec === 'raw' ? decoded : await unframed(record, head, { frame: decoded, isChecked: false });
  return checkedLength(record, head, content);
}

interface Framed {
  readonly frame: Buffer;
  /** The content is compared with a checksum of its own: that of the frame is not needed. */
  readonly isChecked: boolean;
}

async function unframed(
  record: IncomingRecord,
  { lengthBytes }: PartHead,
  { frame, isChecked }: Framed,
): Promise<Buffer> {
  const measured = measureFrame(frame, lengthBytes);
  if (measured.kind === 'broken') {
    throw new PartDamagedError(record, `its lz4 frame is damaged: ${measured.reason}`);
  }
  const { onlyBlock } = measured;
  const lz4 = await loadLz4();
  try {
    // On this thread, a millisecond at most: what the pool's threads allocate and this one lets go of stays with them,
    // hundreds of MB when bodies are read one after the other.
    return onlyBlock !== undefined && isChecked
      ? lz4.uncompressSync(withLength(onlyBlock, lengthBytes))
      : lz4.decompressFrameSync(frame);
  } catch (cause) {
    throw new PartDamagedError(record, 'its lz4 frame is damaged (see cause)', cause);
  }
}

/** A block as the library wants it. Decompressing the frame itself takes two buffers of 4 MB more, and twice as long. */
function withLength(block: Buffer, lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(4 + block.length);
  bytes.writeUInt32LE(lengthBytes, 0);
  block.copy(bytes, 4);
  return bytes;
}

function checkedLength(record: IncomingRecord, { lengthBytes }: PartHead, content: Buffer): Buffer {
  if (content.length === lengthBytes) return content;
  throw new PartDamagedError(record, `it declares ${lengthBytes} bytes and has ${content.length}`);
}

function checkedCrc(record: IncomingRecord, { crc }: PartHead, bytes: Buffer): Buffer {
  if (crc32c(bytes) === crc) return bytes;
  throw new PartDamagedError(record, 'its CRC32C is not the declared one');
}

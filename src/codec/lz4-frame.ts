/** What a look at an LZ4 frame finds. */
export type FrameReading =
  | {
      readonly kind: 'whole';
      /** All of its content, when it is one compressed block. */
      readonly onlyBlock: Buffer | undefined;
    }
  | { readonly kind: 'broken'; readonly reason: string };

const MAGIC = 0x184d2204;
/** Bits of the frame descriptor's first byte. */
const VERSION_MASK = 0b1100_0000;
const VERSION_1 = 0b0100_0000;
const BLOCK_CHECKSUM = 0b0001_0000;
const CONTENT_SIZE = 0b0000_1000;
const CONTENT_CHECKSUM = 0b0000_0100;
const RESERVED_OR_DICTIONARY = 0b0000_0011;
const UNCOMPRESSED_BIT = 0x8000_0000;
/** Of a match, before the length that its token adds. */
const MIN_MATCH_BYTES = 4;

/**
 * Checks, without decompressing, that the bytes are exactly one whole LZ4 frame with a content checksum, and that its
 * content has exactly the expected length. The decoder would take a missing end mark, bytes after the frame and content
 * of any length. It walks the blocks' sequences and reads only their lengths: some 1 ms per MB, nothing allocated.
 */
export function measureFrame(bytes: Buffer, contentBytes: number): FrameReading {
  // No sequence gives more than 255 bytes for one.
  if (contentBytes > bytes.length * 255) return broken(`${bytes.length} bytes cannot hold ${contentBytes}`);
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) return broken('it is none');
  const flags = bytes.readUInt8(4);
  if ((flags & VERSION_MASK) !== VERSION_1) return broken('unknown version');
  if ((flags & RESERVED_OR_DICTIONARY) !== 0) return broken('it needs a dictionary');
  if ((flags & CONTENT_CHECKSUM) === 0) return broken('it has no content checksum');
  const sizeCode = (bytes.readUInt8(5) >> 4) & 0b111;
  if (sizeCode < 4) return broken('unknown block size');
  const maxBlockBytes = 2 ** (8 + 2 * sizeCode); // 64 KiB, 256 KiB, 1 MiB, 4 MiB
  const firstBlock = 7 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8);
  const checksumBytes = (flags & BLOCK_CHECKSUM) === 0 ? 0 : 4;
  return walkBlocks(bytes, { at: firstBlock, maxBlockBytes, checksumBytes, contentBytes });
}

interface BlockWalk {
  readonly at: number;
  readonly maxBlockBytes: number;
  readonly checksumBytes: number;
  readonly contentBytes: number;
}

function walkBlocks(
  bytes: Buffer,
  { at: start, maxBlockBytes, checksumBytes, contentBytes }: BlockWalk,
): FrameReading {
  let at = start;
  let measured = 0;
  let blocks = 0;
  let onlyBlock: Buffer | undefined;
  while (at + 4 <= bytes.length) {
    const field = bytes.readUInt32LE(at);
    at += 4;
    if (field === 0) return end(bytes, at, { measured, contentBytes, onlyBlock });
    const raw = field >= UNCOMPRESSED_BIT;
    const size = raw ? field - UNCOMPRESSED_BIT : field;
    if (size > maxBlockBytes) return broken('a block is larger than its header allows');
    if (at + size + checksumBytes > bytes.length) return broken('it is cut off');
    const content = raw ? size : blockContentBytes(bytes, at, at + size);
    if (content === undefined || content > maxBlockBytes) return broken('a block is malformed');
    blocks += 1;
    onlyBlock = blocks === 1 && !raw ? bytes.subarray(at, at + size) : undefined;
    measured += content;
    if (measured > contentBytes) return broken(`it holds more than the declared ${contentBytes} bytes`);
    at += size + checksumBytes;
  }
  return broken('it is cut off');
}

interface Measured {
  readonly measured: number;
  readonly contentBytes: number;
  readonly onlyBlock: Buffer | undefined;
}

function end(bytes: Buffer, at: number, { measured, contentBytes, onlyBlock }: Measured): FrameReading {
  if (at + 4 > bytes.length) return broken('it is cut off');
  if (at + 4 < bytes.length) return broken('bytes follow its end');
  return measured === contentBytes
    ? { kind: 'whole', onlyBlock }
    : broken(`it declares ${contentBytes} bytes and holds ${measured}`);
}

/** The length of what a compressed block holds; undefined when its sequences do not end where it ends. */
function blockContentBytes(bytes: Buffer, start: number, end: number): number | undefined {
  let at = start;
  let content = 0;
  while (at < end) {
    const token = bytes[at] ?? 0;
    at += 1;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        if (at >= end) return undefined;
        more = bytes[at] ?? 0;
        at += 1;
        literals += more;
      }
    }
    at += literals;
    content += literals;
    if (at === end) return content; // the last sequence has literals only
    at += 2; // the match's distance
    let match = (token & 15) + MIN_MATCH_BYTES;
    if (match === 15 + MIN_MATCH_BYTES) {
      let more = 255;
      while (more === 255) {
        if (at >= end) return undefined;
        more = bytes[at] ?? 0;
        at += 1;
        match += more;
      }
    }
    if (at > end) return undefined;
    content += match;
  }
  return undefined;
}

function broken(reason: string): FrameReading {
  return { kind: 'broken', reason };
}

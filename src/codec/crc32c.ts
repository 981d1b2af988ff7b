/** Castagnoli's polynomial, bits reversed. */
const POLYNOMIAL = 0x82f6_3b78;

/** The polynomial 1. */
const ONE = 0x8000_0000;

/** Bytes that are taken at once. */
const STRIDE = 16;

/** Table k holds, for each byte, what it does to the CRC when k more bytes follow it: 16 tables of 256, one after the other. */
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(STRIDE * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = timesX(crc);
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at += 1) {
    const before = made[at - 256] ?? 0;
    made[at] = (before >>> 8) ^ (made[before & 0xff] ?? 0);
  }
  return made;
}

/** A polynomial times x, modulo Castagnoli's. The highest bit is the lowest power. */
function timesX(polynomial: number): number {
  return (polynomial & 1) === 0 ? polynomial >>> 1 : (polynomial >>> 1) ^ POLYNOMIAL;
}

/**
 * The CRC32C (Castagnoli, as in iSCSI and in Kafka's own batches) of the bytes. With the CRC of what came before as
 * `seed`, that of both together.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return native === undefined ? crc32cInJs(bytes, seed) : native(bytes, seed);
}

/** A library's, once it is there: nearly three times as fast. */
let native: typeof crc32cInJs | undefined;
let loading: Promise<boolean> | undefined;

/**
 * Has {@link crc32c} use the library `@node-rs/crc32`, native code, from then on. True when it does: an optional dependency
 * may be missing, and one that does not give the check value is left alone.
 */
export function loadNativeCrc32c(): Promise<boolean> {
  loading ??= import('@node-rs/crc32').then(
    (library) => {
      if (library.crc32c(CHECKED) === CHECK_VALUE) native = library.crc32c;
      return native !== undefined;
    },
    () => false,
  );
  return loading;
}

const CHECKED = Buffer.from('123456789');
const CHECK_VALUE = 0xe306_9283;

/** What is used where the library is not. */
export function crc32cInJs(bytes: Uint8Array, seed = 0): number {
  const table = tables;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wholeEnd = bytes.length - (bytes.length % STRIDE);
  let crc = ~seed;
  let at = 0;
  for (; at < wholeEnd; at += STRIDE) {
    const a = view.getInt32(at, true) ^ crc;
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    // No index is out of the table: `as number` costs nothing here, where `?? 0` would.
    crc =
      (table[3840 + (a & 0xff)] as number) ^
      (table[3584 + ((a >>> 8) & 0xff)] as number) ^
      (table[3328 + ((a >>> 16) & 0xff)] as number) ^
      (table[3072 + (a >>> 24)] as number) ^
      (table[2816 + (b & 0xff)] as number) ^
      (table[2560 + ((b >>> 8) & 0xff)] as number) ^
      (table[2304 + ((b >>> 16) & 0xff)] as number) ^
      (table[2048 + (b >>> 24)] as number) ^
      (table[1792 + (c & 0xff)] as number) ^
      (table[1536 + ((c >>> 8) & 0xff)] as number) ^
      (table[1280 + ((c >>> 16) & 0xff)] as number) ^
      (table[1024 + (c >>> 24)] as number) ^
      (table[768 + (d & 0xff)] as number) ^
      (table[512 + ((d >>> 8) & 0xff)] as number) ^
      (table[256 + ((d >>> 16) & 0xff)] as number) ^
      (table[d >>> 24] as number);
  }
  for (; at < bytes.length; at += 1) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 0xff] as number); // within the loop's bound
  }
  return ~crc >>> 0;
}

/** x to the power of 2^k, for lengths in bits of up to 56 binary digits. */
const squares = makeSquares(56);

function makeSquares(count: number): readonly number[] {
  const made: number[] = [];
  let power = timesX(ONE);
  for (let k = 0; k < count; k += 1) {
    made.push(power);
    power = multiply(power, power);
  }
  return made;
}

/** The CRC32C of two contents one after the other, from their own CRCs and the length of the second. */
export function combineCrc32c(first: number, second: number, secondBytes: number): number {
  // The first content's CRC moves up by the bits that follow it. Divided as a number: lengths may exceed 32 bits.
  let power = ONE;
  let left = secondBytes;
  for (let k = 3; left > 0; k += 1) {
    if (left % 2 === 1) power = multiply(squares[k] ?? ONE, power);
    left = Math.floor(left / 2);
  }
  return (multiply(power, first) ^ second) >>> 0;
}

/** Two polynomials multiplied, modulo Castagnoli's. */
function multiply(one: number, other: number): number {
  let product = 0;
  let shifted = other;
  for (let mask = ONE; mask !== 0; mask >>>= 1) {
    if ((one & mask) !== 0) product ^= shifted;
    shifted = timesX(shifted);
  }
  return product >>> 0;
}

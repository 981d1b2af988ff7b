import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combineCrc32c, crc32c, crc32cInJs, loadNativeCrc32c } from './crc32c.ts';

const rising = Buffer.from(Array.from({ length: 32 }, (_, i) => i));

test.each([
  ['nothing', Buffer.alloc(0), 0],
  ['the check value', Buffer.from('123456789'), 0xe306_9283],
  // RFC 3720, B.4; the RFC prints the bytes as they are sent, the lowest first.
  ['32 zeros', Buffer.alloc(32), 0x8a91_36aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8_ab43],
  ['32 rising bytes', rising, 0x46dd_794e],
  ['32 falling bytes', Buffer.from(rising).reverse(), 0x113f_db5c],
  [
    'an iSCSI read command',
    Buffer.from(
      '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
      'hex',
    ),
    0xd996_3a56,
  ],
])('the CRC32C of %s', (_what, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
  expect(crc32cInJs(bytes)).toBe(expected);
});

/** The definition, bit by bit. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f6_3b78;
  }
  return ~crc >>> 0;
}

const content = fc.uint8Array({ maxLength: 200, size: 'max' });

test('any bytes, at any place of their memory, have the CRC that the definition gives', () => {
  fc.assert(
    fc.property(content, fc.nat(20), (bytes, start) => {
      expect(crc32c(bytes.subarray(start))).toBe(slowly(bytes.subarray(start)));
    }),
  );
});

test('what comes in pieces has the CRC of the whole, continued or combined', () => {
  fc.assert(
    fc.property(content, content, (first, second) => {
      const whole = slowly(Buffer.concat([first, second]));
      expect(crc32c(second, crc32c(first))).toBe(whole);
      expect(combineCrc32c(crc32c(first), crc32c(second), second.length)).toBe(whole);
    }),
  );
});

test('a combined CRC does not depend on how the content was cut', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.integer({ min: 0, max: 2 ** 40 }),
      (a, b, m, n) => {
        const once = combineCrc32c(a, combineCrc32c(b, 0, n), m + n);
        const twice = combineCrc32c(combineCrc32c(a, b, m), 0, n);
        expect(once).toBe(twice);
      },
    ),
  );
});

test('the library gives what ours gives, from any place of a buffer and with any seed', async () => {
  expect(await loadNativeCrc32c()).toBe(true);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3_000, size: 'max' }),
      fc.nat({ max: 40 }),
      fc.integer({ min: 0, max: 0xffff_ffff }),
      (bytes, from, seed) => {
        const view = bytes.subarray(from);
        expect(crc32c(view, seed)).toBe(crc32cInJs(view, seed));
      },
    ),
  );
});

import * as fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { encodePart, readPartHead } from './part.ts';
import { StoredParts, storedPart } from './stored-parts.ts';

const part = (index: number, content: Buffer) =>
  encodePart({ upload: 'u', index, content, crc: crc32c(content), frame: undefined });

/** What is read when the object comes in these pieces. */
function read(object: Buffer, cuts: readonly number[], partBytes = 1_000) {
  const parts = new StoredParts('memory:key', { partBytes });
  const records = [];
  const pieces = [...cuts, object.length].sort((a, b) => a - b);
  let from = 0;
  for (;;) {
    const reading = parts.read();
    if (reading.kind === 'part') {
      records.push(reading.record);
      continue;
    }
    if (reading.kind === 'broken') return { records, end: reading.reason };
    const to = pieces.shift();
    if (to === undefined) return { records, end: parts.receivedBytes };
    parts.give(object.subarray(from, to));
    from = to;
  }
}

it('parts come out of an object as they went in, in whatever pieces it comes', () => {
  const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 900, size: 'max' }), {
    maxLength: 5,
    size: 'max',
  });
  const cuts = fc.array(fc.nat(5_000), { maxLength: 20, size: 'max' });
  fc.assert(
    fc.property(contents, cuts, (given, at) => {
      const records = given.map((content, index) => part(index, Buffer.from(content)));
      const object = Buffer.concat(records.flatMap((record) => storedPart(record)));
      const { records: found, end } = read(
        object,
        at.map((cut) => Math.min(cut, object.length)),
      );
      expect(found.map(({ value }) => value)).toEqual(given.map((content) => Buffer.from(content)));
      expect(found.map((record) => readPartHead(record)?.index)).toEqual(given.map((_, index) => index));
      expect(end).toBe(object.length);
    }),
  );
});

test('its bytes are these', () => {
  const [head, value] = storedPart(part(0, Buffer.from('abc')));
  expect(head.readUInt32BE(0)).toBe(head.length - 4 + value.length);
  expect(head.readUInt16BE(4)).toBe(head.length - 6);
  expect(head.subarray(6).toString()).toBe(
    `{"kl-upload":"u","kl-part":"0","kl-part-length":"3","kl-part-crc":"${crc32c(Buffer.from('abc'))}","kl-part-codec":"raw"}`,
  );
  expect(value.toString()).toBe('abc');
});

test.each<[string, (object: Buffer) => void]>([
  ['a length that no part has', (object) => object.writeUInt32BE(1_000_000, 0)],
  ['headers longer than any', (object) => object.writeUInt16BE(2_000, 4)],
  ['headers longer than all of it', (object) => object.writeUInt32BE(20, 0)],
  ['headers that are no JSON', (object) => object.fill('x', 6, 20)],
])('%s ends the reading', (_what, change) => {
  const object = Buffer.concat(storedPart(part(0, Buffer.alloc(900))));
  change(object);
  expect(read(object, []).end).toMatch(/^byte \d+ of the object begins no/);
});

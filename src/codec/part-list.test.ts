import { describe, expect, it } from 'vitest';
import { aesCodec, testKeys } from '../../test/support/test-codecs.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { Decoding, partEncoding } from './coding.ts';
import { combineCrc32c, crc32c } from './crc32c.ts';
import type { BodyManifest } from './manifest.ts';
import { encodePart } from './part.ts';
import { PartList } from './part-list.ts';
import { codecSet } from './payload-codec.ts';

const task = { id: 'i', type: 't', key: 'k' };
const aes = aesCodec(testKeys('k1'));
const record: IncomingRecord = {
  topic: 'q',
  partition: 0,
  offset: 0,
  timestampMs: 0,
  key: Buffer.from('k'),
  value: Buffer.from('{}'),
  headers: [],
};
const decoding = new Decoding(record, { ...task, codedBy: 'aes' }, { codecs: codecSet(aes, []) }).parts(
  'body',
);

/** One part of a copy, coded as a part of the upload that it was copied from. */
async function copied(from: string, index: number, content: Buffer): Promise<IncomingRecord> {
  const bytes = await partEncoding(aes, task, 'body').encode(content, { upload: from, index });
  const coded = { by: 'aes', upload: from, bytes, codec: 'raw', lengthBytes: content.length } as const;
  const part = { upload: 'copy', index, content, crc: crc32c(bytes), frame: undefined, coded };
  return { ...record, topic: 'q.parts', offset: index, ...encodePart(part) };
}

function manifestOf(parts: readonly IncomingRecord[]): BodyManifest {
  const values = parts.map(({ value }) => value ?? Buffer.alloc(0));
  const crc = values.reduce((sum, value) => combineCrc32c(sum, crc32c(value), value.length), 0);
  const where = { upload: 'copy', partition: 0, count: parts.length, from: 0, to: parts.length - 1 };
  return { ...where, bytes: parts.length * 10, partBytes: 10, crc, firstAtMs: 0, timeoutMs: 1_000 };
}

describe('a record that says it is a part', () => {
  it.each([
    [10 + 4_096, true], // a codec may have added to it
    [10 + 4_097, false],
  ])('of 10 bytes and has %d is one: %s', (bytes, expected) => {
    const part = { upload: 'copy', index: 0, content: Buffer.alloc(bytes), crc: 0, frame: undefined };
    const read = { ...record, ...encodePart(part) };
    expect(new PartList('q.parts', manifestOf([read])).isOurs(read)).toBe(expected);
  });
});

describe('parts that went through a codec', () => {
  const contents = [Buffer.alloc(10, 1), Buffer.alloc(10, 2)];

  it('come back from a copy, and can be copied on as they are stored', async () => {
    const parts = await Promise.all(contents.map((content, index) => copied('first', index, content)));
    const [read, stored] = [decoding, 'as-stored' as const].map(
      (how) => new PartList('q.parts', manifestOf(parts), how),
    );
    for (const [index, part] of parts.entries()) {
      expect((await read?.take(part))?.content).toEqual(contents[index]);
      expect((await stored?.take(part))?.content).toEqual(part.value);
    }
    expect([read?.isComplete, stored?.isComplete]).toEqual([true, true]);
  });

  it('are no whole when they are of two uploads of the task, genuine as each of them is', async () => {
    const [first, second] = contents;
    if (first === undefined || second === undefined) throw new Error('there are two');
    const parts = [await copied('first', 0, first), await copied('second', 1, second)];
    const list = new PartList('q.parts', manifestOf(parts), decoding);
    for (const part of parts) await list.take(part);
    expect(list.isComplete).toBe(false);
    const lost = list.lost('no other copy of it is there');
    expect(lost).toBeInstanceOf(PartsLostError);
    expect(lost.message).toContain('it is damaged (see cause)');
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PartDamagedError } from '../errors/part-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { crc32c } from './crc32c.ts';
import { recordBytes } from './envelope.ts';
import { loadLz4 } from './lz4.ts';
import { encodePart, PART_OVERHEAD_BYTES, type PartToEncode, readPartContent, readPartHead } from './part.ts';

const lz4 = await loadLz4();
const limits = { maxPartBytes: 10_000 };
const content = Buffer.from('a line that repeats, '.repeat(100));
const frame = lz4.compressFrameSync(content, { contentChecksum: true });
const raw: PartToEncode = { upload: 'upload-1', index: 7, content, crc: crc32c(content), frame: undefined };

function incoming(part: PartToEncode): IncomingRecord {
  return { topic: 'q.parts', partition: 2, offset: 41, timestampMs: 0, ...encodePart(part) };
}

function withHeader(record: IncomingRecord, name: string, value: string | undefined): IncomingRecord {
  const others = record.headers.filter(([other]) => other !== name);
  return { ...record, headers: value === undefined ? others : [...others, [name, Buffer.from(value)]] };
}

/** What a reader does with a record: the content, or why there is none. */
async function read(record: IncomingRecord): Promise<Buffer | string> {
  const head = readPartHead(record);
  if (head === undefined) return 'no part';
  try {
    return await readPartContent(record, head, limits);
  } catch (error) {
    if (!(error instanceof PartDamagedError)) throw error;
    expect(error).toMatchObject({ topic: 'q.parts', partition: 2, offset: 41, code: 'PART_DAMAGED' });
    return error.reason;
  }
}

test('a part says whose it is, which, and what is in it', () => {
  const { key, value, headers } = encodePart(raw);
  expect(key?.toString()).toBe('upload-1');
  expect(value).toBe(content);
  expect(headers.map(([name, text]) => [name, text.toString()])).toEqual([
    ['kl-upload', 'upload-1'],
    ['kl-part', '7'],
    ['kl-part-length', '2100'],
    ['kl-part-crc', String(crc32c(content))],
    ['kl-part-codec', 'raw'],
  ]);
});

test('content that is not compressed is read at once, and is the record itself', () => {
  const record = incoming(raw);
  const head = readPartHead(record);
  expect(head).toMatchObject({
    upload: 'upload-1',
    index: 7,
    lengthBytes: 2_100,
    crc: raw.crc,
    codec: 'raw',
    codedBy: undefined,
  });
  if (head !== undefined) expect(readPartContent(record, head, limits)).toBe(record.value);
});

test('a compressed part holds its frame, and its content comes back', async () => {
  const record = incoming({ ...raw, frame });
  expect(record.value).toBe(frame);
  expect(await read(record)).toEqual(content);
});

test('a frame of several blocks is read too', async () => {
  const long = Buffer.from('a line that repeats, '.repeat(250_000)); // a block has 4 MiB at most
  const record = incoming({
    ...raw,
    content: long,
    crc: crc32c(long),
    frame: lz4.compressFrameSync(long, { contentChecksum: true }),
  });
  const head = readPartHead(record);
  if (head === undefined) throw new Error('no part');
  const got = await readPartContent(record, head, { maxPartBytes: long.length });
  expect(long.equals(got)).toBe(true);
});

test('what a codec has made of a frame is checked by the checksum of the frame', async () => {
  const coded = { by: 'mine', upload: 'upload-1', bytes: frame, codec: 'lz4f', lengthBytes: 2_100 } as const;
  const record = incoming({ ...raw, crc: crc32c(frame), coded });
  const head = readPartHead(record);
  if (head === undefined) throw new Error('no part');
  const decodedTo = async (bytes: Buffer) =>
    await readPartContent(record, head, { ...limits, decoding: { name: 'mine', decode: async () => bytes } });
  expect(await decodedTo(frame)).toEqual(content);
  await expect(decodedTo(flipped(frame, 20))).rejects.toMatchObject({
    reason: expect.stringContaining('its lz4 frame is damaged'),
  });
});

test('what is added to the value stays within what is counted for it', () => {
  const longest = { ...raw, upload: 'u'.repeat(64), index: 1024 ** 2, crc: 2 ** 32 - 1 };
  expect(recordBytes(encodePart(longest)) - content.length).toBeLessThan(PART_OVERHEAD_BYTES);
});

const plain = incoming(raw);
const framed = incoming({ ...raw, frame });

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

test.each<[string, IncomingRecord, string]>([
  ['a tombstone', { ...plain, value: null }, 'no part'],
  ['a record of somebody else', { ...plain, headers: [] }, 'no part'],
  ['a part of no upload', withHeader(plain, 'kl-upload', undefined), 'no part'],
  ['an upload that cannot be', withHeader(plain, 'kl-upload', 'a b'), 'no part'],
  ['no index', withHeader(plain, 'kl-part', undefined), 'no part'],
  ['a negative index', withHeader(plain, 'kl-part', '-1'), 'no part'],
  ['no length', withHeader(plain, 'kl-part-length', undefined), 'no part'],
  ['no CRC', withHeader(plain, 'kl-part-crc', undefined), 'no part'],
  ['an unknown codec', withHeader(plain, 'kl-part-codec', 'zstd'), 'no part'],
  ['a length beyond the limit', withHeader(plain, 'kl-part-length', '10001'), 'the limit is 10000'],
  ['a length too small', withHeader(plain, 'kl-part-length', '2099'), 'declares 2099 bytes and has 2100'],
  ['a length too large', withHeader(framed, 'kl-part-length', '2101'), 'its lz4 frame is damaged'],
  ['another CRC', withHeader(plain, 'kl-part-crc', '1'), 'its CRC32C is not'],
  ['a flipped bit', { ...plain, value: flipped(content, 99) }, 'its CRC32C is not'],
  ['a part cut off', { ...plain, value: content.subarray(0, -1) }, 'has 2099'],
  ['an empty value', { ...plain, value: Buffer.alloc(0) }, 'has 0'],
  ['a flipped bit in a frame', { ...framed, value: flipped(frame, 20) }, 'its CRC32C is not'],
  ['a frame cut off', { ...framed, value: frame.subarray(0, -5) }, 'its lz4 frame is damaged'],
  ['a frame that is none', { ...framed, value: content }, 'its lz4 frame is damaged'],
  ['a frame of other content', withHeader(framed, 'kl-part-crc', '1'), 'its CRC32C is not'],
])('%s is told', async (_what, record, words) => {
  expect(await read(record)).toEqual(expect.stringContaining(words));
});

test('a damaged part is refused or read right, never read wrong', async () => {
  const damage = fc.record({
    of: fc.constantFrom(plain, framed),
    at: fc.nat(),
    xor: fc.integer({ min: 1, max: 255 }),
    cut: fc.option(fc.nat(frame.length), { freq: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ of, at, xor, cut }) => {
      const value = Buffer.from(of.value ?? []);
      value[at % value.length] = (value[at % value.length] ?? 0) ^ xor;
      const result = await read({ ...of, value: value.subarray(0, cut ?? value.length) });
      if (typeof result !== 'string') expect(result).toEqual(content);
    }),
    { numRuns: 1_000 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordUndecodableError } from '../errors/task-errors.ts';
import type { IncomingRecord, RecordHeader } from '../kafka/port.ts';
import { type CodecLimits, defaultCodecLimits } from './codec-limits.ts';
import { encodeTask } from './envelope.ts';
import { loadLz4 } from './lz4.ts';
import { measureFrame } from './lz4-frame.ts';
import { decodeBody, readHead } from './read-record.ts';

const limits: CodecLimits = { ...defaultCodecLimits, compressAboveBytes: 100 };
const lz4 = await loadLz4();

async function recordOf(payload: unknown): Promise<IncomingRecord> {
  const task = { id: 'id-1', type: 'a.task', version: 1, payload, key: 'k', enqueuedAtMs: 5 };
  const { record } = await encodeTask(task, limits);
  return { topic: 'q', partition: 3, offset: 9, timestampMs: 0, ...record };
}

function withHeader(
  record: IncomingRecord,
  name: string,
  value: string | Buffer | undefined,
): IncomingRecord {
  const others = record.headers.filter(([other]) => other !== name);
  return { ...record, headers: value === undefined ? others : [...others, [name, Buffer.from(value)]] };
}

/** What a worker does with a record: the payload, or why it is none. */
async function read(record: IncomingRecord): Promise<{ payload: unknown } | { reason: string }> {
  const reading = readHead(record);
  if (reading.kind === 'undecodable') return { reason: reading.reason };
  try {
    return { payload: await decodeBody(record, reading.head, limits) };
  } catch (error) {
    if (!(error instanceof RecordUndecodableError)) throw error;
    expect(error).toMatchObject({ topic: 'q', partition: 3, offset: 9, code: 'RECORD_UNDECODABLE' });
    return { reason: error.reason };
  }
}

const plain = await recordOf({ a: 1 });
const text = { a: 'compressible '.repeat(100) };
const framed = await recordOf(text);
const frame = framed.value ?? Buffer.alloc(0);

test.each<[string, IncomingRecord, string]>([
  ['a tombstone', { ...plain, value: null }, 'a tombstone'],
  ['a record without a key', { ...plain, key: null }, 'it has no key'],
  ['a record with an empty key', { ...plain, key: Buffer.alloc(0) }, 'it has no key'],
  ['a key that is not UTF-8', { ...plain, key: Buffer.from([0xc3]) }, 'its key is not UTF-8'],
  ['a record of somebody else', { ...plain, headers: [] }, 'it was not written by keylane'],
  [
    'only headers of others',
    { ...plain, headers: [['traceparent', Buffer.from('x')]] },
    'it was not written by keylane',
  ],
  [
    'a header that is there twice',
    { ...plain, headers: [...plain.headers, idHeader('other')] },
    'kl-id is there twice',
  ],
  ['no id', withHeader(plain, 'kl-id', undefined), 'kl-id is missing'],
  ['an empty id', withHeader(plain, 'kl-id', ''), 'kl-id is missing, empty'],
  ['an endless id', withHeader(plain, 'kl-id', 'x'.repeat(513)), 'too long'],
  ['an id that is not UTF-8', withHeader(plain, 'kl-id', Buffer.from([0xff])), 'not UTF-8'],
  ['no type', withHeader(plain, 'kl-type', undefined), 'kl-type is missing'],
  ['no codec', withHeader(plain, 'kl-codec', undefined), 'its codec is missing'],
  ['an unknown codec', withHeader(plain, 'kl-codec', 'json+zstd'), 'its codec is "json+zstd"'],
  ['version 0', withHeader(plain, 'kl-version', '0'), 'kl-version'],
  ['a negative version', withHeader(plain, 'kl-version', '-1'), 'kl-version'],
  ['a version with an exponent', withHeader(plain, 'kl-version', '1e3'), 'kl-version'],
  ['a version beyond numbers', withHeader(plain, 'kl-version', '9'.repeat(17)), 'kl-version'],
  ['a length that is not exact', withHeader(plain, 'kl-length', '9007199254740993'), 'kl-length'],
  ['a length with a blank', withHeader(plain, 'kl-length', ' 7'), 'kl-length'],
  ['no length', withHeader(plain, 'kl-length', undefined), 'kl-length'],
  ['a time beyond dates', withHeader(plain, 'kl-at', '8640000000000001'), 'kl-at'],
  ['an empty idempotency key', withHeader(plain, 'kl-ikey', ''), 'kl-ikey'],
  ['a length too small', withHeader(plain, 'kl-length', '6'), 'it declares 6 bytes and has 7'],
  ['a length too large', withHeader(plain, 'kl-length', '8'), 'it declares 8 bytes and has 7'],
  ['a length beyond the limit', withHeader(plain, 'kl-length', '16777217'), 'the limit is 16777216'],
  ['bad JSON', { ...plain, value: Buffer.from('{"a":1,') }, 'not JSON'],
  ['an empty value', withHeader({ ...plain, value: Buffer.alloc(0) }, 'kl-length', '0'), 'not JSON'],
  ['a byte order mark', { ...plain, value: Buffer.from('\ufeff[10]') }, 'not JSON'],
  [
    'text that is not UTF-8',
    { ...plain, value: Buffer.from([0x22, 0x61, 0x62, 0xff, 0x63, 0x64, 0x22]) },
    'not UTF-8',
  ],
])('%s is refused with a reason', async (_what, record, words) => {
  expect(await read(record)).toEqual({ reason: expect.stringContaining(words) });
});

function idHeader(value: string): RecordHeader {
  return ['kl-id', Buffer.from(value)];
}

const noChecksum = lz4.compressFrameSync(JSON.stringify(text));
/** One block of 64 KiB of blanks, over and over: 200 MB in 1 MB. */
const bomb = (() => {
  const whole = lz4.compressFrameSync(Buffer.alloc(65_536, 0x20), { contentChecksum: true });
  const block = whole.subarray(7, -8);
  return Buffer.concat([
    whole.subarray(0, 7),
    ...Array.from({ length: 3_050 }, () => block),
    whole.subarray(-8),
  ]);
})();

test.each<[string, Buffer, string]>([
  ['an empty frame', Buffer.alloc(0), 'cannot hold'],
  ['no frame at all', Buffer.alloc(300, 0x61), 'it is none'],
  ['only a header', frame.subarray(0, 7), 'cut off'],
  ['no end mark', frame.subarray(0, -8), 'cut off'],
  ['no checksum after the end mark', frame.subarray(0, -4), 'cut off'],
  ['a frame cut off in a block', frame.subarray(0, -20), 'cut off'],
  ['bytes after the frame', Buffer.concat([frame, Buffer.from([0])]), 'bytes follow its end'],
  ['two frames', Buffer.concat([frame, frame]), 'bytes follow its end'],
  ['a frame without a checksum', noChecksum, 'no content checksum'],
  ['a frame of an unknown version', patched(4, 0x84), 'unknown version'],
  ['a frame with a dictionary', patched(4, 0x65), 'a dictionary'],
  ['a frame with tiny blocks', patched(5, 0x30), 'unknown block size'],
  ['a frame whose header is damaged', patched(6, 0), 'damaged'],
  ['a wrong checksum', patched(frame.length - 1, (frame.at(-1) ?? 0) ^ 1), 'damaged'],
  ['a legacy frame', patched(0, 0x02), 'it is none'],
  ['more than is declared: a bomb', bomb, 'holds more than the declared'],
])('%s is refused before or by the decoder', async (_what, value, words) => {
  expect(await read({ ...framed, value })).toEqual({ reason: expect.stringContaining(words) });
});

function patched(at: number, byte: number): Buffer {
  const copy = Buffer.from(frame);
  copy[at] = byte;
  return copy;
}

test.each([
  ['less', 1_307],
  ['more', 1_309],
  ['nothing', 0],
  ['more than its bytes can hold', 16_000_000],
])('a frame that declares %s than it has is refused', async (_what, length) => {
  const result = await read(withHeader(framed, 'kl-length', String(length)));
  expect(result).toEqual({ reason: expect.stringContaining('its lz4 frame is damaged') });
});

test('a bomb is not decompressed to find out', async () => {
  const before = process.resourceUsage().maxRSS;
  for (let i = 0; i < 20; i += 1) await read({ ...framed, value: bomb });
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(100 * 1024); // KiB
});

test('a damaged frame is refused or decoded right, never decoded wrong', async () => {
  const change = fc.record({
    at: fc.nat(frame.length - 1),
    xor: fc.integer({ min: 1, max: 255 }),
    cut: fc.option(fc.nat(frame.length - 1), { freq: 4 }),
    add: fc.option(fc.uint8Array({ maxLength: 20, size: 'max' }), { freq: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ at, xor, cut, add }) => {
      const damaged = patched(at, (frame[at] ?? 0) ^ xor);
      const value = Buffer.concat([damaged.subarray(0, cut ?? damaged.length), add ?? Buffer.alloc(0)]);
      const result = await read({ ...framed, value });
      if ('payload' in result) expect(result.payload).toEqual(text);
    }),
    { numRuns: 2_000 },
  );
});

test('random bytes in any place of a record give a reason, never another error', async () => {
  const bytes = fc.uint8Array({ maxLength: 64, size: 'max' }).map((array) => Buffer.from(array));
  const headers = fc.constantFrom(...plain.headers.map(([name]) => name));
  await fc.assert(
    fc.asyncProperty(
      bytes,
      headers,
      bytes,
      fc.constantFrom('json', 'json+lz4f'),
      async (value, name, content, codec) => {
        const length = withHeader(plain, 'kl-length', String(value.length));
        await read(withHeader({ ...withHeader(length, 'kl-codec', codec), value }, name, content));
      },
    ),
    { numRuns: 1_000 },
  );
});

test('a frame is measured exactly, whatever wrote it', async () => {
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 3_000, size: 'max' }).map((array) => Buffer.from(array)),
    fc
      .tuple(fc.string({ minLength: 1, maxLength: 50, size: 'max' }), fc.nat(5_000))
      .map(([part, n]) => Buffer.from(part.repeat(n))),
  );
  const options = fc.record({ contentChecksum: fc.constant(true), blockChecksums: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(contents, options, async (content, given) => {
      const made = await lz4.compressFrame(content, given);
      expect(measureFrame(made, content.length)).toMatchObject({ kind: 'whole' });
      expect(measureFrame(made, content.length + 1).kind).toBe('broken');
      if (content.length > 0) expect(measureFrame(made, content.length - 1).kind).toBe('broken');
    }),
    { numRuns: 300 },
  );
});

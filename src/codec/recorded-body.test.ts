import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordUndecodableError } from '../errors/task-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { payloadJson } from './body.ts';
import { defaultCodecLimits } from './codec-limits.ts';
import { type EncodedTask, encodeTask, type TaskToEncode } from './envelope.ts';
import { type BodyManifest, manifestHeader } from './manifest.ts';
import { decodeBody, type PayloadReading, type RecordHead, readHead } from './read-record.ts';

const manifest: BodyManifest = {
  upload: 'upload-1',
  partition: 3,
  count: 2,
  from: 10,
  to: 11,
  bytes: 1_000_000,
  partBytes: 890_000,
  crc: 77,
  firstAtMs: 1_790_000_000_000,
  timeoutMs: 1_800_000,
};
const task: TaskToEncode = {
  id: 'id-1',
  type: 'recording.asset',
  version: 1,
  payload: { a: 1 },
  key: 'k',
  enqueuedAtMs: 5,
};
const bytes = Buffer.from([0, 255, 10, 128]);

function incoming({ record }: EncodedTask): IncomingRecord {
  return { topic: 'q', partition: 0, offset: 7, timestampMs: 0, ...record };
}

async function recordOf(changes: Partial<TaskToEncode>): Promise<IncomingRecord> {
  return incoming(await encodeTask({ ...task, ...changes }, defaultCodecLimits));
}

function headOf(record: IncomingRecord): RecordHead {
  const reading = readHead(record);
  if (reading.kind === 'task') return reading.head;
  throw new Error(reading.reason);
}

function reasonOf(record: IncomingRecord): string | undefined {
  const reading = readHead(record);
  return reading.kind === 'undecodable' ? reading.reason : undefined;
}

function ownHeaders(record: IncomingRecord): [string, string][] {
  return record.headers.slice(3).map(([name, value]) => [name, value.toString('latin1')]);
}

function withHeader(
  record: IncomingRecord,
  name: string,
  value: string | Buffer | undefined,
): IncomingRecord {
  const others = record.headers.filter(([other]) => other !== name);
  return { ...record, headers: value === undefined ? others : [...others, [name, Buffer.from(value)]] };
}

test('a small body travels in its task record, as it is', async () => {
  const record = await recordOf({ body: { kind: 'inline', bytes }, contentEncoding: 'gzip' });
  expect(ownHeaders(record)).toEqual([
    ['kl-codec', 'json+body'],
    ['kl-length', '7'],
    ['kl-at', '5'],
    ['kl-body-length', '4'],
    ['kl-body-encoding', 'gzip'],
    ['kl-body', bytes.toString('latin1')],
  ]);
  expect(record.headers.at(-1)?.[1]).toBe(bytes);
  expect(headOf(record)).toMatchObject({
    codec: 'json',
    body: { kind: 'inline', bytes },
    bodyBytes: 4,
    contentEncoding: 'gzip',
    payloadParts: undefined,
  });
  expect(decodeBody(record, headOf(record), defaultCodecLimits)).toEqual({ a: 1 });
});

test('a body of no bytes is a body, and no empty header', async () => {
  const record = await recordOf({ body: { kind: 'inline', bytes: Buffer.alloc(0) } });
  expect(record.headers.every(([, value]) => value.length > 0)).toBe(true);
  expect(headOf(record)).toMatchObject({ body: { kind: 'inline', bytes: Buffer.alloc(0) }, bodyBytes: 0 });
});

test('a task without a body has none', async () => {
  expect(headOf(await recordOf({}))).toMatchObject({ body: undefined, bodyBytes: 0 });
});

test('a body in parts leaves its manifest in the record', async () => {
  const record = await recordOf({ body: { kind: 'parts', manifest } });
  expect(
    ownHeaders(record).map(([name, value]) => (name === 'kl-body-parts' ? name : [name, value])),
  ).toEqual([
    ['kl-codec', 'json+body'],
    ['kl-length', '7'],
    ['kl-at', '5'],
    ['kl-body-length', '1000000'],
    'kl-body-parts',
  ]);
  expect(headOf(record)).toMatchObject({ body: { kind: 'parts', manifest }, bodyBytes: 1_000_000 });
});

test('a payload in parts leaves an empty object and its manifest; what it was is not looked at again', async () => {
  const record = await recordOf({ payload: 1n, payloadParts: manifest });
  expect(record.value?.toString()).toBe('{}');
  expect(ownHeaders(record).map(([name]) => name)).toEqual([
    'kl-codec',
    'kl-length',
    'kl-at',
    'kl-payload-parts',
  ]);
  expect(headOf(record)).toMatchObject({
    codec: 'json+parts',
    lengthBytes: 1_000_000,
    payloadParts: manifest,
    body: undefined,
  });
});

test('a payload and a body may both be in parts', async () => {
  const other = { ...manifest, upload: 'upload-2' };
  const record = await recordOf({ payloadParts: manifest, body: { kind: 'parts', manifest: other } });
  expect(ownHeaders(record)[0]).toEqual(['kl-codec', 'json+parts+body']);
  expect(headOf(record)).toMatchObject({
    codec: 'json+parts',
    payloadParts: manifest,
    body: { manifest: other },
  });
});

test('a compressed payload may have a body too', async () => {
  const limits = { ...defaultCodecLimits, compressAboveBytes: 10 };
  const payload = { text: 'again '.repeat(100) };
  const record = incoming(await encodeTask({ ...task, payload, body: { kind: 'inline', bytes } }, limits));
  expect(ownHeaders(record)[0]).toEqual(['kl-codec', 'json+lz4f+body']);
  expect(headOf(record)).toMatchObject({ codec: 'json+lz4f', bodyBytes: 4 });
  expect(await decodeBody(record, headOf(record), limits)).toEqual(payload);
});

test('JSON that was made before is what is written', async () => {
  const payload = { a: 'before' };
  const json = payloadJson('t', payload, defaultCodecLimits);
  payload.a = 'after';
  const record = await recordOf({ payload, json });
  expect(record.value).toBe(json);
  expect(json.toString()).toBe('{"a":"before"}');
});

test('a body counts as part of the record, and is named when there is no room', async () => {
  const body = { kind: 'inline', bytes: Buffer.alloc(899_000) } as const;
  await expect(recordOf({ body })).resolves.toBeDefined();
  await expect(recordOf({ body: { ...body, bytes: Buffer.alloc(900_000) } })).rejects.toMatchObject({
    code: 'TASK_TOO_LARGE',
    message: expect.stringContaining('JSON of 7 bytes, a body of 900000 bytes, key and headers'),
  });
});

test.each([
  ['a coding that cannot be a name', { contentEncoding: 'g zip' }, ['contentEncoding']],
  ['an endless coding', { contentEncoding: 'g'.repeat(65) }, ['contentEncoding']],
  ['no coding', { contentEncoding: '' }, ['contentEncoding']],
  ['a coding without a body', { contentEncoding: 'gzip', body: undefined }, ['contentEncoding']],
  ['a delayed body in parts', { notBeforeMs: 9, body: { kind: 'parts', manifest } as const }, ['delayMs']],
  ['a delayed payload in parts', { notBeforeMs: 9, payloadParts: manifest }, ['delayMs']],
])('%s is refused', async (_what, changes, paths) => {
  const given = { body: { kind: 'inline', bytes } as const, ...changes };
  await expect(recordOf(given)).rejects.toMatchObject({
    code: 'OPTIONS_INVALID',
    problems: paths.map((path) => expect.objectContaining({ path })),
  });
});

test('a delayed task may have a body in its record', async () => {
  const record = await recordOf({ notBeforeMs: 9, body: { kind: 'inline', bytes } });
  expect(headOf(record).bodyBytes).toBe(4);
});

const inline = await recordOf({ body: { kind: 'inline', bytes } });
const inParts = await recordOf({ body: { kind: 'parts', manifest } });
const payloadInParts = await recordOf({ payloadParts: manifest });
const otherLength = manifestHeader('kl-body-parts', { ...manifest, bytes: 999_999 })[1];

test.each<[string, IncomingRecord, string]>([
  ['a body without a length', withHeader(inline, 'kl-body-length', undefined), 'kl-body-length'],
  ['a length that is no number', withHeader(inline, 'kl-body-length', '4.0'), 'kl-body-length'],
  ['a length beyond the limit', withHeader(inline, 'kl-body-length', '1073741825'), 'limit is 1073741824'],
  ['a body too short', withHeader(inline, 'kl-body-length', '5'), 'declares a body of 5 bytes and has 4'],
  ['a body too long', withHeader(inline, 'kl-body-length', '0'), 'declares a body of 0 bytes and has 4'],
  ['a body that is missing', withHeader(inline, 'kl-body', undefined), 'of 4 bytes and has 0'],
  ['a coding that is none', withHeader(inline, 'kl-body-encoding', 'a b'), 'kl-body-encoding'],
  ['a manifest that is none', withHeader(inParts, 'kl-body-parts', '{}'), 'kl-body-parts is no manifest'],
  ['a manifest of another length', withHeader(inParts, 'kl-body-parts', otherLength), '999999 in parts'],
  ['two bodies', withHeader(inParts, 'kl-body', 'x'), 'a body of its own and one in parts'],
  ['a body there twice', { ...inline, headers: [...inline.headers, ['kl-body', bytes]] }, 'there twice'],
  [
    'a payload without its manifest',
    withHeader(payloadInParts, 'kl-payload-parts', undefined),
    'no manifest',
  ],
  ['a payload of another length', withHeader(payloadInParts, 'kl-length', '1000001'), 'declared length'],
  ['a delayed body in parts', withHeader(inParts, 'kl-not-before', '9'), 'it is delayed'],
  ['a delayed payload in parts', withHeader(payloadInParts, 'kl-not-before', '9'), 'it is delayed'],
  ['a form in another order', withHeader(inline, 'kl-codec', 'json+body+lz4f'), 'not one this release'],
  ['two forms at once', withHeader(inline, 'kl-codec', 'json+lz4f+parts'), 'not one this release'],
])('%s makes a record undecodable', (_what, record, words) => {
  expect(reasonOf(record)).toEqual(expect.stringContaining(words));
});

test('headers of large tasks say nothing where the codec does not', () => {
  const record = withHeader(withHeader(inline, 'kl-codec', 'json'), 'kl-payload-parts', '{}');
  expect(headOf(record)).toMatchObject({ body: undefined, bodyBytes: 0, payloadParts: undefined });
});

const json = Buffer.from(JSON.stringify('x'.repeat(999_998)));

function reading(readParts: PayloadReading['readParts']): PayloadReading {
  return { ...defaultCodecLimits, readParts };
}

test('a payload in parts is fetched by its manifest', async () => {
  const asked: BodyManifest[] = [];
  const payload = decodeBody(
    payloadInParts,
    headOf(payloadInParts),
    reading((of) => {
      asked.push(of);
      return Promise.resolve(json);
    }),
  );
  expect(await payload).toBe('x'.repeat(999_998));
  expect(asked).toEqual([manifest]);
});

test('what fetching fails with is what reading fails with', async () => {
  const lost = new Error('lost');
  const payload = decodeBody(
    payloadInParts,
    headOf(payloadInParts),
    reading(() => Promise.reject(lost)),
  );
  await expect(payload).rejects.toBe(lost);
});

test.each([
  ['of another length', json.subarray(1), 'declares 1000000 bytes and has 999999'],
  ['that is no JSON', Buffer.alloc(1_000_000, 'x'), 'not JSON'],
])('a payload %s in its parts is refused', async (_what, fetched, words) => {
  const payload = decodeBody(
    payloadInParts,
    headOf(payloadInParts),
    reading(() => Promise.resolve(fetched)),
  );
  await expect(payload).rejects.toMatchObject({
    code: 'RECORD_UNDECODABLE',
    reason: expect.stringContaining(words),
  });
});

test('a payload beyond the limit is not fetched', async () => {
  const large = { ...manifest, bytes: 17_000_000, partBytes: 1_000_000, count: 17, to: 30 };
  const record = await recordOf({ payloadParts: large });
  const fetch = (): Promise<Buffer> => Promise.reject(new Error('fetched'));
  expect(() => decodeBody(record, headOf(record), reading(fetch))).toThrow(/the limit is 16777216/);
});

test('whoever does not read parts refuses a payload that is in them', () => {
  expect(() => decodeBody(payloadInParts, headOf(payloadInParts), defaultCodecLimits)).toThrow(
    RecordUndecodableError,
  );
});

test('any bytes, and what is said of them, come back', async () => {
  const bodies = fc.uint8Array({ maxLength: 2_000, size: 'max' }).map((array) => Buffer.from(array));
  const encodings = fc.option(fc.constantFrom('gzip', 'br', 'gzip, br'), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(bodies, encodings, async (body, contentEncoding) => {
      const record = await recordOf({ body: { kind: 'inline', bytes: body }, contentEncoding });
      expect(headOf(record)).toMatchObject({
        body: { kind: 'inline', bytes: body },
        bodyBytes: body.length,
        contentEncoding,
      });
    }),
  );
});

test('random bytes in a header of a large task give a reason, never another error', () => {
  const names = ['kl-body', 'kl-body-length', 'kl-body-parts', 'kl-body-encoding', 'kl-payload-parts'];
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 64, size: 'max' }),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(inline, inParts, payloadInParts),
      fc.constantFrom(...names),
      value,
      (record, name, bad) => {
        readHead(withHeader(record, name, Buffer.from(bad)));
      },
    ),
    { numRuns: 500 },
  );
});

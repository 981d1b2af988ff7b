import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IncomingRecord } from '../kafka/port.ts';
import { type CodecLimits, defaultCodecLimits } from './codec-limits.ts';
import { type EncodedTask, encodeTask } from './envelope.ts';
import { decodeBody, type RecordHead, readHead, readType } from './read-record.ts';

const task = {
  id: '01923456-789a-7abc-8def-0123456789ab',
  type: 'recording.events',
  version: 2,
  payload: { sessionId: 's1', events: [1, 'ü', null] },
  key: 's1',
  enqueuedAtMs: 1_790_000_000_000,
};

/** Everything above 100 bytes becomes a frame. */
const small: CodecLimits = { ...defaultCodecLimits, compressAboveBytes: 100 };

function incoming({ record }: EncodedTask): IncomingRecord {
  return { topic: 'q', partition: 0, offset: 7, timestampMs: 0, ...record };
}

function headOf(record: IncomingRecord): RecordHead {
  const reading = readHead(record);
  if (reading.kind === 'task') return reading.head;
  throw new Error(reading.reason);
}

function header({ record }: EncodedTask, name: string): string | undefined {
  return record.headers.find(([other]) => other === name)?.[1].toString();
}

test('an ordinary task is readable in any Kafka viewer', async () => {
  const { record } = await encodeTask(task, defaultCodecLimits);
  expect(record.key?.toString()).toBe('s1');
  expect(record.value.toString()).toBe('{"sessionId":"s1","events":[1,"ü",null]}');
  expect(record.headers.map(([name, value]) => [name, value.toString()])).toEqual([
    ['kl-type', 'recording.events'],
    ['kl-id', '01923456-789a-7abc-8def-0123456789ab'],
    ['kl-version', '2'],
    ['kl-codec', 'json'],
    ['kl-length', '41'],
    ['kl-at', '1790000000000'],
  ]);
});

test('an ordinary task is encoded at once, so that a payload changed later is not', () => {
  const payload = { text: 'before' };
  const encoded = encodeTask({ ...task, payload }, defaultCodecLimits);
  payload.text = 'after';
  if (encoded instanceof Promise) throw new Error('a small task needs no promise');
  expect(encoded.record.value.toString()).toBe('{"text":"before"}');
});

test('a large payload is read at once too, and becomes a frame with the length of its JSON', async () => {
  const payload = { text: 'before '.repeat(100) };
  const encoding = encodeTask({ ...task, payload }, small);
  expect(encoding).toBeInstanceOf(Promise);
  payload.text = 'after';
  const encoded = await encoding;
  expect(header(encoded, 'kl-codec')).toBe('json+lz4f');
  expect(header(encoded, 'kl-length')).toBe('711');
  expect(encoded.record.value.length).toBeLessThan(100);
  const record = incoming(encoded);
  expect(await decodeBody(record, headOf(record), small)).toEqual({ text: 'before '.repeat(100) });
});

test('a large payload that does not shrink stays JSON', async () => {
  const noise = Array.from({ length: 300 }, (_, i) =>
    (Math.imul(i + 1, 2_654_435_761) >>> 0).toString(36),
  ).join('');
  const encoded = await encodeTask({ ...task, payload: noise }, small);
  expect(header(encoded, 'kl-codec')).toBe('json');
  const record = incoming(encoded);
  expect(await decodeBody(record, headOf(record), small)).toBe(noise);
});

test('what a caller adds travels in headers and comes back', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const headers = { tenant: 'ä', empty: '', __proto__own: 'x' };
  const added = { idempotencyKey: 'order-7', traceparent, tracestate: 'a=1', headers };
  const record = incoming(await encodeTask({ ...task, ...added }, defaultCodecLimits));
  expect(headOf(record)).toEqual({
    id: task.id,
    type: task.type,
    version: 2,
    codec: 'json',
    lengthBytes: 41,
    bodyBytes: 0,
    enqueuedAtMs: task.enqueuedAtMs,
    ...added,
  });
});

test('without an idempotency key of its own a task has its id', async () => {
  const encoded = await encodeTask(task, defaultCodecLimits);
  expect(header(encoded, 'kl-ikey')).toBeUndefined();
  expect(headOf(incoming(encoded)).idempotencyKey).toBe(task.id);
});

test('an empty header value has memory behind it: the client would send null otherwise', async () => {
  const { record } = await encodeTask({ ...task, headers: { empty: '' } }, defaultCodecLimits);
  const value = record.headers.at(-1)?.[1];
  expect(value?.length).toBe(0);
  expect(value?.buffer.byteLength).toBeGreaterThan(0);
});

test('bytes is what the record takes, within the framing of Kafka', async () => {
  const { record, bytes } = await encodeTask({ ...task, headers: { größe: 'x' } }, defaultCodecLimits);
  const content =
    (record.key?.length ?? 0) +
    record.value.length +
    record.headers.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + value.length, 0);
  expect(bytes).toBeGreaterThanOrEqual(content);
  expect(bytes).toBeLessThan(content + 80);
});

test('the type is found wherever it stands, and only there', async () => {
  const record = incoming(await encodeTask(task, defaultCodecLimits));
  expect(readType(record)).toBe('recording.events');
  expect(readType({ ...record, headers: [...record.headers].reverse() })).toBe('recording.events');
  expect(readType({ ...record, headers: [['type', Buffer.from('x')]] })).toBeUndefined();
});

test('headers of a later release are no reason to refuse a task', async () => {
  const record = incoming(await encodeTask(task, defaultCodecLimits));
  const head = headOf({ ...record, headers: [...record.headers, ['kl-new', Buffer.from('x')]] });
  expect(head.headers).toEqual({});
});

test('a header that somebody else added twice counts once', async () => {
  const record = incoming(await encodeTask({ ...task, headers: { a: '1' } }, defaultCodecLimits));
  const more = [['a', Buffer.from('2')] as const, ['traceparent', Buffer.from([0xff])] as const];
  expect(headOf({ ...record, headers: [...record.headers, ...more] })).toMatchObject({
    headers: { a: '2' },
    traceparent: undefined,
  });
});

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false });
const text = fc.string({ unit: 'grapheme', maxLength: 40, size: 'max' });
const named = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20, size: 'max' });

test('what is encoded is what is decoded, compressed or not', async () => {
  await fc.assert(
    fc.asyncProperty(
      json,
      named,
      fc.dictionary(
        named.map((name) => `x-${name}`),
        text,
        { noNullPrototype: true },
      ),
      fc.nat(300),
      async (payload, key, headers, compressAboveBytes) => {
        const limits = { ...defaultCodecLimits, compressAboveBytes };
        const record = incoming(await encodeTask({ ...task, payload, key, headers }, limits));
        const head = headOf(record);
        expect(record.key?.toString()).toBe(key);
        expect(head.headers).toEqual(headers);
        expect(JSON.stringify(await decodeBody(record, head, limits))).toBe(JSON.stringify(payload));
      },
    ),
    { numRuns: 300 },
  );
});

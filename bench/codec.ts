/**
 * What the envelope costs on this thread, and where compressing begins to pay; what it takes to parse large JSON in one go;
 * then what the CRC of a large task's parts costs: `npx tsx --conditions keylane-source bench/codec.ts`. Needs no Kafka. Each figure is the best of many runs, in
 * microseconds per task unless it says otherwise.
 */
import { type CodecLimits, defaultCodecLimits } from '../src/codec/codec-limits.ts';
import { combineCrc32c, crc32c } from '../src/codec/crc32c.ts';
import { encodeTask } from '../src/codec/envelope.ts';
import { decodeBody, readHead, readType } from '../src/codec/read-record.ts';
import type { IncomingRecord } from '../src/kafka/port.ts';

const sizes = [1_000, 10_000, 100_000, 256_000, 512_000, 850_000];
const never: CodecLimits = { ...defaultCodecLimits, compressAboveBytes: Number.POSITIVE_INFINITY };
const always: CodecLimits = { ...defaultCodecLimits, compressAboveBytes: 0 };

/** Like a recording's events: small objects, some text, numbers that change; lz4 makes it 2 to 3 times smaller. */
function payloadOf(bytes: number): unknown {
  const events: unknown[] = [];
  for (let size = 40, i = 1; size < bytes; i += 1) {
    const scrambled = Math.imul(i, 2_654_435_761) >>> 0;
    const event = {
      type: i % 5,
      at: 1_790_000_000_000 + i * 17,
      data: { id: scrambled, x: scrambled % 1_920, text: `node ${scrambled.toString(36)}` },
    };
    size += JSON.stringify(event).length + 1;
    events.push(event);
  }
  return { sessionId: 'session-1', events };
}

async function best(run: () => unknown): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (const end = performance.now() + 700; performance.now() < end; ) {
    const start = performance.now();
    const result = run();
    if (result instanceof Promise) await result;
    fastest = Math.min(fastest, performance.now() - start);
  }
  return Math.round(fastest * 10_000) / 10;
}

/** The part of an asynchronous call that runs before it returns. */
async function bestStart(run: () => unknown): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (const end = performance.now() + 700; performance.now() < end; ) {
    const start = performance.now();
    const result = run();
    fastest = Math.min(fastest, performance.now() - start);
    await result;
  }
  return Math.round(fastest * 10_000) / 10;
}

const rows: Record<string, number>[] = [];
for (const size of sizes) {
  const payload = payloadOf(size);
  const task = {
    id: 'id-1',
    type: 'recording.events',
    version: 1,
    payload,
    key: 'session-1',
    enqueuedAtMs: 1,
  };
  const asJson = await encodeTask(task, never);
  const asFrame = await encodeTask(task, always);
  const plain: IncomingRecord = { topic: 'q', partition: 0, offset: 0, timestampMs: 0, ...asJson.record };
  const framed: IncomingRecord = { ...plain, ...asFrame.record };
  rows.push({
    bytes: asJson.record.value.length,
    ratio: Math.round((100 * asJson.record.value.length) / asFrame.record.value.length) / 100,
    'JSON.stringify': await best(() => JSON.stringify(payload)),
    'encode json': await best(() => encodeTask(task, never)),
    'encode frame, here': await bestStart(() => encodeTask(task, always)),
    'encode frame, in all': await best(() => encodeTask(task, always)),
    readType: await best(() => readType(plain)),
    'JSON.parse': await best(() => JSON.parse(plain.value?.toString() ?? '') as unknown),
    'decode json': await best(() => decode(plain)),
    'decode frame, in all': await best(() => decode(framed)),
  });
}
console.table(rows);

const large: Record<string, number>[] = [];
for (const megabytes of [1, 4, 16]) {
  const json = Buffer.from(JSON.stringify(payloadOf(megabytes * 1e6)));
  const text = Buffer.from(JSON.stringify({ text: 'x'.repeat(megabytes * 1e6) }));
  large.push({
    MB: megabytes,
    'JSON.parse of objects, ms': (await best(() => JSON.parse(json.toString()) as unknown)) / 1_000,
    'JSON.parse of one text, ms': (await best(() => JSON.parse(text.toString()) as unknown)) / 1_000,
  });
}
console.table(large);

const part = Buffer.from(JSON.stringify(payloadOf(890_000)));
const crcMicros = await best(() => crc32c(part));
console.table({
  'CRC32C of a part, bytes': part.length,
  'CRC32C of a part': crcMicros,
  'CRC32C, MB/s': Math.round(part.length / crcMicros),
  'combining two CRCs': await best(() => combineCrc32c(1, 2, 890_000)),
});

function decode(record: IncomingRecord): unknown {
  const reading = readHead(record);
  return reading.kind === 'task' ? decodeBody(record, reading.head, defaultCodecLimits) : undefined;
}

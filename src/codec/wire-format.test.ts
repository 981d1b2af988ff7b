import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { invert } from '../../test/support/test-codecs.ts';
import type { IncomingRecord, OutgoingRecord } from '../kafka/port.ts';
import { defaultCodecLimits } from './codec-limits.ts';
import { Decoding, partEncoding } from './coding.ts';
import { combineCrc32c, crc32c } from './crc32c.ts';
import { encodeTask, type TaskToEncode } from './envelope.ts';
import { type BodyManifest, partLength } from './manifest.ts';
import { encodePart, readPartContent, readPartHead } from './part.ts';
import { murmur2, partitionOf } from './partition.ts';
import { codecSet } from './payload-codec.ts';
import { decodeBody, readHead } from './read-record.ts';

/** A record, its bytes in hex. */
interface HexRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: readonly [string, string][];
}

/** Vectors for implementations in any language; docs/wire-format.md describes them. */
interface RecordVector {
  readonly name: string;
  readonly task: TaskToEncode;
  readonly record: HexRecord;
  readonly partitionOf24: number;
}

interface LargeVector extends Omit<RecordVector, 'task'> {
  readonly task: Omit<TaskToEncode, 'body'> & {
    /** The bytes of an inline one in hex. */
    readonly body?:
      | { readonly kind: 'inline'; readonly bytes: string }
      | { readonly kind: 'parts'; readonly manifest: BodyManifest };
  };
}

interface PartsVector {
  readonly name: string;
  readonly manifest: BodyManifest;
  /** In hex. */
  readonly content: string;
  readonly records: readonly HexRecord[];
}

interface PartitionVector {
  readonly key: string;
  readonly murmur2: number;
  readonly of24: number;
  readonly of768: number;
}

function vectors<V>(file: string): V[] {
  const url = new URL(`../../test/golden/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as V[]; // checked in, and of this shape
}

const plain = vectors<RecordVector>('records.json');
const compressed = vectors<RecordVector>('compressed-records.json');
const large = vectors<LargeVector>('large-records.json').map(withBytes);
const coded = vectors<LargeVector>('coded-records.json').map(withBytes);

function withBytes(vector: LargeVector): RecordVector {
  const { body, ...task } = vector.task;
  if (body?.kind !== 'inline') return { ...vector, task: { ...task, body } };
  return { ...vector, task: { ...task, body: { ...body, bytes: Buffer.from(body.bytes, 'hex') } } };
}

function toHex(record: OutgoingRecord): HexRecord {
  return {
    key: record.key?.toString('hex') ?? '',
    value: record.value.toString('hex'),
    headers: record.headers.map(([name, value]) => [name, value.toString('hex')]),
  };
}

function incoming(record: HexRecord): IncomingRecord {
  return {
    topic: 'q',
    partition: 0,
    offset: 0,
    timestampMs: 0,
    key: Buffer.from(record.key, 'hex'),
    value: Buffer.from(record.value, 'hex'),
    headers: record.headers.map(([name, value]) => [name, Buffer.from(value, 'hex')]),
  };
}

test.each([...plain, ...large])('encoding gives the golden record: $name', async ({ task, record }) => {
  const encoded = await encodeTask(task, defaultCodecLimits);
  expect(toHex(encoded.record)).toEqual(record);
});

test.each([...plain, ...compressed, ...large])(
  'decoding gives the golden task: $name',
  async ({ task, record, partitionOf24 }) => {
    const given = incoming(record);
    const reading = readHead(given);
    if (reading.kind === 'undecodable') throw new Error(reading.reason);
    const { head } = reading;
    const json = Buffer.from(JSON.stringify(task.payload));
    const readParts = (): Promise<Buffer> => Promise.resolve(json);
    expect(partitionOf(given.key ?? Buffer.alloc(0), 24)).toBe(partitionOf24);
    expect({
      ...head,
      key: given.key?.toString(),
      payload: await decodeBody(given, head, { ...defaultCodecLimits, readParts }),
    }).toMatchObject({
      headers: {},
      idempotencyKey: task.id,
      body: undefined,
      payloadParts: undefined,
      ...task,
    });
  },
);

test.each(vectors<PartsVector>('parts.json'))(
  'parts are read and written as the vectors say: $name',
  async ({ manifest, content, records }) => {
    const whole = Buffer.from(content, 'hex');
    expect(whole.length).toBe(manifest.bytes);
    expect(records.length).toBe(manifest.count);
    let crc = 0;
    for (const [index, record] of records.entries()) {
      const head = readPartHead(incoming(record));
      expect(head).toMatchObject({
        upload: manifest.upload,
        index,
        lengthBytes: partLength(manifest, index),
      });
      if (head === undefined) return;
      const start = index * manifest.partBytes;
      const piece = whole.subarray(start, start + head.lengthBytes);
      const limits = { maxPartBytes: manifest.partBytes };
      expect(await readPartContent(incoming(record), head, limits)).toEqual(piece);
      const frame = head.codec === 'lz4f' ? Buffer.from(record.value, 'hex') : undefined;
      const { upload } = manifest;
      expect(toHex(encodePart({ upload, index, content: piece, crc: head.crc, frame }))).toEqual(record);
      crc = combineCrc32c(crc, head.crc, head.lengthBytes);
    }
    expect(crc).toBe(manifest.crc);
  },
);

test.each(coded)('coded records are read and written as the vectors say: $name', async ({ task, record }) => {
  const encoded = await encodeTask({ ...task, codec: invert }, defaultCodecLimits);
  expect(toHex(encoded.record)).toEqual(record);
  const given = incoming(record);
  const reading = readHead(given);
  if (reading.kind === 'undecodable') throw new Error(reading.reason);
  const { head } = reading;
  expect(head).toMatchObject({ id: task.id, codec: 'json', codedBy: 'invert' });
  const codecs = codecSet(invert, []);
  expect(await decodeBody(given, head, { ...defaultCodecLimits, codecs })).toEqual(task.payload);
  if (head.body?.kind !== 'inline' || task.body?.kind !== 'inline') {
    expect(head.body).toEqual(task.body);
    return;
  }
  const decoding = new Decoding(given, { ...head, codedBy: 'invert' }, { codecs });
  expect(await decoding.content('body', head.body.bytes, head.bodyBytes)).toEqual(task.body.bytes);
});

test.each(vectors<PartsVector>('coded-parts.json'))(
  'coded parts are read and written as the vectors say: $name',
  async ({ manifest, content, records }) => {
    const whole = Buffer.from(content, 'hex');
    const [first] = coded;
    if (first === undefined) throw new Error('there are coded records');
    const decoding = new Decoding(
      incoming(first.record),
      { ...first.task, codedBy: 'invert' },
      { codecs: codecSet(invert, []) },
    );
    let crc = 0;
    for (const [index, record] of records.entries()) {
      const given = incoming(record);
      const head = readPartHead(given);
      if (head === undefined) throw new Error('it is no part');
      const limits = { maxPartBytes: manifest.partBytes, decoding: decoding.parts('body') };
      const start = index * manifest.partBytes;
      const piece = whole.subarray(start, start + head.lengthBytes);
      expect(await readPartContent(given, head, limits)).toEqual(piece);
      const bytes = await partEncoding(invert, first.task, 'body').encode(piece, head);
      const { upload } = manifest;
      const through = { by: 'invert', upload, bytes, codec: head.codec, lengthBytes: piece.length };
      const part = { upload, index, content: piece, crc: crc32c(bytes), frame: undefined, coded: through };
      expect(toHex(encodePart(part))).toEqual(record);
      crc = combineCrc32c(crc, head.crc, bytes.length);
    }
    expect(crc).toBe(manifest.crc);
  },
);

// Written by Java: org.apache.kafka.common.utils.Utils of kafka-clients 4.4.0; the first six are in its own UtilsTest.
test.each(vectors<PartitionVector>('partitions.json'))(
  'the key $key is partitioned as Java does',
  (vector) => {
    const key = Buffer.from(vector.key);
    expect(murmur2(key)).toBe(vector.murmur2);
    expect(partitionOf(key, 24)).toBe(vector.of24);
    expect(partitionOf(key, 768)).toBe(vector.of768);
  },
);

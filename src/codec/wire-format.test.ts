import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { IncomingRecord } from '../kafka/port.ts';
import { defaultCodecLimits } from './codec-limits.ts';
import { decodeBody, encodeTask, readHead, type TaskToEncode } from './envelope.ts';
import { murmur2, partitionOf } from './partition.ts';

/** Vectors for implementations in any language; docs/wire-format.md describes them. */
interface RecordVector {
  readonly name: string;
  readonly task: TaskToEncode;
  /** Bytes in hex. */
  readonly record: {
    readonly key: string;
    readonly value: string;
    readonly headers: readonly [string, string][];
  };
  readonly partitionOf24: number;
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

test.each(plain)('encoding gives the golden record: $name', async ({ task, record }) => {
  const encoded = await encodeTask(task, defaultCodecLimits);
  expect({
    key: encoded.record.key?.toString('hex'),
    value: encoded.record.value.toString('hex'),
    headers: encoded.record.headers.map(([name, value]) => [name, value.toString('hex')]),
  }).toEqual(record);
});

test.each([...plain, ...compressed])(
  'decoding gives the golden task: $name',
  async ({ task, record, partitionOf24 }) => {
    const key = Buffer.from(record.key, 'hex');
    const incoming: IncomingRecord = {
      topic: 'q',
      partition: 0,
      offset: 0,
      timestampMs: 0,
      key,
      value: Buffer.from(record.value, 'hex'),
      headers: record.headers.map(([name, value]) => [name, Buffer.from(value, 'hex')]),
    };
    const reading = readHead(incoming);
    if (reading.kind === 'undecodable') throw new Error(reading.reason);
    const { head } = reading;
    expect(partitionOf(key, 24)).toBe(partitionOf24);
    expect({
      ...head,
      key: key.toString(),
      payload: await decodeBody(incoming, head, defaultCodecLimits),
    }).toMatchObject({
      headers: {},
      idempotencyKey: task.id,
      ...task,
    });
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

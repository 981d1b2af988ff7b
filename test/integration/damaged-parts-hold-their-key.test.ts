import { randomBytes, randomUUID } from 'node:crypto';
import type { Worker, WorkerEvents } from 'keylane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crc32c } from '../../src/codec/crc32c.ts';
import { headerNames } from '../../src/codec/header-names.ts';
import type { BodyManifest } from '../../src/codec/manifest.ts';
import { encodePart } from '../../src/codec/part.ts';
import { partitionOf } from '../../src/codec/partition.ts';
import { partsHeaders, withPartsHeaders } from '../../src/codec/parts-headers.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type {
  Appender,
  IncomingRecord,
  OutgoingRecord,
  RecordHeader,
  TopicPartition,
} from '../../src/kafka/port.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { type ClusterAdmin, clusterAdmin } from '../faults/cluster-admin.ts';
import { type OpenQueue, openWorkQueue } from '../faults/queue-under-test.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { sha256Of } from '../support/large-content.ts';

const PARTITIONS = 8;
/** Three parts. */
const BYTES = 2_500_000;
const name = `damaged-${randomUUID()}`;

let admin: ClusterAdmin;
let open: OpenQueue;
let driver: KafkaDriver;
let appender: Appender;
let worker: Worker;
/** By id: what its handler has read to the end. */
const read = new Map<string, string>();
/** In this order. */
const ended: string[] = [];

beforeAll(async () => {
  const settings = { brokers: kafkaBrokers(), queue: name, partitions: PARTITIONS, folder: '', life: 'test' };
  admin = clusterAdmin(settings.brokers);
  open = openWorkQueue(settings, (made) => {
    driver = made;
    return made;
  });
  appender = await driver.appender();
  worker = open.queue.worker(
    {
      work: () => {},
      blob: async (_payload, { id, body }) => {
        // A handler that makes light of it: nothing follows from that.
        const hash = await sha256Of(body).catch(() => undefined);
        if (hash === undefined) return;
        read.set(id, hash);
        ended.push(id);
      },
    },
    { logger: silentLogger, concurrency: 8, commitIntervalMs: 200 },
  );
});

afterAll(async () => {
  await worker.stop();
  await open.close();
  await appender.close({ timeoutMs: 5_000 });
  await admin.close();
});

/** What was enqueued, and where its parts are. */
interface Uploaded {
  readonly content: Buffer;
  readonly place: TopicPartition;
  readonly record: IncomingRecord;
  readonly manifest: BodyManifest;
}

async function upload(key: string, id: string): Promise<Uploaded> {
  const content = randomBytes(BYTES);
  const { partition, offset } = await open.queue.enqueue('blob', { key, call: 0 }, { id, body: content });
  const record = await recordAt({ topic: name, partition }, Number(offset));
  const [header] = partsHeaders(record);
  if (header === undefined) throw new Error(`${id} is not in parts`);
  const { manifest } = header;
  return { content, record, manifest, place: { topic: `${name}.parts`, partition: manifest.partition } };
}

async function recordAt(place: TopicPartition, offset: number): Promise<IncomingRecord> {
  const reader = await driver.reader({ name: 'test', prefetchBytes: 1_000_000 });
  try {
    await reader.assign([{ ...place, offset }]);
    for (;;) {
      const [record] = await reader.poll(1);
      if (record !== undefined) return record;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    await reader.close();
  }
}

async function append(place: TopicPartition, records: readonly OutgoingRecord[]): Promise<number[]> {
  const offsets: number[] = [];
  // One at a time: the partition need not be warm.
  for (const record of records) {
    const { outcomes } = await appender.append({ ...place, records: [record] });
    const [outcome] = outcomes;
    if (outcome?.kind !== 'appended') throw new Error(`a record was not appended: ${outcome?.kind}`);
    offsets.push(outcome.offset);
  }
  return offsets;
}

/** The parts of an upload, as a producer would write them. */
function partsOf(id: string, content: Buffer, { partBytes, count }: BodyManifest): OutgoingRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const part = content.subarray(index * partBytes, (index + 1) * partBytes);
    return encodePart({
      upload: id,
      index,
      content: part,
      crc: crc32c(part),
      frame: undefined,
      coded: undefined,
    });
  });
}

type Forgery = (parts: OutgoingRecord[], others: OutgoingRecord[]) => OutgoingRecord[];

/**
 * A task like a genuine one whose parts are written as `forge` has them. `others` are the parts of another content, under
 * the same upload.
 */
async function forged(key: string, id: string, forge: Forgery): Promise<string> {
  const { content, record, manifest, place } = await upload(key, `${id}-genuine`);
  const other = randomUUID();
  const parts = forge(partsOf(other, content, manifest), partsOf(other, randomBytes(BYTES), manifest));
  const offsets = await append(place, parts);
  const from = Math.min(...offsets);
  // One that lacks a part has others' records between.
  const to = Math.max(...offsets, from + manifest.count - 1);
  const changed = partsHeaders(record).map((one) => ({
    ...one,
    manifest: { ...one.manifest, upload: other, from, to },
  }));
  const { value, headers } = withPartsHeaders(record, changed);
  const named = headers.map((header): RecordHeader => {
    return header[0] === headerNames.id ? [headerNames.id, Buffer.from(id)] : header;
  });
  if (value === null) throw new Error('a task has a value');
  await append({ topic: name, partition: record.partition }, [{ key: record.key, value, headers: named }]);
  return other;
}

/** A key of its own partition, so that what is deleted there is nobody else's. */
function keyOf(partition: number): string {
  for (let i = 0; ; i += 1) {
    const key = `key-${partition}-${i}`;
    if (partitionOf(Buffer.from(key), PARTITIONS) === partition) return key;
  }
}

interface Damage {
  readonly what: string;
  /** Enqueues a task of this id whose parts are not what they should be; the name of its upload. */
  readonly make: (key: string, id: string) => Promise<string>;
}

const deleted =
  (below: (manifest: BodyManifest) => number): Damage['make'] =>
  async (key, id) => {
    const { manifest, place } = await upload(key, id);
    await admin.deleteRecords(place.topic, place.partition, below(manifest));
    return manifest.upload;
  };
const replaced =
  (index: number, change: (part: OutgoingRecord) => OutgoingRecord): Damage['make'] =>
  (key, id) =>
    forged(key, id, (parts) => parts.map((part, at) => (at === index ? change(part) : part)));

const damages: readonly Damage[] = [
  { what: 'the first part was deleted', make: deleted(({ from }) => from + 1) },
  { what: 'all parts were deleted', make: deleted(({ to }) => to + 1) },
  {
    what: 'a bit of the second part is another one',
    make: replaced(1, (part) => {
      const value = Buffer.from(part.value);
      value.writeUInt8(value.readUInt8(1_000) ^ 1, 1_000);
      return { ...part, value };
    }),
  },
  {
    what: 'the last part is cut short',
    make: replaced(2, (part) => ({ ...part, value: part.value.subarray(1) })),
  },
  {
    what: 'two parts have changed places',
    make: (key, id) => forged(key, id, (parts) => [1, 0, 2].flatMap((at) => parts[at] ?? [])),
  },
  {
    what: 'the second part was never written',
    make: (key, id) => forged(key, id, (parts) => parts.filter((_part, at) => at !== 1)),
  },
  {
    what: 'the second part is one of another content, and good in itself',
    make: (key, id) =>
      forged(key, id, (parts, others) => parts.map((part, at) => (at === 1 ? (others[1] ?? part) : part))),
  },
  {
    what: 'the second part is one of another upload',
    make: (key, id) =>
      forged(key, id, (parts, others) =>
        parts.map((part, at) =>
          at === 1 ? { ...(others[1] ?? part), ...encodedElsewhere(others[1]) } : part,
        ),
      ),
  },
];

/** The same part under another upload's name. */
function encodedElsewhere(part: OutgoingRecord | undefined): Pick<OutgoingRecord, 'headers'> {
  const headers = part?.headers ?? [];
  return {
    headers: headers.map(([header, value]) => [
      header,
      header === 'kl-upload' ? Buffer.from(randomUUID()) : value,
    ]),
  };
}

function next<K extends keyof WorkerEvents>(
  event: K,
  fits: (value: WorkerEvents[K]) => boolean,
): Promise<WorkerEvents[K]> {
  return new Promise((resolve) => {
    const off = worker.on(event, (value) => {
      if (!fits(value)) return;
      off();
      resolve(value);
    });
  });
}

it('data loss is said with the ids, holds the key, and is never passed over or filled with wrong bytes', async () => {
  const cases = await Promise.all(
    damages.map(async ({ what, make }, partition) => {
      const key = keyOf(partition);
      const id = `damaged-${partition}`;
      const lost = await make(key, id);
      const after = await upload(key, `${id}-after`);
      const seen = Promise.all([
        next('data-loss', (loss) => loss.id === id),
        next('key-held', (held) => held.id === id),
      ]);
      return { what, key, id, lost, after, seen };
    }),
  );
  await worker.start();
  for (const { what, key, id, lost, seen } of cases) {
    const [loss, held] = await seen;
    expect({ what, ...loss }).toMatchObject({ what, key, id, type: 'blob', upload: lost });
    expect({ what, ...held }).toMatchObject({ what, key, reason: 'data-loss' });
    expect([what, read.get(id)]).toEqual([what, undefined]);
  }
  // Every key waits for somebody to act.
  expect(ended.filter((id) => !id.endsWith('-genuine'))).toEqual([]);
  for (const { what, key, id, after } of cases) {
    const done = next('task-finished', (task) => task.id === `${id}-after`);
    const { outcome } = await open.queue.pending.skip({ key, id, waitMs: 60_000 });
    expect([what, outcome]).toEqual([what, 'skipped']);
    await done;
    expect([what, read.get(id), read.get(`${id}-after`)]).toEqual([
      what,
      undefined,
      await sha256Of([after.content]),
    ]);
  }
});

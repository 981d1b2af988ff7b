import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { connectKafka, defineTask, silentLogger, TaskQueue } from 'keylane';
import { z } from 'zod';
import { loadNative, type NativeConsumer } from '../src/kafka/confluent/native.ts';
import { BareProducer } from './support/bare-producer.ts';
import type { BenchCluster } from './support/bench-cluster.ts';
import { type Contestant, compare, report } from './support/compare.ts';
import { versions } from './support/versions.ts';

const BODY_BYTES = Number(process.env['BENCH_MEGABYTES'] ?? 100) * 1e6;
const CHUNK_BYTES = 64 * 1024;
/** What the topic of the bare client must take, and its clients. */
const RECORD_BYTES = BODY_BYTES + 1_000_000;
const PRODUCE_GOAL = 1.3;
const CONSUME_GOAL = 1.5;
/** A worker's reader keeps what it has fetched ahead for a second: each run is to fetch all that it reads. */
const REST_MS = 1_500;
/** Bodies of each size that are read at once. */
const SEVERAL = 4;

const tasks = {
  file: defineTask({ schema: z.object({ key: z.string() }), key: ({ key }) => key, body: 'stream' }),
};

/**
 * One body at a time, streamed, against the bare client with one record of that size: on a topic whose limit
 * was raised for it, and a consumer which is given offset and partition. Both sides run in one process; random content, so
 * that neither gains by compression.
 */
export async function run(cluster: BenchCluster): Promise<void> {
  console.log(`a body of ${BODY_BYTES / 1e6} MB streamed / one record of that size by the bare client`);
  console.log(versions());
  // docs/large-tasks.md says why, and what it is without.
  console.log(globalThis.gc === undefined ? 'without --expose-gc' : 'with --expose-gc');
  const { brokers } = cluster.address;
  const content = randomBytes(BODY_BYTES);
  const topic = `bench-large-${Date.now()}`;
  await cluster.admin.createTopics([
    {
      name: topic,
      partitions: 1,
      replicationFactor: 3,
      configs: { 'max.message.bytes': String(RECORD_BYTES), 'min.insync.replicas': '2' },
    },
  ]);
  await using kafka = connectKafka({ brokers });
  const queue = new TaskQueue({
    name: `${topic}-queue`,
    tasks,
    kafka,
    topic: { partitions: 1 },
    logger: silentLogger,
  });
  const producer = await BareProducer.connect(brokers, {
    lingerMs: 0,
    codec: 'none',
    maxRecordBytes: RECORD_BYTES,
  });
  const consumer = await bareConsumer(brokers);
  const pairs = Number(process.env['BENCH_PAIRS'] ?? 6);
  const options = { pairs, brokerCpuMs: () => cluster.brokerCpuMs() };
  const megabytes = BODY_BYTES / 1e6;
  try {
    const bareWrite: Contestant = {
      name: 'bare client, one record',
      run: async () => void (await producer.produce(topic, 0, content, null)),
    };
    const ourWrite: Contestant = {
      name: 'keylane, a stream',
      run: async () => {
        const body = Readable.from(chunksOf(content), { objectMode: false });
        await queue.enqueue('file', { key: 'one' }, { body });
      },
    };
    console.log(`produce (goal ${PRODUCE_GOAL})`);
    report([bareWrite.name, ourWrite.name], await compare(bareWrite, ourWrite, options), megabytes);

    const reading = await readTasks(queue);
    const bareRead: Contestant = { name: bareWrite.name, run: () => readRecord(consumer, topic) };
    const ourRead: Contestant = {
      name: ourWrite.name,
      prepare: () => new Promise((resolve) => setTimeout(resolve, REST_MS)),
      run: reading.next,
    };
    console.log(`consume (goal ${CONSUME_GOAL})`);
    report([bareRead.name, ourRead.name], await compare(bareRead, ourRead, options), megabytes);
    await reading.stop();
    for (const partitions of [1, SEVERAL]) await readSeveral(kafka, `${topic}-${partitions}`, partitions);
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
    await producer.close();
    await queue.close();
  }
}

/** The same bodies read one after the other, and four at once. */
async function readSeveral(
  kafka: ReturnType<typeof connectKafka>,
  name: string,
  partitions: number,
): Promise<void> {
  const pairs = Number(process.env['BENCH_PAIRS'] ?? 6);
  const groups = Array.from({ length: 2 * (pairs + 1) }, (_, at) => `${name}-${at}`);
  const queue = new TaskQueue({ name, tasks, kafka, topic: { partitions }, groups, logger: silentLogger });
  const content = randomBytes(BODY_BYTES);
  for (let at = 0; at < 2 * SEVERAL; at += 1) {
    const body = Readable.from(chunksOf(content), { objectMode: false });
    await queue.enqueue('file', { key: `key-${at}` }, { body });
  }
  const megabytes = (2 * SEVERAL * BODY_BYTES) / 1e6;
  console.log(`${2 * SEVERAL} bodies in up to ${partitions} partition(s) of the parts topic`);
  const reading = (concurrency: number): Contestant => ({
    name: `keylane, ${concurrency} at once`,
    run: () => readAllOf(queue, { group: groups.pop() ?? name, concurrency, count: 2 * SEVERAL }),
  });
  const [alone, several] = [reading(1), reading(SEVERAL)];
  const options = { pairs, brokerCpuMs: () => undefined };
  report([alone.name, several.name], await compare(alone, several, options), megabytes);
  await queue.close();
}

/** From the worker's start on. */
async function readAllOf(
  queue: TaskQueue<typeof tasks>,
  {
    group,
    concurrency,
    count,
  }: { readonly group: string; readonly concurrency: number; readonly count: number },
): Promise<void> {
  let left = count;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const worker = queue.worker(
    {
      file: async (_payload, { body }) => {
        await readThrough(body);
        left -= 1;
        if (left === 0) finish();
      },
    },
    { group, concurrency, logger: silentLogger },
  );
  await worker.start();
  await finished;
  await worker.stop();
}

async function readThrough(body: AsyncIterable<unknown>): Promise<void> {
  let bytes = 0;
  for await (const chunk of body) bytes += (chunk as Buffer).length; // it has no encoding
  if (bytes !== BODY_BYTES) throw new Error(`a body of ${bytes} bytes`);
}

function* chunksOf(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += CHUNK_BYTES) yield content.subarray(at, at + CHUNK_BYTES);
}

interface Reading {
  /** Lets the next task's handler read its body; resolves when that has all of it. */
  readonly next: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The tasks that were written before, each read when it is asked for. */
async function readTasks(queue: TaskQueue<typeof tasks>): Promise<Reading> {
  let allow: () => void = () => {};
  let allowed = new Promise<void>((resolve) => {
    allow = resolve;
  });
  let finish: () => void = () => {};
  const worker = queue.worker(
    {
      file: async (_payload, { body }) => {
        await allowed;
        allowed = new Promise((resolve) => {
          allow = resolve;
        });
        await readThrough(body);
        finish();
      },
    },
    { concurrency: 1, logger: silentLogger },
  );
  await worker.start();
  const next = (): Promise<void> =>
    new Promise((resolve) => {
      finish = resolve;
      allow();
    });
  return { next, stop: () => worker.stop() };
}

async function bareConsumer(brokers: readonly string[]): Promise<NativeConsumer> {
  const { KafkaConsumer } = await loadNative();
  const client = new KafkaConsumer(
    {
      'bootstrap.servers': brokers.join(','),
      'group.id': 'bench-large',
      'enable.auto.commit': false,
      'auto.offset.reset': 'earliest',
      'check.crcs': true,
      'fetch.max.bytes': RECORD_BYTES,
      'message.max.bytes': RECORD_BYTES,
      'max.partition.fetch.bytes': RECORD_BYTES,
      'receive.message.max.bytes': 2 * RECORD_BYTES,
      // The record after it is not to be on its way when the next turn begins.
      'queued.min.messages': 1,
      'queued.max.messages.kbytes': 1,
      // By default it would now and then wait a second before it fetches.
      'fetch.queue.backoff.ms': 1,
    },
    undefined,
  );
  client.on('event.error', () => undefined);
  client.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    client.connect({ allTopics: false, timeout: 30_000 }, (error) => (error ? reject(error) : resolve()));
  });
  client.setDefaultConsumeTimeout(0);
  return client;
}

/** The first record of the topic, from the moment the partition is assigned. */
async function readRecord(client: NativeConsumer, topic: string): Promise<void> {
  client.incrementalAssign([{ topic, partition: 0, offset: 0 }]);
  for (;;) {
    const messages = await new Promise<readonly { readonly value: Buffer | null }[]>((resolve, reject) => {
      client.consume(1, (error, found) => (error ? reject(error) : resolve(found)));
    });
    if (messages.length > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  client.incrementalUnassign([{ topic, partition: 0 }]);
}

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import {
  connectKafka,
  defineTask,
  type EnqueueError,
  type Kafka,
  type QueueOptions,
  silentLogger,
  TaskQueue,
} from 'keylane';
import { s3Store } from 'keylane/s3';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { partitionOf } from '../../src/codec/partition.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { chunksOf, sha256Of } from '../support/large-content.ts';
import { Signal } from '../support/queue-rig.ts';
import { S3Server } from '../support/s3/s3-server.ts';

const MB = 1_000_000;
const contentOf = (bytes: number): AsyncIterable<Buffer> => chunksOf({ kind: 'random', bytes, seed: 5 });
const tasks = {
  video: defineTask({ schema: z.object({ key: z.string() }), key: ({ key }) => key, body: 'stream' }),
};

let server: S3Server;
let kafka: Kafka;
let prefix: string;
let queue: TaskQueue<typeof tasks>;
/** `id hash`, as tasks are done. */
let done: string[];
/** Done to what a handler reads. */
let reading: (body: AsyncIterable<Buffer>) => AsyncIterable<Buffer>;

beforeAll(async () => {
  server = await S3Server.start();
  kafka = connectKafka({ brokers: kafkaBrokers() });
});

beforeEach(async () => {
  prefix = `${randomUUID()}/`;
  done = [];
  reading = (body) => body;
  queue = open();
  await work(queue);
});

async function work(of: TaskQueue<typeof tasks>): Promise<void> {
  const worker = of.worker(
    { video: async (_payload, { id, body }) => void done.push(`${id} ${await sha256Of(reading(body))}`) },
    { logger: silentLogger },
  );
  await worker.start();
}

afterEach(() => queue.close());

afterAll(async () => {
  await kafka.close();
  await server[Symbol.asyncDispose]();
});

function open({
  secret,
  ...more
}: { readonly secret?: string } & Partial<QueueOptions<typeof tasks>> = {}): TaskQueue<typeof tasks> {
  const client = server.client(secret === undefined ? {} : { secret });
  return new TaskQueue({
    name: `s3-${prefix.slice(0, 8)}`,
    tasks,
    kafka,
    topic: { partitions: 2 },
    logger: silentLogger,
    payloadStore: s3Store({ client, bucket: server.bucket, prefix }),
    ...more,
  });
}

async function left(): Promise<{ readonly objects: number; readonly uploads: number }> {
  const where = { Bucket: server.bucket, Prefix: prefix };
  const objects = await server.client().send(new ListObjectsV2Command(where));
  const uploads = await server.client().send(new ListMultipartUploadsCommand(where));
  return { objects: objects.KeyCount ?? 0, uploads: uploads.Uploads?.length ?? 0 };
}

it('100 MB come back as they were, and neither end holds more than a part of them', async () => {
  const expected = await sha256Of(contentOf(100 * MB));
  globalThis.gc?.();
  const beforeBytes = process.memoryUsage().rss;
  let mostBytes = 0;
  const watch = setInterval(() => {
    mostBytes = Math.max(mostBytes, process.memoryUsage().rss - beforeBytes);
  }, 20);
  const body = Readable.from(contentOf(100 * MB));
  await queue.enqueue('video', { key: 'a' }, { id: 'v', body });
  await expect.poll(() => done, { timeout: 100_000 }).toEqual([`v ${expected}`]);
  clearInterval(watch);
  expect(mostBytes).toBeLessThan(100 * MB);
  expect(await left()).toMatchObject({ objects: 1, uploads: 0 });
});

it('the server may be killed while it is written to and read from', async () => {
  const bytes = 40 * MB;
  const expected = await sha256Of(contentOf(bytes));
  const killedAt = async function* (content: AsyncIterable<Buffer>, at: number): AsyncGenerator<Buffer> {
    let seen = 0;
    for await (const chunk of content) {
      const isNow = seen < at && seen + chunk.length >= at;
      seen += chunk.length;
      if (isNow) {
        await server.kill();
        void server.restart();
      }
      yield chunk;
    }
  };
  reading = (body) => killedAt(body, 10 * MB);
  await queue.enqueue('video', { key: 'a' }, { id: 'v', body: killedAt(contentOf(bytes), 20 * MB) });
  await expect.poll(() => done, { timeout: 100_000 }).toEqual([`v ${expected}`]);
});

it('objects go some time after their tasks are finished, and not before', async () => {
  const retention = { keepFinishedMs: 1_000 };
  await using purged = open({ name: `purged-${prefix.slice(0, 8)}`, retention, uploadTimeoutMs: 10_000 });
  await work(purged);
  const finish = new Signal();
  let readCount = 0;
  reading = async function* (body) {
    yield* body;
    readCount += 1;
    if (readCount === 1) await finish.promise;
  };
  const partition = (key: string): number => partitionOf(Buffer.from(key), 2);
  const [other = ''] = ['b', 'c', 'd', 'e'].filter((key) => partition(key) !== partition('a'));
  const body = (): Readable => Readable.from(contentOf(2 * MB));
  await purged.enqueue('video', { key: 'a' }, { id: 'unfinished', body: body() });
  await expect.poll(() => readCount, { timeout: 30_000 }).toBe(1);
  await purged.enqueue('video', { key: other }, { id: 'finished', body: body() });
  expect(await left()).toMatchObject({ objects: 2 });
  const objects = async (): Promise<number> => (await left()).objects;
  // What was uploaded first is still there when what came later is gone.
  await expect.poll(objects, { timeout: 60_000, interval: 500 }).toBe(1);
  expect(done.map((line) => line.split(' ')[0])).toEqual(['finished']);
  finish.resolve();
  await expect.poll(objects, { timeout: 60_000, interval: 500 }).toBe(0);
  expect(done.map((line) => line.split(' ')[0])).toEqual(['finished', 'unfinished']);
});

it('a source that fails leaves no task, no object and no upload', async () => {
  const failing = async function* (): AsyncGenerator<Buffer> {
    yield* contentOf(20 * MB);
    throw new Error('the client is gone');
  };
  const error = await queue
    .enqueue('video', { key: 'a' }, { body: failing() })
    .catch((thrown: EnqueueError) => thrown);
  expect(error).toMatchObject({ code: 'BODY_SOURCE_FAILED', outcome: 'absent' });
  expect(await left()).toEqual({ objects: 0, uploads: 0 });
  const { offset } = await queue.enqueue('video', { key: 'a' }, { id: 'next', body: Buffer.from('small') });
  expect(offset).toBe(0n);
});

it('a store that refuses its user is said so, and there is no task', async () => {
  const refused = open({ secret: 'another' });
  const body = Readable.from(contentOf(8 * MB));
  const error = await refused
    .enqueue('video', { key: 'a' }, { body })
    .catch((thrown: EnqueueError) => thrown);
  const cause = { code: 'PAYLOAD_STORE_FAILED', reason: 'denied', store: 's3' };
  expect(error).toMatchObject({ code: 'UPLOAD_FAILED', outcome: 'absent', cause });
  await refused.close();
  const { offset } = await queue.enqueue('video', { key: 'a' }, { id: 'next', body: Buffer.from('small') });
  expect(offset).toBe(0n);
});

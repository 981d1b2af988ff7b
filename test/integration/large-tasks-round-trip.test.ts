import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue, type Worker } from 'keylane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { type ContentKind, chunksOf, sha256Of } from '../support/large-content.ts';

const schema = z.object({ key: z.string(), text: z.string().default('') });
const key = (payload: { key: string }): string => payload.key;
const tasks = {
  note: defineTask({ schema, key }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};

/** What a handler has seen of its task. */
interface Seen {
  readonly length: number;
  readonly hash: string;
}

let kafka: Kafka;
let queue: TaskQueue<typeof tasks>;
let worker: Worker;
const waiting = new Map<string, (seen: Seen) => void>();

function seenOf(id: string): Promise<Seen> {
  return new Promise((resolve) => waiting.set(id, resolve));
}

beforeAll(async () => {
  kafka = connectKafka({ brokers: kafkaBrokers() });
  queue = new TaskQueue({
    name: `large-${randomUUID()}`,
    tasks,
    kafka,
    topic: { partitions: 4 },
    logger: silentLogger,
  });
  worker = queue.worker(
    {
      note: async ({ text }, { id }) => {
        waiting.get(id)?.({ length: text.length, hash: await sha256Of([Buffer.from(text)]) });
      },
      image: async (_payload, { id, body }) => {
        waiting.get(id)?.({ length: body.length, hash: await sha256Of(body.parts) });
      },
      video: async (_payload, { id, body }) => {
        waiting.get(id)?.({ length: body.length, hash: await sha256Of(body) });
      },
    },
    { logger: silentLogger },
  );
  const [receipt] = await Promise.all([
    queue.enqueue('note', { key: 'first' }, { id: 'first' }),
    worker.start(),
  ]);
  expect(receipt.offset).toBe(0n);
});

afterAll(async () => {
  await worker.stop();
  await queue.close();
  await kafka.close();
});

const KB = 1_000;
const MB = 1_000_000;

it.each<[name: string, bytes: number, kind: ContentKind]>([
  ['10 KB', 10 * KB, 'random'],
  ['10 KB', 10 * KB, 'compressible'],
  ['100 KB', 100 * KB, 'random'],
  ['100 KB', 100 * KB, 'compressible'],
  ['1 MB', 1 * MB, 'random'],
  ['1 MB', 1 * MB, 'compressible'],
  ['10 MB', 10 * MB, 'random'],
  ['10 MB', 10 * MB, 'compressible'],
  ['100 MB', 100 * MB, 'random'],
  ['100 MB', 100 * MB, 'compressible'],
])(
  'a body of %s goes through brokers with default limits as a stream (%s bytes, %s)',
  async (_name, bytes, kind) => {
    const content = { kind, bytes, seed: bytes };
    const id = randomUUID();
    const seen = seenOf(id);
    await queue.enqueue('video', { key: id }, { id, body: Readable.from(chunksOf(content)) });
    expect(await seen).toEqual({ length: bytes, hash: await sha256Of(chunksOf(content)) });
  },
);

it.each<[name: string, bytes: number, kind: ContentKind]>([
  ['10 KB', 10 * KB, 'random'],
  ['100 KB', 100 * KB, 'compressible'],
  ['1 MB', 1 * MB, 'random'],
  ['10 MB', 10 * MB, 'compressible'],
  ['10 MB', 10 * MB, 'random'],
])(
  'a body of %s goes through brokers with default limits as bytes (%s bytes, %s)',
  async (_name, bytes, kind) => {
    const content = { kind, bytes, seed: bytes };
    const chunks: Buffer[] = [];
    for await (const chunk of chunksOf(content)) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const id = randomUUID();
    const seen = seenOf(id);
    await queue.enqueue('image', { key: id }, { id, body });
    expect(await seen).toEqual({ length: bytes, hash: await sha256Of([body]) });
  },
);

it('a payload of 2 MB of JSON that does not get smaller goes through, and its key stays in order', async () => {
  const text = randomBytes(1_500_000).toString('base64');
  const large = randomUUID();
  const small = randomUUID();
  const order: string[] = [];
  const seen = [large, small].map((id) =>
    seenOf(id).then((one) => {
      order.push(id);
      return one;
    }),
  );
  await Promise.all([
    queue.enqueue('note', { key: 'ordered', text }, { id: large }),
    queue.enqueue('note', { key: 'ordered', text: 'after it' }, { id: small }),
  ]);
  const [first, second] = await Promise.all(seen);
  expect(first).toEqual({ length: text.length, hash: await sha256Of([Buffer.from(text)]) });
  expect(second).toEqual({ length: 8, hash: await sha256Of([Buffer.from('after it')]) });
  expect(order).toEqual([large, small]);
});

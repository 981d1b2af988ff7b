import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';
import { aesCodec, testKeys } from '../../test/support/test-codecs.ts';
import type { PayloadStore } from '../codec/payload-store.ts';
import { ParkError } from '../errors/control-errors.ts';
import { PayloadStoreError } from '../errors/store-errors.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { fileStore } from '../store/file-store.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { Worker } from '../worker/worker.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { QueueOptions } from './queue-options.ts';
import { TaskQueue } from './task-queue.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }) => payload.key;
const tasks = {
  note: defineTask({ schema, key }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};
type Tasks = typeof tasks;

/** A queue of one partition, whose large content goes to a store. */
class Rig extends QueueRig {
  readonly store = new MemoryStore();
  /** `id hash`, in the order in which they were done. */
  readonly done: string[] = [];
  readonly #queues: TaskQueue<Tasks>[] = [];
  /** What handlers do before they read. */
  before: (id: string, attempt: number) => void = () => {};

  queueOf(options: Partial<QueueOptions<Tasks>> = {}, kafka: KafkaConnection = this.kafka): TaskQueue<Tasks> {
    const common = { name: 'large', tasks, kafka, topic: { partitions: 1 }, logger: silentLogger };
    const queue = new TaskQueue({ ...common, payloadStore: this.store, ...options });
    this.#queues.push(queue);
    return queue;
  }

  async working(queue: TaskQueue<Tasks>): Promise<Worker> {
    const worker = this.handled(queue);
    await worker.start();
    return worker;
  }

  handled(queue: TaskQueue<Tasks>): Worker {
    const done = async (id: string, content: AsyncIterable<Buffer> | readonly Buffer[]): Promise<void> => {
      this.done.push(`${id} ${await hashOf(content)}`);
    };
    return queue.worker(
      {
        note: async ({ text }, { id, attempt }) => {
          this.before(id, attempt);
          await done(id, [Buffer.from(text ?? '')]);
        },
        image: async (_payload, { id, attempt, body }) => {
          this.before(id, attempt);
          await done(id, body.parts);
        },
        video: async (_payload, { id, attempt, body }) => {
          this.before(id, attempt);
          await done(id, body);
        },
      },
      { logger: silentLogger, commitIntervalMs: 10, retry: { minDelayMs: 1, maxDelayMs: 2 } },
    );
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
    await super[Symbol.asyncDispose]();
  }
}

async function hashOf(content: AsyncIterable<Buffer> | readonly Buffer[]): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}

const failureOf = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('large content of a queue with a store', () => {
  test.each<[string, () => Promise<PayloadStore>, Partial<QueueOptions<Tasks>>]>([
    ['in memory', async () => new MemoryStore(), {}],
    ['of files', openFiles, {}],
    ['of files, encrypted', openFiles, { codec: aesCodec(testKeys('k1')) }],
  ])('comes to its handlers as it was enqueued, in order: %s', async (_what, open, more) => {
    await using rig = new Rig();
    const queue = rig.queueOf({ payloadStore: await open(), ...more });
    const worker = await rig.working(queue);
    const finished = many(worker, 'task-finished', 12);
    const expected: Record<string, string[]> = {};
    const calls: Promise<unknown>[] = [];
    for (const at of ['a', 'b', 'c']) {
      const video = randomBytes(2_500_000);
      const image = Buffer.alloc(3_000_000, `image of ${at}, `);
      const text = randomBytes(1_500_000).toString('base64');
      calls.push(
        queue.enqueue('video', { key: at }, { id: `v-${at}`, body: Readable.from([video]) }),
        queue.enqueue('note', { key: at, text }, { id: `n-${at}` }),
        queue.enqueue('image', { key: at }, { id: `i-${at}`, body: image }),
        queue.enqueue('video', { key: at }, { id: `s-${at}`, body: Buffer.from('small') }),
      );
      expected[at] = [
        `v-${at} ${await hashOf([video])}`,
        `n-${at} ${await hashOf([Buffer.from(text)])}`,
        `i-${at} ${await hashOf([image])}`,
        `s-${at} ${await hashOf([Buffer.from('small')])}`,
      ];
    }
    await Promise.all(calls);
    await finished;
    for (const [at, lines] of Object.entries(expected)) {
      expect(rig.done.filter((line) => line.slice(2).startsWith(`${at} `))).toEqual(lines);
    }
    // Only their markers are in Kafka.
    const inKafka = rig.cluster.records('large.parts').map(({ value }) => value?.length);
    expect(inKafka).toEqual(Array.from({ length: 9 }, () => 6));
  });

  it('is read anew when its task is tried again', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    const body = randomBytes(2_500_000);
    rig.before = (_id, attempt) => {
      if (attempt < 3) throw new Error('not yet');
    };
    const worker = await rig.working(queue);
    const finished = next(worker, 'task-finished');
    await queue.enqueue('image', { key: 'a' }, { id: 'i', body });
    expect(await finished).toMatchObject({ id: 'i', attempt: 3 });
    expect(rig.done).toEqual([`i ${await hashOf([body])}`]);
    expect(rig.store.calls.filter((call) => call === 'get 0')).toHaveLength(3);
  });

  it('is tried again, without an attempt being counted, while the store is out of reach', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    const body = randomBytes(2_500_000);
    await queue.enqueue('image', { key: 'a' }, { id: 'i', body });
    const [place = ''] = rig.store.objects.keys();
    rig.store.readFates.push(async function* (all) {
      yield all.subarray(0, 10);
      throw new PayloadStoreError({ store: 'memory', key: place, reason: 'denied' }, 'read');
    });
    const worker = queue.worker(
      {
        note: () => {},
        image: (_payload, { body: read }) => void rig.done.push(String(read.length)),
        video: () => {},
      },
      { logger: silentLogger },
    );
    const failed = next(worker, 'task-failed');
    const finished = next(worker, 'task-finished');
    await worker.start();
    expect(await failed).toMatchObject({ id: 'i', counted: false, error: { code: 'PAYLOAD_STORE_FAILED' } });
    expect(await finished).toMatchObject({ id: 'i' });
    expect(rig.done).toEqual(['2500000']);
  });

  it('may be larger than what embedded Kafka keeps', async () => {
    await using rig = new Rig();
    const embedded = { partitionsPerTopic: 2, partitionBytes: 4_000_000 };
    const queue = rig.queueOf({}, rig.connect({ ...memoryDriver(rig.cluster), embedded }));
    const body = randomBytes(9_000_000);
    const worker = await rig.working(queue);
    const finished = many(worker, 'task-finished', 2);
    for (const id of ['v', 'w']) await queue.enqueue('video', { key: 'a' }, { id, body });
    await finished;
    expect(rig.done).toEqual([`v ${await hashOf([body])}`, `w ${await hashOf([body])}`]);
  });
});

describe('a task that could not be uploaded is not there, and leaves nothing', () => {
  async function* failing(): AsyncGenerator<Buffer> {
    yield randomBytes(2_500_000);
    throw new Error('the disk is gone');
  }

  it('when its source fails', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    const error = await failureOf(queue.enqueue('video', { key: 'a' }, { body: failing() }));
    expect(error).toMatchObject({ code: 'BODY_SOURCE_FAILED', outcome: 'absent' });
    expect([rig.store.objects.size, rig.cluster.records('large').length]).toEqual([0, 0]);
  });

  it('when its caller gives up', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    const stop = new AbortController();
    const body = (async function* () {
      yield randomBytes(2_500_000);
      stop.abort(new Error('enough'));
      await new Promise((resolve) => setImmediate(resolve));
      yield randomBytes(2_500_000);
    })();
    const error = await failureOf(queue.enqueue('video', { key: 'a' }, { body, signal: stop.signal }));
    expect(error).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
    await queue.close();
    expect([rig.store.objects.size, rig.cluster.records('large').length]).toEqual([0, 0]);
  });

  it('when the store refuses it', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    rig.store.refuses = new PayloadStoreError({ store: 'memory', key: 'k', reason: 'denied' }, 'write');
    const error = await failureOf(queue.enqueue('image', { key: 'a' }, { body: randomBytes(2_500_000) }));
    const cause = { code: 'PAYLOAD_STORE_FAILED', reason: 'denied' };
    expect(error).toMatchObject({ code: 'UPLOAD_FAILED', outcome: 'absent', cause });
    expect([rig.store.objects.size, rig.cluster.records('large').length]).toEqual([0, 0]);
    rig.store.refuses = undefined;
    await queue.enqueue('image', { key: 'a' }, { body: randomBytes(2_500_000) });
    expect(rig.store.objects.size).toBe(1);
  });

  it('when the store says that it is done before it has had all', async () => {
    await using rig = new Rig();
    rig.store.put = async (_key, content) => {
      for await (const _chunk of content) return;
    };
    const error = await failureOf(
      rig.queueOf().enqueue('video', { key: 'a' }, { body: randomBytes(2_500_000) }),
    );
    expect(error).toMatchObject({ code: 'UPLOAD_FAILED', outcome: 'absent' });
    expect(String((error as Error).cause)).toContain('done too early');
    expect(rig.cluster.records('large')).toEqual([]);
  });
});

describe('a task whose object cannot be had', () => {
  async function held(rig: Rig, reader: TaskQueue<Tasks>): Promise<unknown> {
    const worker = rig.handled(reader);
    const keyHeld = next(worker, 'key-held');
    const others = next(worker, 'task-finished', ({ id }) => id === 'other');
    await worker.start();
    const event = await keyHeld;
    await reader.enqueue('note', { key: 'good' }, { id: 'other' });
    await others;
    expect(rig.done.map((line) => line.split(' ')[0])).toEqual(['other']);
    await worker.stop();
    return event;
  }

  async function enqueued(rig: Rig): Promise<TaskQueue<Tasks>> {
    const queue = rig.queueOf();
    await queue.enqueue('video', { key: 'bad' }, { id: 'first', body: randomBytes(2_500_000) });
    await queue.enqueue('note', { key: 'bad' }, { id: 'behind' });
    return queue;
  }

  it('waits in its key at a worker without the store, and runs at one that has it', async () => {
    await using rig = new Rig();
    await enqueued(rig);
    const common = { name: 'large', tasks, topic: { partitions: 1 }, logger: silentLogger };
    const reader = new TaskQueue({ ...common, kafka: rig.connect() });
    expect(await held(rig, reader)).toMatchObject({
      key: 'bad',
      id: 'first',
      reason: 'store-missing',
      error: { code: 'STORE_MISSING', store: 'memory' },
    });
    await reader.close();
    const other = rig.queueOf(
      { payloadStore: new MemoryStore('new'), payloadStores: [rig.store] },
      rig.connect(),
    );
    const worker = rig.handled(other);
    const finished = many(worker, 'task-finished', 2);
    await worker.start();
    await finished;
    expect(rig.done.map((line) => line.split(' ')[0])).toEqual(['other', 'first', 'behind']);
  });

  it.each<[string, (store: MemoryStore) => void]>([
    ['it was deleted', (store) => store.objects.clear()],
    ['it was cut off', (store) => store.change((bytes) => bytes.subarray(0, 1_000_000))],
    [
      'a bit of it is another one',
      (store) =>
        store.change((bytes) => {
          bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1;
          return bytes;
        }),
    ],
  ])('is data loss, and its key is held, when %s', async (_what, damage) => {
    await using rig = new Rig();
    const queue = await enqueued(rig);
    damage(rig.store);
    expect(await held(rig, queue)).toMatchObject({
      key: 'bad',
      id: 'first',
      reason: 'data-loss',
      error: { code: 'PARTS_LOST', object: { store: 'memory' } },
    });
  });
});

describe('a task that is parked', () => {
  it('keeps an object of its own, and runs from that when it is redriven', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    let fixed = false;
    rig.before = () => {
      if (!fixed) throw new ParkError('not yet');
    };
    const worker = await rig.working(queue);
    const parked = next(worker, 'key-parked');
    const body = randomBytes(2_500_000);
    const text = randomBytes(1_500_000).toString('base64');
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body });
    await queue.enqueue('note', { key: 'a', text }, { id: 'n' });
    await parked;
    const inStore = (): string[] =>
      [...rig.store.objects.keys()].filter((name) => name.startsWith('large/parked/'));
    await expect.poll(inStore).toHaveLength(2);
    for (const name of [...rig.store.objects.keys()].filter((one) => one.startsWith('large/parts/')))
      await rig.store.delete([name]);

    const shown: unknown[] = [];
    for await (const task of queue.parked.show({ key: 'a' }, { payload: true }))
      shown.push(task.kind === 'task' ? task.payload : task);
    expect(shown).toEqual([{ key: 'a' }, { key: 'a', text }]);
    fixed = true;
    const finished = many(worker, 'task-finished', 2);
    await queue.parked.redrive({ key: 'a' }, { waitMs: 10_000 });
    await finished;
    expect(rig.done).toEqual([`v ${await hashOf([body])}`, `n ${await hashOf([Buffer.from(text)])}`]);
  });

  it('is parked without an object that is gone, and stays so when it is redriven', async () => {
    await using rig = new Rig();
    const queue = rig.queueOf();
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body: randomBytes(2_500_000) });
    rig.store.objects.clear();
    const worker = rig.handled(queue);
    const held = next(worker, 'key-held');
    await worker.start();
    await held;
    const lost = next(worker, 'data-loss');
    expect(await queue.pending.park({ key: 'a', waitMs: 10_000 })).toMatchObject({ outcome: 'parked' });
    expect(await lost).toMatchObject({ id: 'v', error: { code: 'PARTS_LOST', object: { store: 'memory' } } });
    const failed = next(worker, 'redrive-failed');
    await queue.parked.redrive({ key: 'a' }, { waitMs: 10_000 });
    expect(await failed).toMatchObject({ key: 'a', error: { code: 'PARTS_LOST' } });
  });
});

async function openFiles(): Promise<PayloadStore> {
  const directory = await mkdtemp(join(tmpdir(), 'keylane-store-'));
  onTestFinished(async () => {
    expect((await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.tmp'))).toEqual(
      [],
    );
    await rm(directory, { recursive: true, force: true });
  });
  return fileStore({ directory });
}

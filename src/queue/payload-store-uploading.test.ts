import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { many, next } from '../../test/support/queue-rig.ts';
import { hashOf, type StoredTasks, StoredTasksRig } from '../../test/support/stored-tasks-rig.ts';
import { aesCodec, testKeys } from '../../test/support/test-codecs.ts';
import type { PayloadStore } from '../codec/payload-store.ts';
import { PayloadStoreError } from '../errors/store-errors.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { fileStore } from '../store/file-store.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { QueueOptions } from './queue-options.ts';

const failureOf = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('large content of a queue with a store', () => {
  test.each<[string, () => Promise<PayloadStore>, Partial<QueueOptions<StoredTasks>>]>([
    ['in memory', async () => new MemoryStore(), {}],
    ['of files', openFiles, {}],
    ['of files, encrypted', openFiles, { codec: aesCodec(testKeys('k1')) }],
  ])('comes to its handlers as it was enqueued, in order: %s', async (_what, open, more) => {
    await using rig = new StoredTasksRig();
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
    await using rig = new StoredTasksRig();
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
    await using rig = new StoredTasksRig();
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
    await using rig = new StoredTasksRig();
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
    await using rig = new StoredTasksRig();
    const queue = rig.queueOf();
    const error = await failureOf(queue.enqueue('video', { key: 'a' }, { body: failing() }));
    expect(error).toMatchObject({ code: 'BODY_SOURCE_FAILED', outcome: 'absent' });
    expect([rig.store.objects.size, rig.cluster.records('large').length]).toEqual([0, 0]);
  });

  it('when its caller gives up', async () => {
    await using rig = new StoredTasksRig();
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
    await using rig = new StoredTasksRig();
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

  it('when the folder of the store is not mounted', async () => {
    await using rig = new StoredTasksRig();
    const directory = await mkdtemp(join(tmpdir(), 'keylane-store-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const queue = rig.queueOf({ payloadStore: fileStore({ directory }) });
    const error = await failureOf(queue.enqueue('image', { key: 'a' }, { body: randomBytes(2_500_000) }));
    const cause = { code: 'PAYLOAD_STORE_FAILED', reason: 'unreachable' };
    expect(error).toMatchObject({ code: 'UPLOAD_FAILED', outcome: 'absent', cause });
    expect([await readdir(directory), rig.cluster.records('large').length]).toEqual([[], 0]);
  });

  it('when the store says that it is done before it has had all', async () => {
    await using rig = new StoredTasksRig();
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

async function openFiles(): Promise<PayloadStore> {
  const directory = await mkdtemp(join(tmpdir(), 'keylane-store-'));
  onTestFinished(async () => {
    expect((await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.tmp'))).toEqual(
      [],
    );
    await rm(directory, { recursive: true, force: true });
  });
  return fileStore({ directory, onMissing: 'create' });
}

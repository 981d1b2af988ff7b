import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contentOf } from '../../test/support/parts-rig.ts';
import { next, QueueRig } from '../../test/support/queue-rig.ts';
import { aesCodec, invert, type TestKeys, testKeys } from '../../test/support/test-codecs.ts';
import type { PayloadCodec } from '../codec/payload-codec.ts';
import { CodecFailedError, CodecKeyMissingError, CodecMissingError } from '../errors/codec-errors.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import type { TaskBody } from '../tasks/task-body.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { TaskContext } from './running/task-context.ts';
import type { Worker } from './worker.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }): string => payload.key;
const tasks = {
  note: defineTask({ schema, key }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};

type CodecOptions = { readonly codec?: PayloadCodec; readonly codecs?: readonly PayloadCodec[] };
type OnTask = (context: TaskContext) => void;

/** Queues of one name on one cluster, as processes with different codecs have them. */
class Rig extends QueueRig {
  readonly keys: TestKeys = testKeys('k1', 'k2');
  readonly #opened: TaskQueue<typeof tasks>[] = [];
  /** What handlers got, by task id. */
  readonly seen = new Map<string, { readonly text: string | undefined; readonly body: Buffer | undefined }>();

  process(codecs: CodecOptions): TaskQueue<typeof tasks> {
    const kafka = this.connect();
    const queue = new TaskQueue({
      name: 'sealed',
      tasks,
      kafka,
      topic: { partitions: 1 },
      logger: silentLogger,
      ...codecs,
    });
    this.#opened.push(queue);
    return queue;
  }

  async workerOf(queue: TaskQueue<typeof tasks>, onTask: OnTask = () => {}): Promise<Worker> {
    const see = (context: TaskContext, text: string | undefined, body?: Buffer): void => {
      this.seen.set(context.id, { text, body });
      onTask(context);
    };
    const worker = queue.worker(
      {
        note: ({ text }, context) => see(context, text),
        image: ({ text }, context) => see(context, text, context.body.join()),
        video: async ({ text }, context) => {
          const { parts } = await context.body.bytes({ maxBytes: 100_000_000 });
          see(context, text, Buffer.concat(parts));
        },
      },
      {
        logger: silentLogger,
        commitIntervalMs: 10,
        retry: { minDelayMs: 1, maxDelayMs: 2 },
        rebalance: { drainMs: 100 },
      },
    );
    await worker.start();
    return worker;
  }

  /** All bytes of the topics. */
  get stored(): Buffer {
    const records = ['sealed', 'sealed.parts'].flatMap((topic) => this.cluster.records(topic));
    return Buffer.concat(
      records.flatMap(({ value, headers }) => [value ?? Buffer.alloc(0), ...headers.map(([, text]) => text)]),
    );
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((queue) => queue.close()));
    await super[Symbol.asyncDispose]();
  }
}

function finished(worker: Worker, id: string): Promise<unknown> {
  return next(worker, 'task-finished', (task) => task.id === id);
}

/** Resolves when something of key a is in the parked topic. */
async function copied(queue: TaskQueue<typeof tasks>): Promise<void> {
  for (;;) {
    for await (const _task of queue.parked.show({ key: 'a' })) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('tasks of a queue with a codec', () => {
  it('come to their handlers as they were enqueued, and nothing of them can be read from the topics', async () => {
    await using rig = new Rig();
    const queue = rig.process({ codec: aesCodec(rig.keys) });
    const worker = await rig.workerOf(queue);
    const secret = 'the secret that nobody may read';
    const body = Buffer.concat([Buffer.from(secret), contentOf(5, 2_500_000)]);
    const text = `${secret}${randomBytes(1_500_000).toString('base64')}`;
    const ends = ['small', 'inline', 'empty', 'bytes', 'stream', 'large'].map((id) => finished(worker, id));
    await Promise.all([
      queue.enqueue('note', { key: 'a', text: secret }, { id: 'small' }),
      queue.enqueue('image', { key: 'b', text: secret }, { id: 'inline', body: Buffer.from(secret) }),
      queue.enqueue('video', { key: 'c' }, { id: 'empty', body: Buffer.alloc(0) }),
      queue.enqueue('image', { key: 'd' }, { id: 'bytes', body }),
      queue.enqueue(
        'video',
        { key: 'e' },
        {
          id: 'stream',
          body: (async function* () {
            yield body;
          })(),
        },
      ),
      queue.enqueue('note', { key: 'f', text }, { id: 'large' }),
    ]);
    await Promise.all(ends);
    expect(rig.seen.get('small')).toEqual({ text: secret, body: undefined });
    expect(rig.seen.get('inline')).toEqual({ text: secret, body: Buffer.from(secret) });
    expect(rig.seen.get('empty')?.body).toEqual(Buffer.alloc(0));
    expect(rig.seen.get('bytes')?.body?.equals(body)).toBe(true);
    expect(rig.seen.get('stream')?.body?.equals(body)).toBe(true);
    expect(rig.seen.get('large')?.text === text).toBe(true);
    expect(rig.stored.length).toBeGreaterThan(1_500_000);
    expect(rig.stored.includes(secret)).toBe(false);
  });

  it('go through an outbox as well', async () => {
    await using rig = new Rig();
    const queue = rig.process({ codec: aesCodec(rig.keys) });
    const worker = await rig.workerOf(queue);
    const record = await queue.encode('note', { key: 'a', text: 'hush' }, { id: 'x' });
    expect(Buffer.from(record.value).includes('hush')).toBe(false);
    const end = finished(worker, 'x');
    await queue.enqueueRecord(record);
    await end;
    expect(rig.seen.get('x')?.text).toBe('hush');
  });

  it('may change it while tasks are under way: one to write with, any number to read with', async () => {
    await using rig = new Rig();
    const aes = aesCodec(rig.keys);
    await rig.process({}).enqueue('note', { key: 'a', text: '1' }, { id: 'plain' });
    await rig.process({ codec: aes }).enqueue('note', { key: 'a', text: '2' }, { id: 'aes' });
    const queue = rig.process({ codec: invert, codecs: [aes] });
    await queue.enqueue('note', { key: 'a', text: '3' }, { id: 'inverted' });
    const worker = await rig.workerOf(queue);
    await finished(worker, 'inverted');
    expect([...rig.seen]).toEqual(
      ['plain', 'aes', 'inverted'].map((id, n) => [id, { text: `${n + 1}`, body: undefined }]),
    );
  });

  it('are not enqueued when it fails, also in the middle of an upload', async () => {
    await using rig = new Rig();
    const aes = aesCodec(rig.keys);
    const codec: PayloadCodec = {
      ...aes,
      encode: (bytes, about) => {
        if (about.part?.index === 1) throw new Error('no more');
        return aes.encode(bytes, about);
      },
    };
    const queue = rig.process({ codec });
    const failed = queue.enqueue('video', { key: 'a' }, { body: contentOf(5, 2_500_000) });
    await expect(failed).rejects.toThrow(CodecFailedError);
    expect(rig.cluster.records('sealed')).toEqual([]);
  });
});

describe('a parked task that went through a codec', () => {
  it('is parked by a worker that has no key for it, and runs when it is redriven by one that has', async () => {
    await using rig = new Rig();
    const aes = aesCodec(rig.keys);
    const queue = rig.process({ codec: aes });
    const body = contentOf(5, 2_500_000);
    await queue.enqueue('video', { key: 'a', text: 'hush' }, { id: 'v', body });
    const lacking = rig.process({ codec: aesCodec({ ...rig.keys, byId: new Map() }) });
    const worker = await rig.workerOf(lacking);
    await next(worker, 'key-held');
    const parked = next(worker, 'key-parked');
    await queue.pending.park({ key: 'a', waitMs: 10_000 });
    await parked;
    await copied(queue);
    await worker.stop();
    // Copied as they were stored: no key was needed for that.
    const place = { topic: 'sealed.parts', partition: 0 };
    rig.cluster.deleteRecords(place, rig.cluster.log(place)?.ends.end ?? 0);
    const other = await rig.workerOf(queue);
    const end = finished(other, 'v');
    await queue.parked.redrive({ key: 'a' });
    await end;
    expect(rig.seen.get('v')?.text).toBe('hush');
    expect(rig.seen.get('v')?.body?.equals(body)).toBe(true);
  });
});

describe('a worker that cannot decode a task', () => {
  it.each<[what: string, codecs: (rig: Rig) => CodecOptions, error: unknown]>([
    ['has not the codec', () => ({ codecs: [invert] }), CodecMissingError],
    [
      'has not the key',
      (rig) => ({ codec: aesCodec({ ...rig.keys, byId: new Map() }) }),
      CodecKeyMissingError,
    ],
  ])('%s: it holds the key, loses nothing, and another worker goes on', async (_what, codecs, error) => {
    await using rig = new Rig();
    const full = rig.process({ codec: aesCodec(rig.keys) });
    const lacking = rig.process(codecs(rig));
    const worker = await rig.workerOf(lacking);
    const held = next(worker, 'key-held');
    await full.enqueue('note', { key: 'a', text: '1' }, { id: 'first' });
    await full.enqueue('note', { key: 'a', text: '2' }, { id: 'second' });
    expect(await held).toMatchObject({ key: 'a', id: 'first', reason: 'codec-missing', attempts: 0 });
    expect((await held).error).toBeInstanceOf(error);
    expect(worker.health()).toMatchObject({ status: 'degraded', heldKeys: 1 });
    await worker.stop();
    const other = await rig.workerOf(full);
    await finished(other, 'second');
    expect([...rig.seen.keys()]).toEqual(['first', 'second']);
  });

  it('goes on by itself once the key is there again and is released', async () => {
    await using rig = new Rig();
    const queue = rig.process({ codec: aesCodec(rig.keys) });
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body: contentOf(5, 2_000_000) });
    const [id = '', bytes = Buffer.alloc(0)] = [...rig.keys.byId][0] ?? [];
    rig.keys.byId.delete(id);
    const worker = queue.worker(
      { note: () => {}, image: () => {}, video: (_, { body }) => drained(body) },
      {
        logger: silentLogger,
        commitIntervalMs: 10,
      },
    );
    const held = next(worker, 'key-held');
    await worker.start();
    expect(await held).toMatchObject({ id: 'v', reason: 'codec-missing' });
    rig.keys.byId.set(id, bytes);
    const end = finished(worker, 'v');
    await queue.pending.release({ key: 'a' });
    await end;
  });

  it('holds it whatever its handler makes of a body that stops in the middle', async () => {
    await using rig = new Rig();
    const aes = aesCodec(rig.keys);
    const queue = rig.process({ codec: aes });
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body: contentOf(5, 2_500_000) });
    const decode: PayloadCodec['decode'] = (bytes, about, signal) => {
      if (about.part?.index === 1) throw new CodecKeyMissingError('k1');
      return aes.decode(bytes, about, signal);
    };
    const lacking = rig.process({ codec: { ...aes, decode } });
    const swallowing = (_: unknown, { body }: { readonly body: TaskBody }): Promise<void> =>
      drained(body).catch(() => {});
    const worker = lacking.worker(
      { note: () => {}, image: () => {}, video: swallowing },
      { logger: silentLogger },
    );
    const held = next(worker, 'key-held');
    await worker.start();
    expect(await held).toMatchObject({ id: 'v', reason: 'codec-missing' });
  });

  it('gives up what its codec refuses, and shows it as it can', async () => {
    await using rig = new Rig();
    const aes = aesCodec(rig.keys);
    const queue = rig.process({ codec: aes });
    const refusing = rig.process({
      codec: {
        ...aes,
        decode: () => {
          throw new Error('forged');
        },
      },
    });
    const worker = await rig.workerOf(refusing);
    const parked = next(worker, 'key-parked');
    await queue.enqueue('note', { key: 'a', text: 'hush' }, { id: 'x' });
    expect(await parked).toMatchObject({ id: 'x', reason: 'undecodable' });
    const shown = async (by: TaskQueue<typeof tasks>): Promise<unknown> => {
      for await (const task of by.parked.show({ key: 'a' }, { payload: true })) return task;
      return undefined;
    };
    await worker.stop();
    expect(await shown(queue)).toMatchObject({
      id: 'x',
      payload: { key: 'a', text: 'hush' },
      payloadProblem: undefined,
    });
    expect(await shown(refusing)).toMatchObject({
      payload: undefined,
      payloadProblem: expect.stringContaining("the codec 'aes' refuses it"),
    });
    expect(await shown(rig.process({}))).toMatchObject({
      payloadProblem: expect.stringContaining("the codec 'aes'"),
    });
  });
});

async function drained(body: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of body) if (chunk.length === 0) throw new Error('chunks have bytes');
}

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { failureOf } from '../../test/support/scripted-producer.ts';
import { FedSource } from '../../test/support/upload-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { crc32c } from '../codec/crc32c.ts';
import { type RecordHead, readHead } from '../codec/envelope.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { readPartContent, readPartHead } from '../codec/part.ts';
import { failures } from '../kafka/memory/failures.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { EnqueueManyError, type EnqueueRest } from './enqueue-types.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { resolveKafkaOptions } from './kafka-options.ts';
import type { QueueOptions } from './queue-options.ts';
import { TaskQueue } from './task-queue.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }) => payload.key;
const tasks = {
  note: defineTask({ schema, key }),
  later: defineTask({ schema, unordered: true, body: 'bytes' }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};
type Tasks = typeof tasks;
const MIB = 1024 * 1024;

/** A queue on a cluster in memory. */
class Rig extends QueueRig {
  readonly large: TaskQueue<Tasks>;

  constructor() {
    super();
    this.large = new TaskQueue({
      name: 'large',
      tasks,
      kafka: this.kafka,
      topic: { partitions: 2 },
      logger: silentLogger,
    });
  }

  /** What is in the queue's log, as a worker reads it. */
  heads(): RecordHead[] {
    return this.cluster.records('large').map((record) => {
      const reading = readHead(record);
      if (reading.kind !== 'task') throw new Error(reading.reason);
      return reading.head;
    });
  }

  ids(): string[] {
    return this.heads().map(({ id }) => id);
  }

  /** What a manifest lists, joined and checked. */
  async content(manifest: BodyManifest | undefined): Promise<Buffer> {
    if (manifest === undefined) throw new Error('there is no manifest');
    const parts: Buffer[] = [];
    for (const record of this.cluster.records('large.parts')) {
      const head = readPartHead(record);
      if (head?.upload !== manifest.upload) continue;
      expect([record.partition, head.index]).toEqual([manifest.partition, parts.length]);
      parts.push(await readPartContent(record, head, { maxPartBytes: manifest.partBytes }));
    }
    const joined = Buffer.concat(parts);
    expect([parts.length, joined.length, crc32c(joined)]).toEqual([
      manifest.count,
      manifest.bytes,
      manifest.crc,
    ]);
    return joined;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.large.close();
    await super[Symbol.asyncDispose]();
  }
}

/** Bytes that lz4 does not make smaller. */
const noise = (bytes: number): Buffer => randomBytes(bytes);

async function* chunksOf(content: Buffer, chunkBytes = 64 * 1024): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}

async function* failing(after: number): AsyncGenerator<Buffer> {
  yield noise(after);
  throw new Error('the disk is gone');
}

/** A stream that gives this much and then nothing more, without an end. */
function stalled(first: Buffer): Readable & { readonly asked: Promise<void> } {
  const asked = new Signal();
  let given = false;
  const stream = new Readable({
    read() {
      if (given) asked.resolve();
      else this.push(first);
      given = true;
    },
  });
  return Object.assign(stream, { asked: asked.promise });
}

describe('a body that fits', () => {
  test.each<[string, number, (content: Buffer) => Buffer | AsyncIterable<Uint8Array>]>([
    ['a buffer', 10_000, (content) => content],
    ['an empty buffer', 0, (content) => content],
    ['the largest buffer', 512 * 1024, (content) => content],
    ['a stream', 200_000, (content) => Readable.from(chunksOf(content))],
    ['another iterable', 200_000, (content) => chunksOf(content)],
    ['an empty stream', 0, (content) => chunksOf(content)],
  ])('travels in the record of its task: %s of %i bytes', async (_what, bytes, sourceOf) => {
    await using rig = new Rig();
    const content = noise(bytes);
    await rig.large.enqueue('video', { key: 'a' }, { body: sourceOf(content) });
    const [head] = rig.heads();
    expect(head).toMatchObject({ bodyBytes: bytes, contentEncoding: undefined, body: { kind: 'inline' } });
    if (head?.body?.kind === 'inline') expect(head.body.bytes.equals(content)).toBe(true);
    expect(rig.cluster.records('large.parts')).toEqual([]);
  });

  it('says how it was compressed before', async () => {
    await using rig = new Rig();
    const body = Buffer.from('as good as gzip');
    await rig.large.enqueue('video', { key: 'a' }, { body, contentEncoding: 'gzip' });
    expect(rig.heads()).toMatchObject([{ contentEncoding: 'gzip' }]);
  });

  it('goes in parts beside a payload that leaves no room for it, if it is the larger of the two', async () => {
    await using rig = new Rig();
    const body = noise(500_000);
    const text = noise(300_000).toString('base64');
    await rig.large.enqueue('image', { key: 'a', text }, { body });
    const [head] = rig.heads();
    expect(head).toMatchObject({ body: { kind: 'parts' }, payloadParts: undefined });
    if (head?.body?.kind === 'parts') expect((await rig.content(head.body.manifest)).equals(body)).toBe(true);
  });
});

describe('a large body', () => {
  test.each<[string, (content: Buffer) => Buffer | AsyncIterable<Uint8Array>]>([
    ['a buffer', (content) => content],
    ['a stream', (content) => Readable.from(chunksOf(content))],
    ['another iterable', (content) => chunksOf(content)],
  ])(
    'goes in parts, and then its task into its place among those of its key: %s',
    async (_what, sourceOf) => {
      await using rig = new Rig();
      const content = noise(3 * MIB);
      const receipts = await Promise.all([
        rig.large.enqueue('note', { key: 'a' }, { id: 'first' }),
        rig.large.enqueue('video', { key: 'a' }, { id: 'large', body: sourceOf(content) }),
        rig.large.enqueue('note', { key: 'a' }, { id: 'last' }),
      ]);
      expect(rig.ids()).toEqual(['first', 'large', 'last']);
      expect(receipts.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
      const head = rig.heads()[1];
      expect(head).toMatchObject({ codec: 'json', bodyBytes: content.length, body: { kind: 'parts' } });
      if (head?.body?.kind !== 'parts') return;
      const { manifest } = head.body;
      expect(manifest.partition).toBe(receipts[1]?.partition);
      expect((await rig.content(manifest)).equals(content)).toBe(true);
    },
  );

  it('is compressed on its way, unless it was before', async () => {
    await using rig = new Rig();
    const body = Buffer.alloc(2 * MIB, 'a sentence that comes again and again. ');
    await rig.large.enqueue('video', { key: 'a' }, { body });
    const compressed = rig.cluster.records('large.parts').length;
    await rig.large.enqueue('video', { key: 'a' }, { body, contentEncoding: 'gzip' });
    const codecs = rig.cluster.records('large.parts').map((record) => readPartHead(record)?.codec);
    expect(new Set(codecs.slice(0, compressed))).toEqual(new Set(['lz4f']));
    expect(new Set(codecs.slice(compressed))).toEqual(new Set(['raw']));
  });

  it('holds up no other key of its partition', async () => {
    await using rig = new Rig();
    const body = stalled(noise(MIB));
    const large = rig.large
      .enqueue('video', { key: 'a' }, { body, id: 'large' })
      .catch((error: unknown) => error);
    await body.asked;
    await Promise.all(['b', 'c', 'd'].map((other) => rig.large.enqueue('note', { key: other })));
    body.push(null);
    expect(await large).toMatchObject({ id: 'large' });
  });
});

describe('a large payload', () => {
  it('goes in parts when its record would be too large', async () => {
    await using rig = new Rig();
    const payload = { key: 'a', text: noise(1.5 * MIB).toString('base64') };
    await Promise.all([
      rig.large.enqueue('note', payload, { id: 'large' }),
      rig.large.enqueue('note', { key: 'a' }, { id: 'next' }),
    ]);
    expect(rig.ids()).toEqual(['large', 'next']);
    const [head] = rig.heads();
    expect(head).toMatchObject({ codec: 'json+parts', body: undefined });
    expect(JSON.parse((await rig.content(head?.payloadParts)).toString())).toEqual(payload);
  });

  it('stays in its record when it gets small enough', async () => {
    await using rig = new Rig();
    await rig.large.enqueue('note', { key: 'a', text: 'again and again '.repeat(200_000) });
    expect(rig.heads()).toMatchObject([{ codec: 'json+lz4f', payloadParts: undefined }]);
  });

  it('may have a body beside it, both in parts', async () => {
    await using rig = new Rig();
    const payload = { key: 'a', text: noise(MIB).toString('base64') };
    const body = noise(MIB);
    await rig.large.enqueue('image', payload, { body });
    const [head] = rig.heads();
    expect(head).toMatchObject({ codec: 'json+parts', body: { kind: 'parts' } });
    expect(JSON.parse((await rig.content(head?.payloadParts)).toString())).toEqual(payload);
    if (head?.body?.kind === 'parts') expect((await rig.content(head.body.manifest)).equals(body)).toBe(true);
  });

  it('is refused above 16 MiB, with a word about bodies', async () => {
    await using rig = new Rig();
    const call = rig.large.enqueue('note', { key: 'a', text: 'x'.repeat(16 * MIB) });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_TOO_LARGE', limitBytes: 16 * MIB });
    expect(String(error)).toContain("body: 'stream'");
    expect(rig.heads()).toEqual([]);
  });
});

describe('what is no body', () => {
  /** As plain JavaScript may call it. */
  const call = (rig: Rig, type: string, options: unknown) =>
    rig.large.enqueue(type as 'note', { key: 'a' }, ...([options] as EnqueueRest<Tasks, 'note'>));

  test.each<[string, string, unknown, string[], string]>([
    ['no body for a type that has one', 'image', {}, ['body'], 'is required'],
    ['no options for a type that has one', 'video', undefined, ['body'], 'is required'],
    ['a body for a type that has none', 'note', { body: Buffer.from('a') }, ['body'], "'note'"],
    ['a text', 'video', { body: 'a text' }, ['body'], 'Buffer.from'],
    ['null', 'video', { body: null }, ['body'], 'must be a Buffer'],
    ['an object', 'video', { body: {} }, ['body'], 'must be a Buffer'],
    ['a list', 'video', { body: [1, 2] }, ['body'], 'must be a Buffer'],
    ['an encoding without a body', 'note', { contentEncoding: 'gzip' }, ['contentEncoding'], 'a body'],
    [
      'an encoding that is none',
      'video',
      { body: Buffer.from('a'), contentEncoding: 'a b' },
      ['contentEncoding'],
      'gzip',
    ],
  ])('is refused, naming it: %s', async (_what, type, options, paths, words) => {
    await using rig = new Rig();
    const error = await call(rig, type, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', problems: paths.map((path) => ({ path })) });
    expect(String(error)).toContain(words);
    expect(rig.cluster.topics.has('large')).toBe(false);
  });

  it('is a stream that was read to its end, which would pass for an empty one', async () => {
    await using rig = new Rig();
    const body = Readable.from(chunksOf(noise(1_000)));
    await rig.large.enqueue('video', { key: 'a' }, { body });
    const again = rig.large.enqueue('video', { key: 'a' }, { body });
    await expect(again).rejects.toMatchObject({ code: 'OPTIONS_INVALID', problems: [{ path: 'body' }] });
    expect(rig.heads()).toHaveLength(1);
  });

  it('is more than 16 MiB for a type that has it read before, whatever it comes from', async () => {
    await using rig = new Rig();
    const body = Buffer.alloc(16 * MIB + 1);
    for (const source of [body, Readable.from(chunksOf(body))]) {
      const error = await rig.large
        .enqueue('image', { key: 'a' }, { body: source })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'TASK_TOO_LARGE', limitBytes: 16 * MIB });
      expect(String(error)).toContain("body: 'stream'");
    }
    await rig.large.enqueue('image', { key: 'a' }, { body: body.subarray(1) });
    expect(rig.heads()).toMatchObject([{ bodyBytes: 16 * MIB }]);
  });

  it('is what does not give bytes', async () => {
    await using rig = new Rig();
    const body = Readable.from(['a', 'b']) as unknown as AsyncIterable<Uint8Array>; // what types cannot tell
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject({
      code: 'BODY_INVALID',
      outcome: 'absent',
    });
    expect(rig.heads()).toEqual([]);
  });
});

describe('when it fails', () => {
  test.each([1_000, 2 * MIB])(
    'a source that fails after %i bytes leaves the task absent, and says so',
    async (bytes) => {
      await using rig = new Rig();
      const [failed, next] = await Promise.allSettled([
        rig.large.enqueue('video', { key: 'a' }, { body: failing(bytes), id: 'failed' }),
        rig.large.enqueue('note', { key: 'a' }, { id: 'next' }),
      ]);
      expect(failed).toMatchObject({
        reason: {
          name: 'EnqueueError',
          code: 'BODY_SOURCE_FAILED',
          outcome: 'absent',
          id: 'failed',
          cause: { message: 'the disk is gone' },
        },
      });
      expect(next?.status).toBe('fulfilled');
      expect(rig.ids()).toEqual(['next']);
    },
  );

  it('a stream that fails before its turn has come ends nothing but its call', async () => {
    await using rig = new Rig();
    const body = new Readable({ read: () => {} });
    const call = rig.large.enqueue('video', { key: 'a' }, { body });
    body.destroy(new Error('the client is gone'));
    await expect(call).rejects.toMatchObject({ code: 'BODY_SOURCE_FAILED', outcome: 'absent' });
  });

  test.each([1_000, 2 * MIB])(
    'an aborted call ends its stream, of which %i bytes were read',
    async (bytes) => {
      await using rig = new Rig();
      const controller = new AbortController();
      const body = stalled(noise(bytes));
      const call = rig.large.enqueue('video', { key: 'a' }, { body, signal: controller.signal });
      await body.asked;
      controller.abort(new Error('no longer wanted'));
      await expect(call).rejects.toMatchObject({
        code: 'ENQUEUE_ABORTED',
        outcome: 'absent',
        cause: { message: 'no longer wanted' },
      });
      expect(body.destroyed).toBe(true);
      await rig.large.enqueue('note', { key: 'a' }, { id: 'next' });
      expect(rig.ids()).toEqual(['next']);
    },
  );

  it('a part that is refused leaves the task absent, and says why', async () => {
    await using rig = new Rig();
    await rig.large.enqueue('note', { key: 'a' }, { id: 'warm' });
    rig.cluster.faults.refuseAppend({ topic: 'large.parts' }, failures.recordTooLarge);
    const body = Readable.from(chunksOf(noise(2 * MIB)));
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject({
      code: 'UPLOAD_FAILED',
      outcome: 'absent',
      cause: { code: 'ENQUEUE_REFUSED' },
    });
    expect(body.destroyed).toBe(true);
    expect(rig.ids()).toEqual(['warm']);
  });

  it('a refused payload leaves the stream as it was', async () => {
    await using rig = new Rig();
    const body = Readable.from(chunksOf(noise(2 * MIB)));
    onTestFinished(() => void body.destroy());
    const call = rig.large.enqueue('video', { key: 7 as unknown as string }, { body });
    await expect(call).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    expect([body.destroyed, body.readableDidRead]).toEqual([false, false]);
  });
});

describe('enqueueMany', () => {
  it('takes bodies, and says what became of each', async () => {
    await using rig = new Rig();
    const contents = [noise(2 * MIB), noise(1_000)];
    const error = await rig.large
      .enqueueMany([
        { type: 'video', payload: { key: 'a' }, options: { id: 'one', body: chunksOf(noise(2 * MIB)) } },
        { type: 'video', payload: { key: 'a' }, options: { id: 'two', body: failing(2 * MIB) } },
        { type: 'image', payload: { key: 'a' }, options: { id: 'three', body: contents[1] ?? Buffer.of() } },
        { type: 'note', payload: { key: 'a' }, options: { id: 'four' } },
      ])
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof EnqueueManyError)) throw new Error('it did not fail');
    expect(error.results).toMatchObject([
      { ok: true, receipt: { id: 'one' } },
      { ok: false, error: { code: 'BODY_SOURCE_FAILED', outcome: 'absent', id: 'two' } },
      { ok: true, receipt: { id: 'three' } },
      { ok: true, receipt: { id: 'four' } },
    ]);
    expect(rig.ids()).toEqual(['one', 'three', 'four']);
  });
});

describe('follow-ups', () => {
  it('have bodies like other tasks', async () => {
    await using rig = new Rig();
    const content = noise(2 * MIB);
    const ends = new Signal<unknown>();
    const worker = rig.large.worker(
      {
        note: async (_payload, ctx) => {
          const given = [
            ctx.enqueue('video', { key: 'b' }, { body: chunksOf(content) }),
            ctx.enqueue('image', { key: 'b' }, { body: noise(10), contentEncoding: 'br' }),
            ctx.enqueue('image', { key: 'b' }),
          ];
          ends.resolve(await Promise.allSettled(given));
        },
        later: () => {},
        image: () => {},
        video: () => {},
      },
      { logger: silentLogger },
    );
    await worker.start();
    await rig.large.enqueue('note', { key: 'a' }, { id: 'parent' });
    expect(await ends.promise).toMatchObject([
      { status: 'fulfilled' },
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'OPTIONS_INVALID' } },
    ]);
    const [, video, image] = rig.heads();
    expect(image).toMatchObject({ contentEncoding: 'br', bodyBytes: 10 });
    if (video?.body?.kind !== 'parts') throw new Error('it is not in parts');
    expect((await rig.content(video.body.manifest)).equals(content)).toBe(true);
  });
});

describe('what must be one record', () => {
  it('is what an outbox holds: a small body', async () => {
    await using rig = new Rig();
    const content = noise(200_000);
    const record = await rig.large.encode('video', { key: 'a' }, { body: chunksOf(content) });
    await rig.large.enqueueRecord(record);
    const [head] = rig.heads();
    if (head?.body?.kind !== 'inline') throw new Error('it is not in the record');
    expect(head.body.bytes.equals(content)).toBe(true);
  });

  test.each<[string, (rig: Rig) => Promise<unknown>, object]>([
    [
      'a large body',
      ({ large }) => large.encode('video', { key: 'a' }, { body: chunksOf(noise(MIB)) }),
      { code: 'TASK_TOO_LARGE', limitBytes: 512 * 1024 },
    ],
    [
      'a large payload',
      ({ large }) => large.encode('note', { key: 'a', text: noise(MIB).toString('base64') }),
      { code: 'TASK_TOO_LARGE', limitBytes: 900_000 },
    ],
    [
      'a body whose source fails',
      ({ large }) => large.encode('video', { key: 'a' }, { body: failing(1_000) }),
      { code: 'BODY_SOURCE_FAILED', outcome: 'absent' },
    ],
    [
      'no body',
      ({ large }) => large.encode('video', { key: 'a' }, {} as { body: Buffer }),
      { code: 'OPTIONS_INVALID' },
    ],
  ])('is not, in an outbox: %s', async (_what, encode, error) => {
    await using rig = new Rig();
    await expect(encode(rig)).rejects.toMatchObject(error);
  });

  it('is what waits for its time: it moves on in its log, and parts cannot follow', async () => {
    await using rig = new Rig();
    await rig.large.enqueue('later', { key: 'a' }, { body: noise(1_000), delayMs: 60_000 });
    const call = rig.large.enqueue('later', { key: 'a' }, { body: noise(MIB), delayMs: 60_000 });
    const error = await call.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_TOO_LARGE' });
    expect(String(error)).toContain('delayMs');
    expect(rig.heads()).toHaveLength(1);
  });
});

describe('a cluster that keeps little, as the embedded one does', () => {
  /** The fake, with the limits of the embedded cluster. */
  class SmallRig extends Rig {
    override connect(): KafkaConnection {
      const embedded = { partitionsPerTopic: 2, partitionBytes: 4_000_000 };
      return super.connect({ ...memoryDriver(this.cluster), embedded });
    }
  }

  test.each<[string, (queue: TaskQueue<Tasks>) => Promise<unknown>]>([
    ['a body', (queue) => queue.enqueue('video', { key: 'a' }, { body: noise(4 * MIB) })],
    ['a stream', (queue) => queue.enqueue('video', { key: 'a' }, { body: chunksOf(noise(4 * MIB)) })],
    ['a payload', (queue) => queue.enqueue('note', { key: 'a', text: noise(4 * MIB).toString('hex') })],
  ])('refuses what it has no room for: %s', async (_what, enqueue) => {
    await using rig = new SmallRig();
    const error = await enqueue(rig.large).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_TOO_LARGE' });
    expect(String(error)).toContain('Embedded Kafka');
    expect(rig.ids()).toEqual([]);
  });

  it('takes what fits', async () => {
    await using rig = new SmallRig();
    const content = noise(3_050_000);
    await rig.large.enqueue('video', { key: 'a' }, { body: content });
    const [head] = rig.heads();
    if (head?.body?.kind !== 'parts') throw new Error('it is not in parts');
    expect((await rig.content(head.body.manifest)).equals(content)).toBe(true);
  });

  it('takes the next one when those before it are finished', async () => {
    await using rig = new SmallRig();
    const nothing = () => {};
    const worker = rig.large.worker(
      { note: nothing, later: nothing, image: nothing, video: nothing },
      { logger: silentLogger, commitIntervalMs: 10 },
    );
    await worker.start();
    const sources = [
      noise(1_900_000),
      noise(1_900_000),
      failing(1_900_000),
      noise(3_050_000),
      noise(1_900_000),
    ];
    const ends = await Promise.allSettled(
      sources.map((body) => rig.large.enqueue('video', { key: 'a' }, { body })),
    );
    expect(ends.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });
});

/** A queue whose time a test says, with a task in it that has been begun. */
async function timedQueue(options: Pick<QueueOptions<Tasks>, 'uploadTimeoutMs'> = {}) {
  const rig = new Rig();
  onTestFinished(() => rig[Symbol.asyncDispose]());
  const clock = new ManualClock();
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  const kafka = new KafkaConnection(memoryDriver(rig.cluster), { budgetBytes, producer, clock });
  onTestFinished(() => kafka.close());
  const topic = { partitions: 2 };
  const queue = new TaskQueue({ name: 'large', tasks, kafka, topic, logger: silentLogger, ...options });
  await queue.enqueue('note', { key: 'first' });
  return { rig, clock, queue };
}

describe('the time that an upload may take', () => {
  it('is written down with it, for those who keep its parts', async () => {
    const { rig, queue } = await timedQueue({ uploadTimeoutMs: 5_000 });
    await queue.enqueue('video', { key: 'a' }, { body: noise(2_000_000) });
    expect(rig.heads()[1]?.body).toMatchObject({ kind: 'parts', manifest: { timeoutMs: 5_000 } });
    await rig.large.enqueue('video', { key: 'a' }, { body: noise(2_000_000) });
    expect(rig.heads()[2]?.body).toMatchObject({ kind: 'parts', manifest: { timeoutMs: 1_800_000 } });
  });

  it('ends the wait for a source, unless the call says otherwise', async () => {
    const { clock, queue } = await timedQueue({ uploadTimeoutMs: 5_000 });
    const sources = [new FedSource(), new FedSource()] as const;
    const own = failureOf(queue.enqueue('video', { key: 'a' }, { body: sources[0], timeoutMs: 7_000 }));
    const common = failureOf(queue.enqueue('video', { key: 'b' }, { body: sources[1] }));
    await clock.advance(4_999);
    expect(sources.map(({ isLetGo }) => isLetGo)).toEqual([false, false]);
    await clock.advance(1);
    expect(await common).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    expect(sources.map(({ isLetGo }) => isLetGo)).toEqual([false, true]);
    await clock.advance(2_000);
    expect(await own).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    await queue.close();
  });
});

describe('closing the queue', () => {
  it('waits 10 s for sources that have not ended; then their tasks are absent, and others are not', async () => {
    const { rig, clock, queue } = await timedQueue();
    const stalled = new FedSource();
    const waiting = new FedSource();
    const late = failureOf(queue.enqueue('video', { key: 'a' }, { body: stalled, id: 'stalled' }));
    const { signal } = new AbortController();
    const later = failureOf(queue.enqueue('video', { key: 'b' }, { body: waiting, id: 'waiting', signal }));
    const behind = queue.enqueue('note', { key: 'a' }, { id: 'behind' });
    stalled.feed(noise(2_000_000));
    await clock.advance(0);
    const closed = queue.close();
    await clock.advance(9_999);
    expect([stalled.isLetGo, waiting.isLetGo]).toEqual([false, false]);
    await clock.advance(1);
    const cutOff = { code: 'QUEUE_CLOSED', outcome: 'absent', message: expect.stringContaining('body') };
    expect(await late).toMatchObject({ ...cutOff, id: 'stalled' });
    expect(await later).toMatchObject({ ...cutOff, id: 'waiting' });
    await Promise.all([behind, closed]);
    expect([stalled.isLetGo, waiting.isLetGo]).toEqual([true, true]);
    expect(rig.ids().slice(1)).toEqual(['behind']);
    expect(clock.pendingCount).toBe(0);
  });

  it('lets a source end in that time', async () => {
    const { rig, clock, queue } = await timedQueue();
    const source = new FedSource();
    const done = queue.enqueue('video', { key: 'a' }, { body: source, id: 'slow' });
    source.feed(noise(2_000_000));
    await clock.advance(0);
    const closed = queue.close();
    await clock.advance(9_000);
    source.end();
    await Promise.all([done, closed]);
    expect(rig.ids().slice(1)).toEqual(['slow']);
    expect(clock.pendingCount).toBe(0);
  });
});

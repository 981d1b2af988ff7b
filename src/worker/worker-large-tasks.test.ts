import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { contentOf, manifestOf, uploadOf } from '../../test/support/parts-rig.ts';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';
import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { encodeTask } from '../codec/envelope.ts';
import { ParkError } from '../errors/control-errors.ts';
import type { ParkedTask } from '../parked/parked-task.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import type { TaskBody, TaskBytes } from '../tasks/task-body.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { TaskContext } from './running/task-context.ts';
import type { Worker } from './worker.ts';
import type { WorkerEvents } from './worker-events.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }): string => payload.key;
const tasks = {
  note: defineTask({ schema, key }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};

type Payload = z.output<typeof schema>;

interface Handlers {
  readonly note?: (payload: Payload, context: TaskContext) => unknown;
  readonly image?: (payload: Payload, context: TaskContext & { readonly body: TaskBytes }) => unknown;
  readonly video?: (payload: Payload, context: TaskContext & { readonly body: TaskBody }) => unknown;
}

/** A queue of one partition with types that have bodies. */
class Rig extends QueueRig {
  readonly large = new TaskQueue({
    name: 'large',
    tasks,
    kafka: this.kafka,
    topic: { partitions: 1 },
    logger: silentLogger,
  });
  readonly done: string[] = [];

  handled({ note, image, video }: Handlers = {}): Worker {
    const noted =
      <C extends TaskContext>(handle: ((payload: Payload, context: C) => unknown) | undefined) =>
      async (payload: Payload, context: C): Promise<void> => {
        await handle?.(payload, context);
        this.done.push(context.id);
      };
    return this.large.worker(
      {
        note: noted(note),
        image: noted(image),
        video: noted(video ?? ((_payload, { body }) => hashOf(body))),
      },
      {
        logger: silentLogger,
        commitIntervalMs: 10,
        retry: { minDelayMs: 1, maxDelayMs: 2 },
        rebalance: { drainMs: 100 },
      },
    );
  }

  /** A task whose parts are as they are given; its record is appended so long after the first of them. */
  async broken(id: string, { partIndices = [0, 1, 1, 3], lateMs = 0 } = {}): Promise<void> {
    const { content, records } = await uploadOf(id, contentOf(3, 3_500));
    const place = { topic: 'large.parts', partition: 0 };
    const from = this.cluster.log(place)?.ends.end ?? 0;
    this.cluster.write(
      place,
      partIndices.flatMap((index) => records[index] ?? []),
    );
    const where = { partition: 0, from, to: from + partIndices.length - 1 };
    const firstAtMs = Date.now() - lateMs;
    const manifest = { ...manifestOf(id, content, where), firstAtMs };
    const task = { id, type: 'video', version: 1, payload: { key: 'bad' }, key: 'bad', enqueuedAtMs: 5 };
    const made = { ...task, body: { kind: 'parts', manifest } } as const;
    const { record } = await encodeTask(made, defaultCodecLimits);
    this.cluster.write({ topic: 'large', partition: 0 }, [record]);
  }

  /** Deletes all that is in the parts topic. */
  loseParts(): void {
    const place = { topic: 'large.parts', partition: 0 };
    this.cluster.deleteRecords(place, this.cluster.log(place)?.ends.end ?? 0);
  }

  /** Resolves with what is parked of a key, once that is these tasks. */
  async parked(of: string, ids: readonly string[]): Promise<readonly ParkedTask[]> {
    for (;;) {
      const found: ParkedTask[] = [];
      for await (const task of this.large.parked.show({ key: of })) found.push(task);
      if (found.map((task) => (task.kind === 'task' ? task.id : '')).join() === ids.join()) return found;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.large.close();
    await super[Symbol.asyncDispose]();
  }
}

async function hashOf(body: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function ended(worker: Worker, id: string): Promise<WorkerEvents['task-finished']> {
  return next(worker, 'task-finished', (task) => task.id === id);
}

describe('large tasks', () => {
  it('come to their handlers as they were enqueued, several at once', async () => {
    await using rig = new Rig();
    const hashes: Record<string, string> = {};
    const worker = rig.handled({
      note: ({ text }, { id }) => {
        hashes[id] = sha256(Buffer.from(text ?? ''));
      },
      image: (_payload, { id, body }) => {
        hashes[id] = sha256(body.join());
      },
      video: async (_payload, { id, body }) => {
        hashes[id] = await hashOf(body);
      },
    });
    const finished = many(worker, 'task-finished', 9);
    await worker.start();
    const expected: Record<string, string> = {};
    const calls: Promise<unknown>[] = [];
    for (const at of ['a', 'b', 'c']) {
      const body = randomBytes(2_500_000);
      const text = randomBytes(1_500_000).toString('base64');
      const image = Buffer.alloc(3_000_000, `image of ${at}, `);
      Object.assign(expected, {
        [`video-${at}`]: sha256(body),
        [`note-${at}`]: sha256(Buffer.from(text)),
        [`image-${at}`]: sha256(image),
      });
      calls.push(
        rig.large.enqueue('video', { key: at }, { id: `video-${at}`, body: Readable.from([body]) }),
        rig.large.enqueue('note', { key: at, text }, { id: `note-${at}` }),
        rig.large.enqueue('image', { key: at }, { id: `image-${at}`, body: image }),
      );
    }
    await Promise.all(calls);
    await finished;
    expect(hashes).toEqual(expected);
    for (const at of ['a', 'b', 'c']) {
      const order = rig.done.filter((id) => id.endsWith(at));
      expect(order).toEqual([`video-${at}`, `note-${at}`, `image-${at}`]);
    }
  });

  it('are read anew when they are tried again', async () => {
    await using rig = new Rig();
    const hashes: string[] = [];
    const worker = rig.handled({
      video: async (_payload, { attempt, body }) => {
        if (attempt === 1) for await (const _chunk of body) throw new Error('first');
        hashes.push(await hashOf(body));
      },
    });
    await worker.start();
    const finished = ended(worker, 'v');
    const body = randomBytes(2_500_000);
    await rig.large.enqueue('video', { key: 'a' }, { id: 'v', body });
    expect((await finished).attempt).toBe(2);
    expect(hashes).toEqual([sha256(body)]);
  });

  it('can be parked and redriven when their parts are gone from the parts topic', async () => {
    await using rig = new Rig();
    let fixed = false;
    const hashes: string[] = [];
    const worker = rig.handled({
      video: async (_payload, { body }) => {
        if (!fixed) throw new ParkError('not yet');
        hashes.push(await hashOf(body));
      },
      note: ({ text }) => void hashes.push(sha256(Buffer.from(text ?? ''))),
    });
    await worker.start();
    const parked = next(worker, 'key-parked');
    const body = randomBytes(2_500_000);
    const text = randomBytes(1_500_000).toString('base64');
    await rig.large.enqueue('video', { key: 'a' }, { id: 'v', body });
    await rig.large.enqueue('note', { key: 'a', text }, { id: 'n' });
    await parked;
    await rig.parked('a', ['v', 'n']);
    rig.loseParts();
    fixed = true;
    const finished = many(worker, 'task-finished', 2);
    await rig.large.parked.redrive({ key: 'a' });
    await finished;
    expect(hashes).toEqual([sha256(body), sha256(Buffer.from(text))]);
  });
});

describe('a task whose parts are lost', () => {
  /** A worker that has met one: its key is held, and what follows in it waits. */
  async function held(rig: Rig): Promise<Worker> {
    const worker = rig.handled();
    const told = next(worker, 'data-loss');
    const keyHeld = next(worker, 'key-held');
    await rig.large.enqueue('note', { key: 'good' }, { id: 'first' });
    await rig.broken('broken');
    await rig.large.enqueue('note', { key: 'bad' }, { id: 'behind' });
    await worker.start();
    expect(await told).toMatchObject({
      partition: 0,
      offset: 1n,
      key: 'bad',
      id: 'broken',
      type: 'video',
      upload: 'broken',
      parts: { topic: 'large.parts', partition: 0, from: 0n, to: 3n },
      error: { code: 'PARTS_LOST', part: 2 },
    });
    expect(await keyHeld).toMatchObject({ key: 'bad', reason: 'data-loss', attempts: 0 });
    return worker;
  }

  it('holds its key, says so with all ids, and other keys go on', async () => {
    await using rig = new Rig();
    const worker = await held(rig);
    const others = ended(worker, 'other');
    await rig.large.enqueue('note', { key: 'good' }, { id: 'other' });
    await others;
    expect(rig.done).toEqual(['first', 'other']);
    expect(worker.health()).toMatchObject({ status: 'degraded', heldKeys: 1 });
    await worker.stop();
    expect(rig.cluster.committed('large', { topic: 'large', partition: 0 })?.offset).toBe(1);
  });

  it('can be skipped: the key goes on', async () => {
    await using rig = new Rig();
    const worker = await held(rig);
    const finished = ended(worker, 'behind');
    await rig.large.pending.skip({ key: 'bad', id: 'broken' });
    await finished;
    expect(rig.done).toEqual(['first', 'behind']);
  });

  it('is tried again when its key is released', async () => {
    await using rig = new Rig();
    const worker = await held(rig);
    const again = next(worker, 'data-loss');
    await rig.large.pending.release({ key: 'bad' });
    expect(await again).toMatchObject({ id: 'broken' });
    expect(rig.done).toEqual(['first']);
  });

  it('can be parked; redriven it stays parked, with those behind it, until it is discarded', async () => {
    await using rig = new Rig();
    const worker = await held(rig);
    const told = next(worker, 'data-loss');
    const { outcome } = await rig.large.pending.park({ key: 'bad', waitMs: 10_000 });
    expect(outcome).toBe('parked');
    expect(await told).toMatchObject({ id: 'broken', offset: 1n, upload: 'broken' });
    const parked = await rig.parked('bad', ['broken', 'behind']);
    expect(parked.map(({ lostUploads }) => lostUploads)).toEqual([['broken'], []]);
    const again = next(worker, 'data-loss');
    const failed = next(worker, 'redrive-failed');
    await rig.large.parked.redrive({ key: 'bad' }, { waitMs: 10_000 });
    expect(await again).toMatchObject({ id: 'broken', offset: 1n, key: 'bad' });
    expect(await failed).toMatchObject({ key: 'bad', tasks: 0, error: { code: 'PARTS_LOST' } });
    for await (const task of rig.large.parked.show({ key: 'bad' })) {
      if (task.kind === 'task' && task.id === 'broken')
        await rig.large.parked.discard(task, { waitMs: 10_000 });
    }
    await rig.large.parked.redrive({ key: 'bad' }, { waitMs: 10_000 });
    expect(rig.done).toEqual(['first', 'behind']);
  });
});

describe('a task whose record came too late', () => {
  it('is finished without being run, and its key goes on', async () => {
    await using rig = new Rig();
    const worker = rig.handled();
    await rig.large.enqueue('note', { key: 'bad' }, { id: 'first' });
    await rig.broken('late', { partIndices: [0, 1, 2, 3], lateMs: 60_500 });
    await rig.large.enqueue('note', { key: 'bad' }, { id: 'behind' });
    const told = next(worker, 'task-void');
    const finished = ended(worker, 'behind');
    await worker.start();
    expect(await told).toMatchObject({ id: 'late', key: 'bad', offset: 1n, upload: 'late' });
    await finished;
    expect(rig.done).toEqual(['first', 'behind']);
    await worker.stop();
    expect(rig.cluster.committed('large', { topic: 'large', partition: 0 })?.offset).toBe(3);
  });

  it('is not run either when it was parked with its key', async () => {
    await using rig = new Rig();
    let fixed = false;
    const worker = rig.handled({
      note: () => {
        if (!fixed) throw new ParkError('not yet');
      },
    });
    const parked = next(worker, 'key-parked');
    await rig.large.enqueue('note', { key: 'bad' }, { id: 'first' });
    await rig.broken('late', { partIndices: [0, 1, 2, 3], lateMs: 60_500 });
    await rig.broken('in-time', { partIndices: [0, 1, 2, 3], lateMs: 30_000 });
    await worker.start();
    await parked;
    fixed = true;
    const told = next(worker, 'task-void');
    await rig.parked('bad', ['first', 'late', 'in-time']);
    const redriven = next(worker, 'key-redriven');
    await rig.large.parked.redrive({ key: 'bad' });
    expect(await told).toMatchObject({ id: 'late' });
    await redriven;
    expect(rig.done).toEqual(['first', 'in-time']);
  });
});

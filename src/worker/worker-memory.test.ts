import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { KafkaConnection } from '../queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../queue/kafka-options.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }): string => payload.key;
const tasks = {
  note: defineTask({ schema, key }),
  video: defineTask({ schema, key, body: 'stream' }),
};

const options = { logger: silentLogger, commitIntervalMs: 10, retry: { minDelayMs: 1, maxDelayMs: 2 } };

const MIB = 1024 * 1024;

/** A process with 4 MiB for all its tasks. */
class Rig extends QueueRig {
  readonly small: KafkaConnection;
  readonly large: TaskQueue<typeof tasks>;

  constructor(budgetBytes = 4 * MIB) {
    super();
    this.small = new KafkaConnection(memoryDriver(this.cluster), {
      ...resolveKafkaOptions({ embedded: true }),
      budgetBytes,
    });
    this.large = this.queueOf('large');
  }

  queueOf(name: string): TaskQueue<typeof tasks> {
    const topic = { partitions: 1 };
    return new TaskQueue({ name, tasks, kafka: this.small, topic, logger: silentLogger });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.large.close();
    await this.small.close();
    await super[Symbol.asyncDispose]();
  }
}

const body = (): Readable => Readable.from([randomBytes(3_000_000)]);

describe('a process with little memory', () => {
  it('runs large tasks one after the other, while small ones of other keys go on', async () => {
    await using rig = new Rig();
    const events: string[] = [];
    const open = new Signal();
    const worker = rig.large.worker(
      {
        note: ({ key: name }) => void events.push(name),
        video: async ({ key: name }, { body: stream }) => {
          events.push(`${name} begins`);
          await open.promise;
          for await (const _chunk of stream);
          events.push(`${name} ends`);
        },
      },
      { ...options, concurrency: 2 },
    );
    for (const name of ['a', 'b', 'c']) await rig.large.enqueue('video', { key: name }, { body: body() });
    for (let n = 0; n < 5; n += 1) await rig.large.enqueue('note', { key: `note ${n}` });
    const notes = many(worker, 'task-finished', 5);
    await worker.start();
    await notes;
    const before = [...events].sort();
    const videos = many(worker, 'task-finished', 3);
    open.resolve();
    await videos;
    expect(before).toEqual(['a begins', 'note 0', 'note 1', 'note 2', 'note 3', 'note 4']);
    expect(events.slice(6)).toEqual(['a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('counts a stream that is asked for as a list until its handler has ended', async () => {
    await using rig = new Rig();
    const listed = new Signal();
    const open = new Signal();
    const worker = rig.large.worker(
      {
        note: () => {},
        video: async (_payload, { body: stream }) => {
          await stream.bytes({ maxBytes: 30_000_000 });
          listed.resolve();
          await open.promise;
        },
      },
      options,
    );
    await rig.large.enqueue('video', { key: 'a' }, { body: Readable.from([randomBytes(10_000_000)]) });
    const finished = next(worker, 'task-finished');
    await worker.start();
    await listed.promise;
    expect(rig.small.budget.usedBytes).toBeGreaterThan(10_000_000);
    open.resolve();
    await finished;
    await expect.poll(() => rig.small.budget.usedBytes).toBe(0);
  });

  it('gives the tasks of a batch, which end together, whole bodies at once: none waits for another', async () => {
    await using rig = new Rig(40 * MIB);
    const lengths: number[][] = [];
    const worker = rig.large.worker(
      {
        note: () => {},
        video: {
          batch: { maxSize: 2, maxBytes: 40 * MIB, maxWaitMs: 10_000 },
          handle: async (batch) => {
            const bodies = await Promise.all(batch.map(({ ctx }) => ctx.body.bytes({ maxBytes: 20 * MIB })));
            lengths.push(bodies.map(({ length }) => length));
          },
        },
      },
      options,
    );
    for (const name of ['a', 'b'])
      await rig.large.enqueue('video', { key: name }, { body: Readable.from([randomBytes(14_000_000)]) });
    const finished = many(worker, 'task-finished', 2);
    await worker.start();
    await finished;
    expect(lengths).toEqual([[14_000_000, 14_000_000]]);
    await expect.poll(() => rig.small.budget.usedBytes).toBe(0);
  });

  it('counts a batch by what its tasks bring: decompressed, and with their bodies', async () => {
    await using rig = new Rig();
    const sizes: number[] = [];
    const worker = rig.large.worker(
      {
        note: {
          batch: { maxSize: 10, maxBytes: 2_000_000, maxWaitMs: 5 },
          handle: (batch) => void sizes.push(batch.length),
        },
        video: () => {},
      },
      options,
    );
    const text = 'x'.repeat(900_000);
    for (const name of ['a', 'b', 'c', 'd']) await rig.large.enqueue('note', { key: name, text });
    const finished = many(worker, 'task-finished', 4);
    await worker.start();
    await finished;
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
  });
});

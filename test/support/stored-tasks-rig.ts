import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import type { QueueOptions } from '../../src/queue/queue-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { MemoryStore } from './memory-store.ts';
import { QueueRig } from './queue-rig.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }) => payload.key;
export const storedTasks = {
  note: defineTask({ schema, key }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};
export type StoredTasks = typeof storedTasks;

/** A queue of one partition, whose large content goes to a store. */
export class StoredTasksRig extends QueueRig {
  readonly store = new MemoryStore();
  /** `id hash`, in the order in which they were done. */
  readonly done: string[] = [];
  readonly #queues: TaskQueue<StoredTasks>[] = [];
  /** What handlers do before they read. */
  before: (id: string, attempt: number) => void = () => {};

  queueOf(
    options: Partial<QueueOptions<StoredTasks>> = {},
    kafka: KafkaConnection = this.kafka,
  ): TaskQueue<StoredTasks> {
    const common = {
      name: 'large',
      tasks: storedTasks,
      kafka,
      topic: { partitions: 1 },
      logger: silentLogger,
    };
    const queue = new TaskQueue({ ...common, payloadStore: this.store, ...options });
    this.#queues.push(queue);
    return queue;
  }

  async working(queue: TaskQueue<StoredTasks>): Promise<Worker> {
    const worker = this.handled(queue);
    await worker.start();
    return worker;
  }

  handled(queue: TaskQueue<StoredTasks>): Worker {
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

export async function hashOf(content: AsyncIterable<Buffer> | readonly Buffer[]): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}

import { z } from 'zod';
import type { Clock } from '../../src/clock/clock.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../src/queue/kafka-options.ts';
import type { QueueOptions } from '../../src/queue/queue-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';
import type { Worker } from '../../src/worker/worker.ts';
import type { WorkerEvents } from '../../src/worker/worker-events.ts';
import type { WorkerOptions } from '../../src/worker/worker-options.ts';

const schema = z.object({ key: z.string(), n: z.number() });

export const tasks = {
  work: defineTask({ schema, key: ({ key }) => key }),
  short: defineTask({ schema, key: ({ key }) => key, timeoutMs: 40 }),
};

export interface Job {
  readonly key: string;
  readonly n: number;
}

export type JobHandler = (job: Job, context: TaskContext) => unknown;

/** Something that happens once, awaited by a test. */
export class Signal<T = void> {
  readonly promise: Promise<T>;
  resolve: (value: T) => void = () => {};

  constructor() {
    this.promise = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }
}

/** A queue on a cluster in memory, and everything that was made from it. */
export class QueueRig {
  readonly cluster: MemoryCluster;
  readonly kafka: KafkaConnection;
  readonly queue: TaskQueue<typeof tasks>;
  readonly #connections: KafkaConnection[] = [];
  readonly #queues: TaskQueue<typeof tasks>[] = [];

  constructor(options: Partial<QueueOptions<typeof tasks>> = {}, cluster?: MemoryCluster) {
    this.cluster = cluster ?? new MemoryCluster({ brokerConfigs: { 'min.insync.replicas': '2' } });
    this.kafka = this.connect();
    this.queue = this.open(this.kafka, options);
  }

  /** Another process, as far as the queue can tell. */
  connect(driver: KafkaDriver = memoryDriver(this.cluster), clock?: Clock): KafkaConnection {
    const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
    const kafka = new KafkaConnection(driver, { budgetBytes, producer, clock });
    this.#connections.push(kafka);
    return kafka;
  }

  open(kafka: KafkaConnection, options: Partial<QueueOptions<typeof tasks>> = {}): TaskQueue<typeof tasks> {
    const queue = new TaskQueue({
      name: 'q',
      tasks,
      kafka,
      topic: { partitions: 2 },
      logger: silentLogger,
      ...options,
    });
    this.#queues.push(queue);
    return queue;
  }

  worker(handle: JobHandler, options: WorkerOptions = {}, queue = this.queue): Worker {
    return queue.worker(
      { work: handle, short: handle },
      { logger: silentLogger, commitIntervalMs: 10, ...options },
    );
  }

  async started(handle: JobHandler, options: WorkerOptions = {}, queue = this.queue): Promise<Worker> {
    const worker = this.worker(handle, options, queue);
    await worker.start();
    return worker;
  }

  /** Enqueues, in this order, tasks of these keys; `n` counts them. */
  async enqueue(...keys: string[]): Promise<void> {
    await Promise.all(keys.map((key, n) => this.queue.enqueue('work', { key, n })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()));
    await Promise.all(this.#connections.map((kafka) => kafka.close()));
  }
}

/** The next event of a name that fits. Listen before doing what causes it. */
export function next<K extends keyof WorkerEvents>(
  worker: Worker,
  name: K,
  fits: (event: WorkerEvents[K]) => boolean = () => true,
): Promise<WorkerEvents[K]> {
  return new Promise((resolve) => {
    const off = worker.on(name, (event) => {
      if (!fits(event)) return;
      off();
      resolve(event);
    });
  });
}

/** Resolves when so many events of a name have come. */
export function many<K extends keyof WorkerEvents>(
  worker: Worker,
  name: K,
  count: number,
): Promise<WorkerEvents[K][]> {
  return new Promise((resolve) => {
    const seen: WorkerEvents[K][] = [];
    const off = worker.on(name, (event) => {
      seen.push(event);
      if (seen.length < count) return;
      off();
      resolve(seen);
    });
  });
}

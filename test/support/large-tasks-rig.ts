import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, onTestFinished } from 'vitest';
import { z } from 'zod';
import { ManualClock } from '../../src/clock/manual-clock.ts';
import { crc32c } from '../../src/codec/crc32c.ts';
import type { BodyManifest } from '../../src/codec/manifest.ts';
import { readPartContent, readPartHead } from '../../src/codec/part.ts';
import { type RecordHead, readHead } from '../../src/codec/read-record.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../src/queue/kafka-options.ts';
import type { QueueOptions } from '../../src/queue/queue-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { QueueRig, Signal } from './queue-rig.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const key = (payload: { key: string }) => payload.key;
export const largeTasks = {
  note: defineTask({ schema, key }),
  later: defineTask({ schema, unordered: true, body: 'bytes' }),
  image: defineTask({ schema, key, body: 'bytes' }),
  video: defineTask({ schema, key, body: 'stream' }),
};
export type LargeTasks = typeof largeTasks;
export const MIB = 1024 * 1024;

/** A queue on a cluster in memory. */
export class LargeTasksRig extends QueueRig {
  readonly large: TaskQueue<LargeTasks>;

  constructor(options: Partial<QueueOptions<LargeTasks>> = {}) {
    super();
    this.large = new TaskQueue({
      name: 'large',
      tasks: largeTasks,
      kafka: this.kafka,
      topic: { partitions: 2 },
      logger: silentLogger,
      ...options,
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
export const noise = (bytes: number): Buffer => randomBytes(bytes);

export async function* chunksOf(content: Buffer, chunkBytes = 64 * 1024): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}

export async function* failing(after: number): AsyncGenerator<Buffer> {
  yield noise(after);
  throw new Error('the disk is gone');
}

/** A stream that gives this much and then nothing more, without an end. */
export function stalled(first: Buffer): Readable & { readonly asked: Promise<void> } {
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

/** A queue whose time a test says, with a task in it that has been begun. */
export async function timedQueue(options: Pick<QueueOptions<LargeTasks>, 'uploadTimeoutMs'> = {}) {
  const rig = new LargeTasksRig();
  onTestFinished(() => rig[Symbol.asyncDispose]());
  const clock = new ManualClock();
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  const kafka = new KafkaConnection(memoryDriver(rig.cluster), { budgetBytes, producer, clock });
  onTestFinished(() => kafka.close());
  const topic = { partitions: 2 };
  const queue = new TaskQueue({
    name: 'large',
    tasks: largeTasks,
    kafka,
    topic,
    logger: silentLogger,
    ...options,
  });
  await queue.enqueue('note', { key: 'first' });
  return { rig, clock, queue };
}

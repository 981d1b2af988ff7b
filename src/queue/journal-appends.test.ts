import { expect, it } from 'vitest';
import { z } from 'zod';
import { many } from '../../test/support/queue-rig.ts';
import { MemoryCluster } from '../kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { resolveKafkaOptions } from './kafka-options.ts';
import { TaskQueue } from './task-queue.ts';

it('a worker takes its partitions although tasks that wait for it fill the buffer', async () => {
  const cluster = new MemoryCluster({ embedded: { partitionsPerTopic: 2, partitionBytes: 20_000 } });
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  const kafka = new KafkaConnection(memoryDriver(cluster), {
    budgetBytes,
    producer: { ...producer, bufferBytes: 1_000_000 },
  });
  const tasks = { work: defineTask({ schema: z.string(), key: (text) => text.slice(0, 8) }) };
  await using queue = new TaskQueue({ name: 'q', tasks, kafka, logger: silentLogger });
  // Far more than the partitions and the buffer hold.
  const enqueued = Array.from({ length: 300 }, (_, i) =>
    queue.enqueue('work', String(i).padEnd(8) + 'x'.repeat(5_000)),
  );
  while (kafka.producer.bufferedBytes < 900_000) await new Promise((resolve) => setImmediate(resolve));
  const worker = queue.worker({ work: () => {} }, { logger: silentLogger, commitIntervalMs: 10 });
  const finished = many(worker, 'task-finished', 300);
  await worker.start();
  await finished;
  expect(await Promise.all(enqueued)).toHaveLength(300);
  await queue.close();
  await kafka.close();
});

import { z } from 'zod';
import type { PayloadStore } from '../../src/codec/payload-store.ts';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type { ClusterAddress } from '../../src/kafka/security.ts';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../src/queue/kafka-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import type { QueueSettings } from './process-settings.ts';

const tasks = {
  work: defineTask({
    schema: z.object({ key: z.string(), call: z.number(), text: z.string() }),
    key: (payload) => payload.key,
  }),
  blob: defineTask({
    schema: z.object({ key: z.string(), call: z.number() }),
    key: (payload) => payload.key,
    body: 'stream',
  }),
};

export interface OpenQueue {
  readonly queue: TaskQueue<typeof tasks>;
  readonly close: () => Promise<void>;
}

/** The queue of a fault run, as `connectKafka` would make it, but for what `around` puts around the driver. */
export function openWorkQueue(
  settings: QueueSettings,
  around: (driver: KafkaDriver) => KafkaDriver,
  payloadStore?: PayloadStore,
): OpenQueue {
  const { budgetBytes, producer, clientId, connectTimeoutMs } = resolveKafkaOptions({
    brokers: settings.brokers,
  });
  const address: ClusterAddress = {
    brokers: settings.brokers,
    clientId,
    connectTimeoutMs,
    tls: undefined,
    sasl: undefined,
  };
  const driver = confluentDriver({ address, admin: () => platformaticAdmin(address) });
  const kafka = new KafkaConnection(around(driver), { budgetBytes, producer });
  const queue = new TaskQueue({
    name: settings.queue,
    tasks,
    kafka,
    topic: { partitions: settings.partitions },
    ...settings.queueOptions,
    ...(payloadStore === undefined ? {} : { payloadStore }),
  });
  const close = async (): Promise<void> => {
    await queue.close();
    await kafka.close();
  };
  return { queue, close };
}

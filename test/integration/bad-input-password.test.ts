import { inspect } from 'node:util';
import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue } from 'keylane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type KafkaCluster, type SecureAccess, startKafka } from '../support/kafka/cluster.ts';

const tasks = { work: defineTask({ schema: z.object({ key: z.string() }), key: ({ key }) => key }) };

let cluster: KafkaCluster;
let secure: SecureAccess;
beforeAll(async () => {
  cluster = await startKafka({ brokerCount: 1, saslSsl: true });
  if (cluster.secure === undefined) throw new Error('the cluster has no secured listeners');
  secure = cluster.secure;
});
afterAll(() => cluster.stop());

function connect(password: string): Kafka {
  return connectKafka({
    brokers: secure.bootstrap.split(','),
    tls: { ca: secure.ca },
    sasl: { mechanism: 'SCRAM-SHA-256', username: secure.username, password },
    connectTimeoutMs: 30_000,
  });
}

function open(kafka: Kafka): TaskQueue<typeof tasks> {
  const topic = { partitions: 1, replicationFactor: 1, minInsyncReplicas: 1 };
  return new TaskQueue({ name: 'locked', tasks, kafka, topic, logger: silentLogger });
}

it('a wrong password is named by its code and never shown; the right one works beside it', async () => {
  const wrong = 'open sesame';
  await using stranger = connect(wrong);
  await using closed = open(stranger);
  await using friend = connect(secure.password);
  await using queue = open(friend);

  const enqueued = await closed.enqueue('work', { key: 'k' }).catch((error: unknown) => error);
  expect(enqueued).toMatchObject({ code: 'KAFKA_AUTHENTICATION_FAILED', outcome: 'absent' });
  const worker = closed.worker({ work: () => {} });
  const started = await worker.start().catch((error: unknown) => error);
  expect(started).toMatchObject({ code: 'KAFKA_AUTHENTICATION_FAILED' });
  expect(worker.health().status).toBe('stopped');
  expect(inspect([enqueued, started], { depth: 10 })).not.toContain(wrong);

  const seen: string[] = [];
  const done = new Promise<void>((resolve) => {
    const able = queue.worker({
      work: ({ key }) => {
        seen.push(key);
        resolve();
      },
    });
    void able.start();
  });
  await queue.enqueue('work', { key: 'good' });
  await done;
  expect(seen).toEqual(['good']);
});

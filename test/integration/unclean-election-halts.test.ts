import { Admin } from '@platformatic/kafka';
import {
  connectKafka,
  defineTask,
  EnqueueError,
  silentLogger,
  TaskQueue,
  type Worker,
  type WorkerEvents,
} from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { startKafka } from '../support/kafka/cluster.ts';

const tasks = {
  work: defineTask({ schema: z.object({ key: z.string(), n: z.number() }), key: ({ key }) => key }),
};
const TOPIC = 2;
const SET = 0;

function next<K extends keyof WorkerEvents>(
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

/** A producer whose partition was cut off cannot tell what became of its last record: the caller asks again. */
async function enqueueAnyhow(queue: TaskQueue<typeof tasks>, n: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await queue.enqueue('work', { key: 'k', n }, { id: `task ${n}` });
      return;
    } catch (error) {
      if (!(error instanceof EnqueueError) || tries === 5) throw error;
    }
  }
}

it('an election that loses the end of a log halts its partition; accepted, nothing that came since is passed over', async () => {
  await using cluster = await startKafka({ brokerConfig: { 'broker.session.timeout.ms': '6000' } });
  const brokers = cluster.bootstrap.split(',');
  const admin = new Admin({ clientId: 'unclean', bootstrapBrokers: brokers, retries: 20, retryDelay: 500 });
  const kafka = connectKafka({ brokers });
  const queue = new TaskQueue({
    name: 'q',
    tasks,
    kafka,
    topic: { partitions: 1, replicationFactor: 2, minInsyncReplicas: 1 },
    logger: silentLogger,
  });
  const [a, b] = cluster.brokers;
  if (a === undefined || b === undefined) throw new Error('three brokers expected');
  try {
    // On two of the three brokers, so that one of these can have less than the other and the cluster still works.
    await admin.createTopics({
      topics: ['q'],
      partitions: -1,
      replicas: -1, // as assigned
      assignments: [{ partition: 0, brokers: [a.id, b.id] }],
      configs: [
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
        { name: 'retention.ms', value: '-1' },
        { name: 'min.insync.replicas', value: '1' },
      ],
    });
    const seen: number[] = [];
    const worker = queue.worker(
      { work: ({ n }) => void seen.push(n) },
      { commitIntervalMs: 50, logger: silentLogger },
    );
    await worker.start();
    for (let n = 0; n < 10; n += 1) await queue.enqueue('work', { key: 'k', n });
    await next(worker, 'committed', ({ offset }) => offset === 10n);
    await admin.incrementalAlterConfigs({
      resources: [
        {
          resourceType: TOPIC,
          resourceName: 'q',
          configs: [{ name: 'unclean.leader.election.enable', configOperation: SET, value: 'true' }],
        },
      ],
    });
    await b.stop();
    for (let n = 10; n < 20; n += 1) await queue.enqueue('work', { key: 'k', n });
    await next(worker, 'committed', ({ offset }) => offset === 20n);
    const halted = next(worker, 'partition-halted');
    await a.kill();
    await b.start(); // it becomes the leader, without what it has missed
    const { reason, from, to } = await halted;
    expect({ reason, from, to }).toEqual({ reason: 'data-loss', from: 10n, to: 20n });
    // Others take the offsets that were lost, and more: nothing but the journal tells any more that they are others.
    const numbers = Array.from({ length: 15 }, (_, i) => 20 + i);
    for (const n of numbers) await enqueueAnyhow(queue, n);
    seen.length = 0;
    const receipt = await queue.pending.acceptLoss({ partition: 0, below: to, waitMs: 60_000 });
    expect(receipt.outcome).toBe('accepted');
    await expect.poll(() => seen.at(-1), { timeout: 30_000 }).toBe(34);
    expect([...new Set(seen)]).toEqual(numbers);
  } finally {
    await queue.close();
    await kafka.close();
    await admin.close();
  }
}, 300_000);

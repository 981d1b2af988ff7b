import { connectKafka, type Kafka, silentLogger, TaskQueue, type Worker } from 'keylane';
import { expect, it } from 'vitest';
import { startKafkaProxy } from '../support/kafka-proxy/proxy.ts';
import { next } from '../support/queue-rig.ts';
import { enqueueAnyhow, startUncleanWorld, tasks } from '../support/unclean-election.ts';

const groups = ['q', 'late'];

function queueOf(kafka: Kafka): TaskQueue<typeof tasks> {
  const topic = { partitions: 1, replicationFactor: 2, minInsyncReplicas: 1 };
  return new TaskQueue({ name: 'q', tasks, kafka, topic, groups, logger: silentLogger });
}

/** A worker of a group, with the numbers that it has seen. */
function workerOf(queue: TaskQueue<typeof tasks>, group: string): { worker: Worker; seen: number[] } {
  const seen: number[] = [];
  const options = { group, commitIntervalMs: 50, logger: silentLogger };
  return { worker: queue.worker({ work: ({ n }) => void seen.push(n) }, options), seen };
}

it('a log that was cut off is noticed when it has grown beyond what was read before anybody looked', async () => {
  await using world = await startUncleanWorld();
  const { bootstrap } = world.cluster;
  await using proxy = await startKafkaProxy(bootstrap);
  const kafka = connectKafka({ brokers: bootstrap.split(',') });
  const cutOff = connectKafka({ brokers: proxy.bootstrap.split(',') });
  try {
    const queue = queueOf(kafka);
    const behind = workerOf(queueOf(cutOff), 'q');
    const before = workerOf(queue, 'late');
    await Promise.all([behind.worker.start(), before.worker.start()]);
    for (let n = 0; n < 10; n += 1) await queue.enqueue('work', { key: 'k', n });
    await world.loseEnd(async () => {
      const done = [behind, before].map(({ worker }) =>
        next(worker, 'committed', ({ offset }) => offset === 20n),
      );
      for (let n = 10; n < 20; n += 1) await queue.enqueue('work', { key: 'k', n });
      await Promise.all(done);
      await before.worker.stop();
      // From here on the other one neither reads nor looks.
      for (const api of ['fetch', 'listOffsets', 'offsetForLeaderEpoch', 'metadata'] as const)
        proxy.inject({ api, times: Number.POSITIVE_INFINITY, action: { kind: 'cut' } });
    });
    const numbers = Array.from({ length: 30 }, (_, i) => 20 + i);
    for (const n of numbers) await enqueueAnyhow(queue, n);
    const after = workerOf(queue, 'late');
    for (const { worker, seen } of [after, behind]) {
      const halted = next(worker, 'partition-halted');
      seen.length = 0;
      if (worker === after.worker) await worker.start();
      else proxy.heal();
      const { reason, from, to } = await halted;
      expect({ reason, from, to, seen }).toEqual({ reason: 'data-loss', from: 10n, to: 20n, seen: [] });
      const group = worker === after.worker ? 'late' : 'q';
      const receipt = await queue.pending.acceptLoss({ group, partition: 0, below: to, waitMs: 60_000 });
      expect(receipt.outcome).toBe('accepted');
      await expect.poll(() => seen.at(-1), { timeout: 30_000 }).toBe(numbers.at(-1));
      expect([...new Set(seen)]).toEqual(numbers);
    }
  } finally {
    await Promise.all([kafka.close(), cutOff.close()]);
  }
});

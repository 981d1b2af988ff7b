import { connectKafka, silentLogger, TaskQueue } from 'keylane';
import { expect, it } from 'vitest';
import { next } from '../support/queue-rig.ts';
import { enqueueAnyhow, startUncleanWorld, tasks } from '../support/unclean-election.ts';

it('an election that loses the end of a log halts its partition; accepted, nothing that came since is passed over', async () => {
  await using world = await startUncleanWorld();
  const kafka = connectKafka({ brokers: world.cluster.bootstrap.split(',') });
  const queue = new TaskQueue({
    name: 'q',
    tasks,
    kafka,
    topic: { partitions: 1, replicationFactor: 2, minInsyncReplicas: 1 },
    logger: silentLogger,
  });
  try {
    const seen: number[] = [];
    const worker = queue.worker(
      { work: ({ n }) => void seen.push(n) },
      { commitIntervalMs: 50, logger: silentLogger },
    );
    await worker.start();
    const firstTen = next(worker, 'committed', ({ offset }) => offset === 10n);
    for (let n = 0; n < 10; n += 1) await queue.enqueue('work', { key: 'k', n });
    await firstTen;
    const halted = next(worker, 'partition-halted');
    await world.loseEnd(async () => {
      const nextTen = next(worker, 'committed', ({ offset }) => offset === 20n);
      for (let n = 10; n < 20; n += 1) await queue.enqueue('work', { key: 'k', n });
      await nextTen;
    });
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
  }
});

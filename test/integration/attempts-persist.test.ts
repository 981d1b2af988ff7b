import { randomUUID } from 'node:crypto';
import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue, type WorkerOptions } from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const tasks = {
  work: defineTask({ schema: z.object({ key: z.string() }), key: ({ key }) => key }),
};

/** A process: its worker runs until the task of `bad` has failed so often, or was given up. */
async function attemptsOf(
  name: string,
  options: WorkerOptions<typeof tasks>,
  stopAfter: number,
): Promise<{ attempts: number[]; gaveUp: number | undefined; tookMs: number }> {
  const kafka: Kafka = connectKafka({ brokers: kafkaBrokers() });
  const queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 1 }, logger: silentLogger });
  try {
    const attempts: number[] = [];
    let gaveUp: number | undefined;
    let firstMs = 0;
    let tookMs = 0;
    const worker = queue.worker(
      {
        work: ({ key }, { attempt }) => {
          if (key !== 'bad') return;
          attempts.push(attempt);
          firstMs ||= performance.now();
          throw new Error('not yet');
        },
      },
      { afterGiveUp: 'wait', logger: silentLogger, ...options },
    );
    const enough = new Promise<void>((resolve) => {
      worker.on('task-failed', () => attempts.length >= stopAfter && resolve());
      worker.on('key-held', (event) => {
        gaveUp = event.attempts;
        tookMs = performance.now() - firstMs;
        resolve();
      });
    });
    await worker.start();
    await enough;
    await worker.stop();
    return { attempts, gaveUp, tookMs };
  } finally {
    await queue.close();
    await kafka.close();
  }
}

async function enqueue(name: string, ...keys: string[]): Promise<void> {
  const kafka = connectKafka({ brokers: kafkaBrokers() });
  const queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 1 }, logger: silentLogger });
  await Promise.all(keys.map((key) => queue.enqueue('work', { key })));
  await queue.close();
  await kafka.close();
}

it('tries are counted over restarts, and a task gives up after as many as it may have', async () => {
  const name = `attempts-${randomUUID()}`;
  await enqueue(name, 'a', 'bad', 'b', 'bad');
  const options = { retry: { minDelayMs: 10, maxDelayMs: 10, maxAttempts: 5 } };
  expect(await attemptsOf(name, options, 2)).toMatchObject({ attempts: [1, 2], gaveUp: undefined });
  expect(await attemptsOf(name, options, 2)).toMatchObject({ attempts: [3, 4], gaveUp: undefined });
  expect(await attemptsOf(name, options, 2)).toMatchObject({ attempts: [5], gaveUp: 5 });
});

it('the time since the first failure goes on over restarts', async () => {
  const name = `attempts-${randomUUID()}`;
  await enqueue(name, 'bad');
  const options = { retry: { minDelayMs: 10, maxDelayMs: 10, giveUpAfterMs: 2_500 } };
  const first = await attemptsOf(name, options, 1);
  expect(first).toMatchObject({ attempts: [1], gaveUp: undefined });
  const second = await attemptsOf(name, options, Number.POSITIVE_INFINITY);
  expect(second.attempts[0]).toBe(2);
  expect(second.gaveUp).toBe(second.attempts.length + 1);
  // Counted from its own first try it would have been as long as the whole time.
  expect(second.tookMs).toBeLessThan(2_500);
});

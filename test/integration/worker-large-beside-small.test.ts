import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { connectKafka, defineTask, silentLogger, TaskQueue } from 'keylane';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const schema = z.object({ key: z.string() });
const tasks = {
  note: defineTask({ schema, key: ({ key }) => key }),
  video: defineTask({ schema, key: ({ key }) => key, body: 'stream' }),
};

const LARGE_COUNT = 5;
const SMALL_COUNT = 300;
const BODY_BYTES = 12_000_000;
/** Room for the window of one large body, not of two. */
const BUDGET_BYTES = 16 * 1024 * 1024;

test('large bodies with slow handlers run one after the other within the budget; small tasks of the same partition go on, and each large one has its turn', async () => {
  await using kafka = connectKafka({ brokers: kafkaBrokers(), budgetBytes: BUDGET_BYTES });
  const name = `mixed-${randomUUID()}`;
  await using queue = new TaskQueue({
    name,
    tasks,
    kafka,
    topic: { partitions: 1 },
    logger: silentLogger,
  });
  let openGate: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    openGate = resolve;
  });
  let atOnce = 0;
  let mostAtOnce = 0;
  let notes = 0;
  const ends: string[] = [];
  const worker = queue.worker(
    {
      note: () => {
        notes += 1;
      },
      video: async ({ key }, { body }) => {
        atOnce += 1;
        mostAtOnce = Math.max(mostAtOnce, atOnce);
        let bytes = 0;
        for await (const chunk of body) {
          bytes += (chunk as Buffer).length; // it has no encoding
          await gate;
        }
        expect(bytes).toBe(BODY_BYTES);
        atOnce -= 1;
        ends.push(key);
      },
    },
    { logger: silentLogger, concurrency: LARGE_COUNT },
  );
  const large = Array.from({ length: LARGE_COUNT }, (_, n) => `large ${n}`);
  for (const key of large) {
    const body = Readable.from([randomBytes(BODY_BYTES)]);
    await queue.enqueue('video', { key }, { body });
  }
  if (!(kafka instanceof KafkaConnection)) throw new Error('another connection');
  const { budget } = kafka;
  let mostBytes = 0;
  const watch = setInterval(() => {
    mostBytes = Math.max(mostBytes, budget.usedBytes);
  }, 5);
  await worker.start();
  await queue.enqueueMany(
    Array.from({ length: SMALL_COUNT }, (_, n) => ({ type: 'note' as const, payload: { key: `note ${n}` } })),
  );
  // With a slot for each large one none would be left, did those take slots before they have memory.
  await expect.poll(() => notes, { timeout: 30_000 }).toBe(SMALL_COUNT);
  expect([atOnce, ends]).toEqual([1, []]);
  openGate();
  await expect.poll(() => ends, { timeout: 60_000 }).toEqual(large);
  await expect.poll(() => budget.usedBytes, { timeout: 10_000 }).toBe(0);
  clearInterval(watch);
  expect(mostAtOnce).toBe(1);
  expect(mostBytes).toBeGreaterThan(7_000_000);
  expect(mostBytes).toBeLessThanOrEqual(BUDGET_BYTES);
});

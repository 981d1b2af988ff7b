import { randomUUID } from 'node:crypto';
import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue, type Worker } from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const tasks = {
  work: defineTask({ schema: z.object({ key: z.string(), n: z.number() }), key: ({ key }) => key }),
};

const KEYS = 30;

/** A connection of its own, like another process. */
function newProcess(name: string): { kafka: Kafka; queue: TaskQueue<typeof tasks> } {
  const kafka = connectKafka({ brokers: kafkaBrokers() });
  const queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 6 }, logger: silentLogger });
  return { kafka, queue };
}

it.each(['classic', 'consumer'] as const)(
  'workers come and go under load: every task once, each key in order, a failing one included (%s)',
  async (protocol) => {
    const name = `hand-over-${randomUUID()}`;
    const first = newProcess(name);
    const second = newProcess(name);
    const seen: string[] = [];
    const alive = new Set<string>();
    let failures = 0;
    let changed: () => void = () => {};
    const handle = async ({ key, n }: { key: string; n: number }): Promise<void> => {
      expect(alive.has(key)).toBe(false);
      alive.add(key);
      await new Promise((resolve) => setTimeout(resolve, 4)); // the handler's work
      alive.delete(key);
      if (key === 'key 7' && n === 3 && failures < 3) {
        failures += 1;
        throw new Error('not yet');
      }
      seen.push(`${key} ${n}`);
      changed();
    };
    const until = async (count: number): Promise<void> => {
      while (seen.length < count) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    };
    const start = async (queue: TaskQueue<typeof tasks>): Promise<Worker> => {
      const worker = queue.worker(
        { work: handle },
        { concurrency: 8, rebalance: { protocol }, retry: { minDelayMs: 20 }, logger: silentLogger },
      );
      const started = new Promise<void>((resolve) => {
        worker.on('partition-started', () => resolve());
      });
      await worker.start();
      await started;
      return worker;
    };
    try {
      // One task of every key a round, for as long as workers come and go.
      let rounds = 0;
      let over = false;
      const load = (async () => {
        for (; !over; rounds += 1) {
          const n = rounds;
          await Promise.all(
            Array.from({ length: KEYS }, (_, key) => first.queue.enqueue('work', { key: `key ${key}`, n })),
          );
        }
      })();
      const leaving = await start(first.queue);
      await until(50);
      const staying = await start(second.queue);
      await until(seen.length + 100);
      await leaving.stop();
      await until(seen.length + 100);
      over = true;
      await load;
      await until(KEYS * rounds);
      await staying.stop();
      expect(seen).toHaveLength(KEYS * rounds);
      expect(failures).toBe(3);
      for (let key = 0; key < KEYS; key += 1) {
        expect(seen.filter((entry) => entry.startsWith(`key ${key} `))).toEqual(
          Array.from({ length: rounds }, (_, n) => `key ${key} ${n}`),
        );
      }
    } finally {
      for (const { kafka, queue } of [first, second]) {
        await queue.close();
        await kafka.close();
      }
    }
  },
);

import { randomUUID } from 'node:crypto';
import { connectKafka, defineTask, type Kafka, ParkError, silentLogger, TaskQueue } from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { next } from '../support/queue-rig.ts';

const tasks = {
  work: defineTask({
    schema: z.object({ key: z.string(), n: z.number(), text: z.string() }),
    key: ({ key }) => key,
  }),
};
const HEALTHY = 40;
const BEHIND = 500;

/** A connection of its own, like another process. */
function newProcess(name: string): { kafka: Kafka; queue: TaskQueue<typeof tasks> } {
  const kafka = connectKafka({ brokers: kafkaBrokers() });
  const queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 1 }, logger: silentLogger });
  return { kafka, queue };
}

it('a poison task parks its key whole; a later worker redrives it in order while more of it is enqueued', async () => {
  const name = `parks-${randomUUID()}`;
  const [first, second] = [newProcess(name), newProcess(name)];
  const text = 'x'.repeat(2_000);
  const enqueue = async (key: string, from: number, to: number): Promise<void> => {
    const numbers = Array.from({ length: to - from }, (_, i) => from + i);
    await Promise.all(numbers.map((n) => first.queue.enqueue('work', { key, n, text })));
  };
  let poisoned = true;
  const seen = new Map<string, number[]>();
  const handle = ({ key, n }: { key: string; n: number }): void => {
    if (poisoned && key === 'sick' && n === 3) throw new ParkError('cannot be done');
    const numbers = seen.get(key) ?? [];
    numbers.push(n);
    seen.set(key, numbers);
  };
  const range = (to: number): number[] => Array.from({ length: to }, (_, n) => n);
  const options = { concurrency: 8, commitIntervalMs: 50, logger: silentLogger };
  try {
    await enqueue('sick', 0, BEHIND);
    await Promise.all(range(HEALTHY).map((key) => enqueue(`well ${key}`, 0, 5)));
    const before = first.queue.worker({ work: handle }, options);
    const parked = next(before, 'key-parked');
    const all = BEHIND + HEALTHY * 5;
    const committed = next(before, 'committed', ({ offset }) => offset === BigInt(all + 50));
    await before.start();
    expect(await parked).toMatchObject({ key: 'sick', scope: 'key', offset: 3n, reason: 'asked' });
    await enqueue('sick', BEHIND, BEHIND + 50);
    await committed; // the parked key holds nothing back
    expect(seen.get('sick')).toEqual([0, 1, 2]);
    for (const key of range(HEALTHY)) expect(seen.get(`well ${key}`)).toEqual(range(5));
    await before.stop();

    await enqueue('sick', BEHIND + 50, BEHIND + 60);
    const after = second.queue.worker({ work: handle }, options);
    await after.start();
    poisoned = false;
    let redriven = false;
    const ended = next(after, 'key-redriven').then((event) => {
      redriven = true;
      return event;
    });
    await second.queue.parked.redrive({ key: 'sick' });
    let count = BEHIND + 60;
    while (!redriven) {
      await enqueue('sick', count, count + 10);
      count += 10;
    }
    const last = next(
      after,
      'task-finished',
      ({ key, offset }) => key === 'sick' && offset >= BigInt(all + count - BEHIND),
    );
    await enqueue('sick', count, count + 1);
    await last;
    expect(seen.get('sick')).toEqual(range(count + 1));
    expect(await ended).toMatchObject({ key: 'sick' });
    expect((await second.queue.parked.list()).parked).toEqual([]);
    await after.stop();
  } finally {
    for (const { kafka, queue } of [first, second]) {
      await queue.close();
      await kafka.close();
    }
  }
});

import { randomBytes, randomUUID } from 'node:crypto';
import { connectKafka, defineTask, ParkError, silentLogger, TaskQueue } from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('shows a parked payload of 2 MB that was parked in parts', async () => {
  const tasks = {
    note: defineTask({ schema: z.object({ key: z.string(), text: z.string() }), key: ({ key }) => key }),
  };
  await using kafka = connectKafka({ brokers: kafkaBrokers() });
  const name = `shown-${randomUUID()}`;
  await using queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 2 }, logger: silentLogger });
  const refuse = (): never => {
    throw new ParkError('not this one');
  };
  await using worker = queue.worker({ note: refuse }, { logger: silentLogger });
  const parked = new Promise((resolve) => worker.on('key-parked', resolve));
  await worker.start();
  const text = randomBytes(1_500_000).toString('base64');
  await queue.enqueue('note', { key: 'a', text }, { id: 'large' });
  await parked;
  for (;;) {
    const seen: unknown[] = [];
    for await (const task of queue.parked.show({ key: 'a' }, { payload: true })) seen.push(task);
    if (seen.length === 0) continue; // marked and not copied yet
    expect(seen).toMatchObject([{ id: 'large', payload: { key: 'a', text }, payloadProblem: undefined }]);
    return;
  }
});

import {
  DiscardError,
  defineTask,
  type Kafka,
  ParkError,
  silentLogger,
  TaskQueue,
  type Worker,
} from 'keylane';
import { runTask, testKafka } from 'keylane/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

const tasks = {
  'order.paid': defineTask({
    schema: z.object({ orderId: z.string(), amount: z.number() }),
    key: ({ orderId }) => orderId,
  }),
};

let kafka: Kafka;
let queue: TaskQueue<typeof tasks>;
beforeEach(() => {
  kafka = testKafka();
  queue = new TaskQueue({ name: 'orders', tasks, kafka, topic: { partitions: 4 }, logger: silentLogger });
});
afterEach(async () => {
  await queue.close();
  await kafka.close();
});

async function started(handle: (orderId: string, amount: number) => Promise<void>): Promise<Worker> {
  const worker = queue.worker({ 'order.paid': ({ orderId, amount }) => handle(orderId, amount) });
  await worker.start();
  return worker;
}

describe('testKafka', () => {
  it('runs handlers without a broker, each key in its order', async () => {
    const seen: string[] = [];
    const amounts = Array.from({ length: 20 }, (_, amount) => amount);
    await Promise.all(
      ['a', 'b', 'c'].flatMap((orderId) =>
        amounts.map((amount) => queue.enqueue('order.paid', { orderId, amount })),
      ),
    );
    const done = new Promise<void>((resolve) => {
      void started(async (orderId, amount) => {
        seen.push(`${orderId}${amount}`);
        if (seen.length === 60) resolve();
      });
    });
    await done;
    for (const key of ['a', 'b', 'c']) {
      expect(seen.filter((entry) => entry.startsWith(key))).toEqual(
        amounts.map((amount) => `${key}${amount}`),
      );
    }
  });

  it('is empty, whatever another one holds', async () => {
    await queue.enqueue('order.paid', { orderId: '7', amount: 1 });
    await using other = testKafka();
    await using elsewhere = new TaskQueue({ name: 'orders', tasks, kafka: other, topic: { partitions: 4 } });
    const receipt = await elsewhere.enqueue('order.paid', { orderId: '7', amount: 1 });
    expect(receipt.offset).toBe(0n);
  });
});

describe('runTask', () => {
  it('says that the handler finished', async () => {
    const paid: unknown[] = [];
    const worker = await started(async (...order) => void paid.push(order));
    const end = await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7', amount: 12 }));
    expect(end).toMatchObject({ kind: 'finished', receipt: { topic: 'orders' } });
    expect(paid).toEqual([['7', 12]]);
  });

  it('hands out what the handler threw', async () => {
    const worker = await started(() => Promise.reject(new Error('no such order')));
    const end = await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7', amount: 12 }));
    expect(end).toMatchObject({ kind: 'failed', error: new Error('no such order') });
  });

  it('says that the handler discarded the task', async () => {
    const worker = await started(() => Promise.reject(new DiscardError('too old')));
    const end = await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7', amount: 12 }));
    expect(end).toMatchObject({ kind: 'discarded', reason: 'too old' });
  });

  it('says that the task was parked; it can be redriven, in order, as on brokers', async () => {
    const paid: number[] = [];
    let isFixed = false;
    const worker = await started(async (_orderId, amount) => {
      if (amount === 12 && !isFixed) throw new ParkError('no such account');
      paid.push(amount);
    });
    const end = await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7', amount: 12 }));
    expect(end).toMatchObject({ kind: 'parked', reason: 'asked' });
    await queue.enqueue('order.paid', { orderId: '7', amount: 13 });
    isFixed = true;
    const { commands } = await queue.parked.redrive({ key: '7' }, { waitMs: 15_000 });
    expect(commands).toMatchObject([{ outcome: 'redriven' }]);
    await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7', amount: 14 }));
    expect(paid).toEqual([12, 13, 14]);
  });

  it('says that the task holds its key', async () => {
    const worker = queue.worker(
      { 'order.paid': () => Promise.reject(new Error('no such order')) },
      { retry: { maxAttempts: 1 }, afterGiveUp: 'wait' },
    );
    await worker.start();
    const end = await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7', amount: 12 }));
    expect(end).toMatchObject({ kind: 'held', reason: 'gave-up', error: new Error('no such order') });
  });

  it('rejects as enqueue does', async () => {
    const worker = await started(() => Promise.resolve());
    const wrong = { orderId: '', amount: 1 };
    await expect(runTask(worker, () => queue.enqueue('order.paid', wrong))).rejects.toMatchObject({
      code: 'KEY_INVALID',
    });
  });
});

it('runTask waits for the task of a batch handler as for any other', async () => {
  const sizes: number[] = [];
  const worker = queue.worker({
    'order.paid': {
      batch: { maxSize: 10, maxWaitMs: 5 },
      handle: (batch) => {
        sizes.push(batch.length);
        for (const { payload, fail } of batch) if (payload.amount < 0) fail(new DiscardError('nothing paid'));
      },
    },
  });
  await worker.start();
  const paid = await runTask(worker, () => queue.enqueue('order.paid', { orderId: 'a', amount: 5 }));
  expect(paid.kind).toBe('finished');
  const none = await runTask(worker, () => queue.enqueue('order.paid', { orderId: 'b', amount: -5 }));
  expect(none).toMatchObject({ kind: 'discarded', reason: 'nothing paid' });
  expect(sizes).toEqual([1, 1]);
});

it('runTask runs tasks with bodies, large ones too', async () => {
  const media = new TaskQueue({
    name: 'media',
    tasks: {
      video: defineTask({ schema: z.object({ id: z.string() }), key: ({ id }) => id, body: 'stream' }),
    },
    kafka,
    logger: silentLogger,
  });
  const body = Buffer.alloc(2_500_000, 'a video, ');
  const lengths: number[] = [];
  const worker = media.worker({
    video: async (_payload, ctx) => {
      const { length } = await ctx.body.bytes({ maxBytes: 3_000_000 });
      lengths.push(length);
    },
  });
  await worker.start();
  const { kind } = await runTask(worker, () => media.enqueue('video', { id: 'a' }, { body }));
  expect([kind, lengths]).toEqual(['finished', [body.length]]);
  await media.close();
});

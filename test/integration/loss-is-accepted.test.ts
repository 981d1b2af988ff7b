import { randomUUID } from 'node:crypto';
import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue, type Worker } from 'keylane';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { partitionOf } from '../../src/codec/partition.ts';
import { clusterAdmin } from '../faults/cluster-admin.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { next } from '../support/queue-rig.ts';

const tasks = {
  work: defineTask({
    schema: z.object({ key: z.string(), n: z.number(), text: z.string() }),
    key: ({ key }) => key,
  }),
};
const PARTITIONS = 2;
const WAIT = { waitMs: 60_000 };

const admin = clusterAdmin(kafkaBrokers());
afterAll(() => admin.close());

interface Process {
  readonly kafka: Kafka;
  readonly queue: TaskQueue<typeof tasks>;
}

/** A connection of its own, like another process. */
function newProcess(name: string): Process {
  const kafka = connectKafka({ brokers: kafkaBrokers(), budgetBytes: 16 * 1024 * 1024 });
  const queue = new TaskQueue({
    name,
    tasks,
    kafka,
    topic: { partitions: PARTITIONS },
    logger: silentLogger,
  });
  return { kafka, queue };
}

async function end(...processes: readonly Process[]): Promise<void> {
  for (const { kafka, queue } of processes) {
    await queue.close();
    await kafka.close();
  }
}

/** A key in each partition, and a task of each. */
async function keysOf({ queue }: Process): Promise<[string, string]> {
  const keyIn = (partition: number): string => {
    for (let i = 0; ; i += 1)
      if (partitionOf(Buffer.from(`key ${i}`), PARTITIONS) === partition) return `key ${i}`;
  };
  const keys: [string, string] = [keyIn(0), keyIn(1)];
  for (const key of keys) await queue.enqueue('work', { key, n: -1, text: '' });
  return keys;
}

/** Resolves when it has both partitions, and has done what is in them: the first task of each, and 20 more in one. */
async function bothWorked(worker: Worker): Promise<void> {
  await Promise.all(
    [21n, 1n].map((least, number) =>
      next(worker, 'committed', ({ partition, offset }) => partition === number && offset >= least),
    ),
  );
}

async function enqueue(
  { queue }: Process,
  key: string,
  numbers: readonly number[],
  text = '',
): Promise<void> {
  await Promise.all(numbers.map((n) => queue.enqueue('work', { key, n, text })));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

it('records that are deleted under a running worker stop their partition alone, until that is accepted', async () => {
  const name = `loss-${randomUUID()}`;
  const process = newProcess(name);
  const [lossy, other] = await keysOf(process);
  const seen = new Map<string, number[]>([
    [lossy, []],
    [other, []],
  ]);
  let release: () => void = () => {};
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handle = async ({ key, n }: { key: string; n: number }): Promise<void> => {
    if (key === lossy && n === 0) await blocked;
    seen.get(key)?.push(n);
  };
  try {
    const worker = process.queue.worker({ work: handle }, { commitIntervalMs: 50, logger: silentLogger });
    const begun = next(worker, 'task-started', ({ key, attempt }) => key === lossy && attempt === 1);
    await worker.start();
    await begun;
    // More than the process may hold: the rest is not read yet.
    const text = 'x'.repeat(400_000);
    await enqueue(process, lossy, range(0, 200), text);
    const halted = next(worker, 'partition-halted');
    const [log] = await admin.logs(name, PARTITIONS);
    const gone = (log?.end ?? 0) - 10;
    await admin.deleteRecords(name, 0, gone);
    const { partition, reason, from, to } = await halted;
    expect({ partition, reason, to }).toEqual({ partition: 0, reason: 'data-loss', to: BigInt(gone) });
    expect(from).toBeLessThan(to);
    release();
    expect(worker.health()).toMatchObject({
      status: 'degraded',
      partitions: expect.arrayContaining([
        expect.objectContaining({ partition: 0, halted: { reason, from, to } }),
      ]),
    });
    await enqueue(process, other, [1]);
    await expect.poll(() => seen.get(other)).toContain(1);

    const { pending } = process.queue;
    expect(await pending.acceptLoss({ partition: 0, below: to - 1n, ...WAIT })).toMatchObject({
      outcome: 'not-enough',
    });
    await expect(pending.acceptLoss({ partition: 0, below: to + 1_000n })).rejects.toMatchObject({
      code: 'LOSS_REFUSED',
    });
    const started = next(worker, 'partition-started');
    const note = next(worker, 'partition-note');
    expect(await pending.acceptLoss({ partition: 0, below: to, by: 'test', ...WAIT })).toMatchObject({
      outcome: 'accepted',
    });
    expect(await note).toMatchObject({ note: { kind: 'loss-accepted', by: 'test' } });
    expect(await started).toMatchObject({ partition: 0, offset: to });
    const last = next(
      worker,
      'task-finished',
      (event) => event.key === lossy && event.offset === BigInt(gone + 10),
    );
    await enqueue(process, lossy, [1_000]);
    await last;
    expect(seen.get(lossy)?.slice(-11)).toEqual([...range(190, 200), 1_000]);
    expect(await pending.acceptLoss({ partition: 0, below: to, ...WAIT })).toMatchObject({
      outcome: 'nothing-lost',
    });
    expect(worker.health().status).toBe('ok');
  } finally {
    release();
    await end(process);
  }
});

it.each(['consumer', 'classic'] as const)(
  'a topic that is made anew under a running worker is worked on from its start, once that is accepted (%s)',
  async (protocol) => {
    const name = `anew-${randomUUID()}`;
    const [process, later] = [newProcess(name), newProcess(name)];
    const [first] = await keysOf(process);
    const seen: number[] = [];
    const worker = process.queue.worker(
      { work: ({ n }) => void seen.push(n) },
      { commitIntervalMs: 50, rebalance: { protocol }, logger: silentLogger },
    );
    try {
      const worked = bothWorked(worker);
      await worker.start();
      await enqueue(process, first, range(0, 20));
      await worked;
      const halts = [0, 1].map((partition) =>
        next(worker, 'partition-halted', (event) => event.partition === partition),
      );
      await admin.deleteTopic(name);
      await enqueue(later, first, range(100, 110)); // whoever needs it makes it anew
      seen.length = 0;
      for (const halted of halts) {
        const { partition, reason, to } = await halted;
        expect(reason).toBe('topic-recreated');
        const receipt = await later.queue.pending.acceptLoss({ partition, below: to, ...WAIT });
        expect([partition, receipt.outcome]).toEqual([partition, 'accepted']);
      }
      const last = next(worker, 'task-finished', ({ offset }) => offset === 10n);
      await enqueue(later, first, [110]);
      await last;
      expect(seen).toEqual(range(100, 111));
    } finally {
      await end(process, later);
    }
  },
);

it('a state topic that is made anew under a running worker halts all, and work goes on where it was', async () => {
  const name = `state-${randomUUID()}`;
  const [process, later] = [newProcess(name), newProcess(name)];
  const [first] = await keysOf(process);
  const seen: number[] = [];
  const worker = process.queue.worker(
    { work: ({ n }) => void seen.push(n) },
    { commitIntervalMs: 50, logger: silentLogger },
  );
  try {
    const worked = bothWorked(worker);
    await worker.start();
    await enqueue(process, first, range(0, 20));
    await worked;
    const halts = [0, 1].map((partition) =>
      next(worker, 'partition-halted', (event) => event.partition === partition),
    );
    await admin.deleteTopic(`${name}.state`);
    await later.queue.pending.holds(); // whoever needs it makes it anew
    seen.length = 0;
    for (const halted of halts) {
      const { partition, reason, to } = await halted;
      expect(reason).toBe('state-topic-lost');
      const receipt = await later.queue.pending.acceptLoss({ partition, below: to, ...WAIT });
      expect([partition, receipt.outcome]).toEqual([partition, 'accepted']);
    }
    const last = next(worker, 'task-finished', ({ key }) => key === first);
    await enqueue(later, first, [20]);
    await last;
    expect(seen).toEqual([20]);
  } finally {
    await end(process, later);
  }
});

it("a group's offsets that are gone are no loss: the journal knows where it was", async () => {
  const name = `offsets-${randomUUID()}`;
  const process = newProcess(name);
  const [first] = await keysOf(process);
  const seen: number[] = [];
  const options = { commitIntervalMs: 50, logger: silentLogger };
  const newWorker = (): Worker => process.queue.worker({ work: ({ n }) => void seen.push(n) }, options);
  try {
    const before = newWorker();
    const worked = bothWorked(before);
    await before.start();
    await enqueue(process, first, range(0, 20));
    await worked;
    await before.stop();
    await admin.untilEmpty(name, 30_000);
    await admin.deleteOffsets(name, name, PARTITIONS);
    seen.length = 0;
    const after = newWorker();
    const note = next(after, 'partition-note', ({ partition }) => partition === 0);
    const finished = next(after, 'task-finished');
    await after.start();
    expect(await note).toMatchObject({ note: { kind: 'committed-offset-missing' } });
    await enqueue(process, first, [20]);
    await finished;
    expect(seen).toEqual([20]);
  } finally {
    await end(process);
  }
});

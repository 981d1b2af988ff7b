import { randomBytes, randomUUID } from 'node:crypto';
import {
  connectKafka,
  defineTask,
  type Kafka,
  ParkError,
  silentLogger,
  TaskQueue,
  type Worker,
  type WorkerEvents,
} from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Admin, LogEnds } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const tasks = {
  work: defineTask({ schema: z.object({ key: z.string(), n: z.number() }), key: ({ key }) => key }),
  film: defineTask({ schema: z.object({ key: z.string() }), key: ({ key }) => key, body: 'stream' }),
};
const PARTITIONS = 2;
const TASKS = 40;

type Handle = (job: { key: string; n: number }) => unknown;

/** A worker of a group in a process of its own; everything finished goes after a second, and parts soon after. */
class Process {
  readonly kafka: Kafka = connectKafka({ brokers: kafkaBrokers() });
  readonly queue: TaskQueue<typeof tasks>;
  readonly worker: Worker;
  readonly frontiers = new Map<number, bigint>();

  constructor(name: string, group: string, handle: Handle) {
    this.queue = new TaskQueue({
      name,
      tasks,
      kafka: this.kafka,
      topic: { partitions: PARTITIONS },
      groups: [name, `${name}-slow`],
      retention: { keepFinishedMs: 1_000 },
      uploadTimeoutMs: 5_000,
      logger: silentLogger,
    });
    this.worker = this.queue.worker(
      { work: handle, film: async (_job, { body }) => void (await body.bytes({ maxBytes: 10_000_000 })) },
      { group, commitIntervalMs: 100, logger: silentLogger },
    );
    this.worker.on('committed', ({ partition, offset }) => this.frontiers.set(partition, offset));
  }

  /** Resolves with the first event that fits; listens at once. */
  next<K extends keyof WorkerEvents>(
    name: K,
    fits: (event: WorkerEvents[K]) => boolean,
  ): Promise<WorkerEvents[K]> {
    return new Promise((resolve) => {
      const off = this.worker.on(name, (event) => {
        if (!fits(event)) return;
        off();
        resolve(event);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
    await this.kafka.close();
  }
}

async function endsOf(admin: Admin, topic: string): Promise<readonly LogEnds[]> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  return admin.logEnds(partitions);
}

/** Looks until a topic's logs are empty. Nothing else writes to it meanwhile. */
async function untilEmpty(admin: Admin, topic: string): Promise<void> {
  for (;;) {
    const ends = await endsOf(admin, topic);
    if (ends.every(({ start, end }) => start === end)) return;
  }
}

async function* failing(bytes: number): AsyncGenerator<Buffer> {
  for (let sent = 0; sent < bytes; sent += 100_000) yield randomBytes(100_000);
  throw new Error('the source fails');
}

it('logs begin where all groups have come to: idle partitions, orphaned parts and redriven tasks go, and nothing before', async () => {
  const name = `retention-${randomUUID()}`;
  let sick = true;
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using fast = new Process(name, name, ({ key }) => {
    if (key === 'sick' && sick) throw new ParkError('not now');
  });
  await using slow = new Process(name, `${name}-slow`, async ({ n }) => {
    if (n >= 10) await gate;
  });
  const beyond: string[] = [];
  const purged: WorkerEvents['purged'][] = [];
  for (const { worker } of [fast, slow]) {
    worker.on('purged', (event) => {
      purged.push(event);
      if (event.topic !== name) return;
      const { partition, below } = event;
      for (const { frontiers } of [fast, slow]) {
        if (below > (frontiers.get(partition) ?? 0n)) beyond.push(`${partition}: ${below}`);
      }
    });
  }
  const parked = fast.next('key-parked', () => true);
  const pinned = fast.next('retention-pinned', ({ worst }) =>
    worst.some(({ topic, by }) => topic === name && by.kind === 'task' && by.group === `${name}-slow`),
  );
  await Promise.all([fast.worker.start(), slow.worker.start()]);
  for (let n = 0; n < TASKS; n += 1) await fast.queue.enqueue('work', { key: `key ${n % 8}`, n });
  await fast.queue.enqueue('work', { key: 'sick', n: 0 });
  const source = fast.queue.enqueue('film', { key: 'film' }, { body: failing(3_000_000) });
  await expect(source).rejects.toMatchObject({ outcome: 'absent' });
  await fast.queue.enqueue('film', { key: 'film' }, { body: randomBytes(2_000_000) });
  await parked;
  const admin = await platformaticAdmin({
    brokers: kafkaBrokers(),
    clientId: 'retention-test',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 10_000,
  });
  try {
    // The slow group has begun and holds the others up: what is old is there still, and it is said who needs it.
    await pinned;
    const held = await endsOf(admin, name);
    expect(held.some(({ start, end }) => start < end)).toBe(true);
    const parts = await endsOf(admin, `${name}.parts`);
    expect(parts.some(({ start, end }) => start < end)).toBe(true);
    release();
    // From here on nothing is enqueued: all partitions are idle.
    await untilEmpty(admin, name);
    await untilEmpty(admin, `${name}.parts`);
    const copies = await endsOf(admin, `${name}.parked`);
    expect(copies.some(({ start, end }) => start < end)).toBe(true);
    sick = false;
    const gone = [fast, slow].map((one) => one.next('purged', ({ topic }) => topic === `${name}.parked`));
    await fast.queue.parked.redrive({ key: 'sick' }, { waitMs: 30_000 });
    await untilEmpty(admin, `${name}.parked`);
    await Promise.race(gone);
  } finally {
    await admin.close();
  }
  expect(beyond).toEqual([]);
  expect(new Set(purged.map(({ topic }) => topic))).toEqual(
    new Set([name, `${name}.parts`, `${name}.parked`]),
  );
});

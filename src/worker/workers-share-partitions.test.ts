import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { watchedDriver } from '../../test/support/watched-driver.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import type { WorkerEvents } from './worker-events.ts';

describe('several workers', () => {
  it('of one group in one process share the work: every task once', async () => {
    await using rig = new QueueRig({ topic: { partitions: 4 } });
    const seen: string[] = [];
    const all = new Signal();
    const handle = ({ key, n }: { key: string; n: number }): void => {
      seen.push(`${key} ${n}`);
      if (seen.length === 80) all.resolve();
    };
    const first = await rig.started(handle);
    const second = rig.worker(handle);
    const taken = next(second, 'partition-started');
    await second.start();
    await taken;
    await rig.enqueue(...Array.from({ length: 80 }, (_, n) => `key ${n % 20}`));
    await all.promise;
    expect(new Set(seen).size).toBe(80);
    expect(first.health().partitions.length + second.health().partitions.length).toBe(4);
    await first.stop();
    await second.stop();
    expect(seen).toHaveLength(80);
  });

  it('of two groups each see every task', async () => {
    await using rig = new QueueRig({ groups: ['one', 'two'] });
    const seen: Record<string, number[]> = { one: [], two: [] };
    const workers = ['one', 'two'].map((group) =>
      rig.worker(({ n }) => void seen[group]?.push(n), { group }),
    );
    const all = workers.map((worker) => many(worker, 'task-finished', 3));
    for (const worker of workers) await worker.start();
    await rig.enqueue('k', 'k', 'k');
    await Promise.all(all);
    expect(seen).toEqual({ one: [0, 1, 2], two: [0, 1, 2] });
  });

  it('hand a partition over without running anything twice', async () => {
    await using rig = new QueueRig({ topic: { partitions: 2 } });
    const seen: number[] = [];
    const all = new Signal();
    const handle = async ({ n }: { n: number }): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(n);
      if (seen.length === 400) all.resolve();
    };
    await rig.started(handle, { concurrency: 4 });
    const load = rig.enqueue(...Array.from({ length: 400 }, (_, n) => `key ${n % 31}`));
    const second = rig.worker(handle, { concurrency: 4 }, rig.open(rig.connect()));
    const taken = next(second, 'partition-started');
    await second.start();
    await Promise.all([load, taken, all.promise]);
    expect(new Set(seen).size).toBe(400);
    expect(seen).toHaveLength(400);
  });
});

it('a worker that did not hear what it owns leaves, joins again and works on it', async () => {
  const four = { topic: { partitions: 4 } };
  await using rig = new QueueRig(four);
  const clock = new ManualClock();
  const finished = new Set<string>();
  const handle = ({ key }: { key: string }): void => void finished.add(key);
  const first = rig.worker(handle, {}, rig.open(rig.connect(undefined, clock), four));
  const shared = next(first, 'partitions-released');
  const told: WorkerEvents['rejoining'][] = [];
  first.on('rejoining', (event) => told.push(event));
  await timePasses(clock, Promise.all([many(first, 'partition-started', 4), first.start()]));
  const second = rig.worker(handle, {}, rig.open(rig.connect(), four));
  const taken = many(second, 'partition-started', 2);
  await second.start();
  await timePasses(clock, Promise.all([shared, taken]));
  rig.cluster.faults.loseAssignment('assigned');
  await second.stop();
  const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`);
  await rig.enqueue(...keys);
  for (let i = 0; i < 100 && finished.size < keys.length; i += 1) await clock.advance(1_000);
  expect(finished.size).toBe(keys.length);
  const difference: unknown = expect.stringMatching(/^was not told that it owns q\//);
  expect(told).toEqual([{ group: 'q', difference, certain: true }]);
  expect(first.health().partitions).toHaveLength(4);
  await timePasses(clock, first.stop());
});

/** Moves time on until that is so. */
async function timePasses<T>(clock: ManualClock, until: Promise<T>): Promise<T> {
  let isOver = false;
  const over = until.finally(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(25);
  return over;
}

describe('partitions that are taken away', () => {
  it('abort their handlers, whose end no longer counts', async () => {
    await using rig = new QueueRig({ topic: { partitions: 1 } });
    const { driver, members } = watchedDriver(rig);
    const reason = new Signal<unknown>();
    const started = new Signal();
    const attempts: boolean[] = [];
    const worker = rig.worker(
      async (_job, { signal, redelivered }) => {
        attempts.push(redelivered);
        if (attempts.length > 1) return;
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        started.resolve();
        await aborted;
        reason.resolve(signal.reason);
      },
      {},
      rig.open(rig.connect(driver), { topic: { partitions: 1 } }),
    );
    const lost = next(worker, 'partitions-lost');
    const finished = next(worker, 'task-finished');
    await worker.start();
    await rig.enqueue('a');
    await started.promise;
    const [member] = members;
    if (member === undefined) throw new Error('nobody joined');
    rig.cluster.evict(member);
    expect(await lost).toEqual({ partitions: [0] });
    expect(await reason.promise).toMatchObject({ code: 'PARTITION_LOST' });
    await finished; // it joined again and ran the task once more
    expect(attempts).toEqual([false, true]);
  });
});

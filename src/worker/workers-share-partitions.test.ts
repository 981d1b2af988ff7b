import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { watchedDriver } from '../../test/support/watched-driver.ts';

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

import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { watchedDriver } from '../../test/support/watched-driver.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';

describe('stop', () => {
  it('before start ends the worker at once', async () => {
    await using rig = new QueueRig();
    const worker = rig.worker(() => {});
    await worker.stop();
    await worker.done;
    expect(worker.health().status).toBe('stopped');
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' });
  });

  it('during start waits for it and leaves nothing running', async () => {
    await using rig = new QueueRig();
    const { driver, members } = watchedDriver(rig);
    const asked = new Signal();
    const goOn = new Signal();
    const kafka = rig.connect({
      ...driver,
      reader: async (options) => {
        asked.resolve();
        await goOn.promise;
        return await driver.reader(options);
      },
    });
    const seen: unknown[] = [];
    const worker = rig.worker((job) => void seen.push(job), {}, rig.open(kafka));
    const starting = worker.start();
    await asked.promise;
    const stopping = worker.stop();
    expect(worker.health().status).toBe('stopping');
    goOn.resolve();
    await Promise.all([starting, stopping, worker.done]);
    expect(worker.health().status).toBe('stopped');
    await rig.enqueue('a');
    for (const member of members) expect(() => rig.cluster.ownedBy(member)).toThrow(); // never joined
    expect(seen).toEqual([]);
  });

  it('is the same however often it is called', async () => {
    await using rig = new QueueRig();
    const worker = await rig.started(() => {});
    expect(worker.stop()).toBe(worker.stop());
    await worker.stop();
    await worker[Symbol.asyncDispose]();
    await worker.done;
  });

  it('lets handlers finish, tells them, commits and leaves: nothing runs again', async () => {
    await using rig = new QueueRig({ topic: { partitions: 1 } });
    const started = new Signal();
    const goOn = new Signal();
    let drained = false;
    const seen: number[] = [];
    const worker = await rig.started(
      async ({ n }, { draining }) => {
        seen.push(n);
        if (n > 0) return;
        draining.addEventListener('abort', () => {
          drained = true;
          goOn.resolve();
        });
        started.resolve();
        await goOn.promise;
      },
      { concurrency: 1, commitIntervalMs: 60_000 },
    );
    await rig.enqueue('a', 'b', 'a');
    await started.promise;
    await worker.stop();
    expect([drained, seen]).toEqual([true, [0]]);
    expect(rig.cluster.committed('q', { topic: 'q', partition: 0 })?.offset).toBe(1);
    const successor = rig.worker(({ n }) => void seen.push(n));
    const rest = many(successor, 'task-finished', 2);
    await successor.start();
    await rest;
    expect(seen).toEqual([0, 1, 2]);
  });

  it('aborts what does not end within drainMs; exactly that runs again', async () => {
    await using rig = new QueueRig({ topic: { partitions: 1 } });
    const reasons: unknown[] = [];
    const started = new Signal();
    const seen: string[] = [];
    const worker = await rig.started(
      async ({ key }, { signal }) => {
        seen.push(key);
        if (key !== 'slow') return;
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            resolve();
          });
          started.resolve();
        });
      },
      { rebalance: { drainMs: 20 } },
    );
    const expired = next(worker, 'drain-expired');
    const quick = many(worker, 'task-finished', 2);
    await rig.enqueue('slow', 'a', 'b');
    await Promise.all([started.promise, quick]);
    await worker.stop();
    expect(await expired).toEqual({ partition: 0, runningCount: 1 });
    expect(reasons).toMatchObject([{ code: 'WORKER_SHUTDOWN', reason: 'shutdown' }]);
    const again: [string, boolean][] = [];
    const successor = rig.worker(({ key }, { redelivered }) => void again.push([key, redelivered]));
    const finished = next(successor, 'task-finished');
    await successor.start();
    await finished;
    await successor.stop();
    expect(again).toEqual([['slow', true]]);
  });

  it('leaves behind, after a while, a handler that ignores everything', async () => {
    await using rig = new QueueRig();
    const started = new Signal();
    const end = new Signal();
    const worker = await rig.started(
      async () => {
        started.resolve();
        await end.promise;
      },
      { rebalance: { drainMs: 1 }, stopGraceMs: 30 },
    );
    await rig.enqueue('a');
    await started.promise;
    await worker.stop();
    expect(worker.health().status).toBe('stopped');
    // The key stays blocked in this process: its handler is alive.
    const seen: string[] = [];
    const successor = rig.worker(({ key }) => void seen.push(key));
    const other = next(successor, 'task-finished', ({ key }) => key === 'b');
    const own = next(successor, 'task-finished', ({ key }) => key === 'a');
    await successor.start();
    await rig.enqueue('b');
    await other;
    expect(seen).toEqual(['b']);
    end.resolve();
    await own;
    expect(seen).toEqual(['b', 'a']);
  });
});

describe('stop while a partition is being taken', () => {
  it('does not wait for a journal that cannot be read', async () => {
    await using rig = new QueueRig();
    const plain = memoryDriver(rig.cluster);
    const inspected = new Signal();
    const kafka = rig.connect({
      ...plain,
      reader: async (options) => {
        const reader = await plain.reader(options);
        if (options.name.endsWith('.journal')) reader.poll = async () => [];
        return reader;
      },
      membership: (options) => {
        const member = plain.membership(options);
        const committed = member.committed.bind(member);
        member.committed = async (partitions) => {
          inspected.resolve();
          return await committed(partitions);
        };
        return member;
      },
    });
    const worker = await rig.started(() => {}, {}, rig.open(kafka));
    const problems: unknown[] = [];
    worker.on('problem', (problem) => problems.push(problem));
    await inspected.promise;
    await worker.stop(); // or this test takes as long as the journal is waited for
    expect([worker.health().status, problems]).toEqual(['stopped', []]);
  });
});

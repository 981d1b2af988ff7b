import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { failures } from '../kafka/memory/failures.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import type { Membership } from '../kafka/port.ts';

/** The members that a process brings into being, so that a test can do things to them. */
function watchedDriver(rig: QueueRig): { driver: ReturnType<typeof memoryDriver>; members: Membership[] } {
  const plain = memoryDriver(rig.cluster);
  const members: Membership[] = [];
  return {
    members,
    driver: {
      ...plain,
      membership: (options) => {
        const member = plain.membership(options);
        members.push(member);
        return member;
      },
    },
  };
}

describe('start', () => {
  it('may be called once', async () => {
    await using rig = new QueueRig();
    const worker = await rig.started(() => {});
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' });
    await worker.stop();
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' });
  });

  it('rejects, and so does done, when the topics are not fit; nothing is left behind', async () => {
    await using rig = new QueueRig();
    rig.cluster.createTopic('q', { partitions: 2, configs: { 'cleanup.policy': 'compact' } });
    const worker = rig.worker(() => {});
    await expect(worker.start()).rejects.toMatchObject({ code: 'TOPICS_REFUSED' });
    await expect(worker.done).rejects.toMatchObject({ code: 'TOPICS_REFUSED' });
    expect(worker.health().status).toBe('stopped');
    await worker.stop();
    expect(rig.cluster.topics.has('q.state')).toBe(false);
  });

  it('opens nothing for good when one of its clients cannot be opened', async () => {
    await using rig = new QueueRig();
    const plain = memoryDriver(rig.cluster);
    let open = 0;
    let asked = 0;
    const kafka = rig.connect({
      ...plain,
      reader: async (options) => {
        asked += 1;
        if (asked === 2) throw new Error('no more sockets');
        const reader = await plain.reader(options);
        open += 1;
        return Object.assign(Object.create(reader) as typeof reader, {
          onReadable: reader.onReadable.bind(reader),
          onProblem: reader.onProblem.bind(reader),
          close: async () => {
            open -= 1;
            await reader.close();
          },
        });
      },
    });
    const worker = rig.worker(() => {}, {}, rig.open(kafka));
    await expect(worker.start()).rejects.toThrow('no more sockets');
    expect([asked, open]).toEqual([2, 0]);
  });
});

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

describe('a worker that cannot go on', () => {
  it('says so by done, aborts its handlers and stops', async () => {
    await using rig = new QueueRig();
    const reason = new Signal<unknown>();
    const { driver, members } = watchedDriver(rig);
    let listener: Parameters<Membership['join']>[0] = () => {};
    const kafka = rig.connect({
      ...driver,
      membership: (options) => {
        const member = driver.membership(options);
        const join = member.join.bind(member);
        member.join = (given) => {
          listener = given;
          return join(given);
        };
        return member;
      },
    });
    const started = new Signal();
    const worker = await rig.started(
      async (_job, { signal }) => {
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        started.resolve();
        await aborted;
        reason.resolve(signal.reason);
      },
      {},
      rig.open(kafka),
    );
    await rig.enqueue('a');
    await started.promise;
    expect(members).toHaveLength(1);
    listener({ kind: 'problem', failure: failures.fencedInstance, fatal: true });
    await expect(worker.done).rejects.toMatchObject({ code: 'KAFKA_REQUEST_FAILED' });
    expect(await reason.promise).toMatchObject({ reason: 'partition-lost' });
    await worker.stop();
    expect(worker.health().status).toBe('stopped');
  });
});

describe('a worker that an error in keylane itself has ended', () => {
  it('says so by done, aborts its handlers, and leaves its tasks to others of its process', async () => {
    await using rig = new QueueRig();
    const plain = memoryDriver(rig.cluster);
    const bug = new Error('this never happens');
    let wrong = false;
    const kafka = rig.connect({
      ...plain,
      membership: (options) => {
        const member = plain.membership(options);
        const commit = member.commit.bind(member);
        member.commit = async (offsets) => {
          if (wrong) throw bug;
          return await commit(offsets);
        };
        return member;
      },
    });
    const queue = rig.open(kafka);
    const [running, reason, after] = [new Signal(), new Signal<unknown>(), new Signal()];
    const worker = await rig.started(
      async ({ key }, { signal }) => {
        if (key === 'short') {
          await running.promise;
          wrong = true;
          return;
        }
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        running.resolve();
        await aborted;
        reason.resolve(signal.reason);
      },
      {},
      queue,
    );
    await rig.enqueue('long', 'short');
    await expect(worker.done).rejects.toMatchObject({ code: 'WORKER_BROKEN', cause: bug });
    expect(await reason.promise).toMatchObject({ reason: 'partition-lost' });
    await worker.stop();
    expect(worker.health().status).toBe('stopped');
    wrong = false;
    const again: string[] = [];
    await rig.started(
      ({ key }) => {
        again.push(key);
        if (again.length === 2) after.resolve();
      },
      {},
      queue,
    );
    await after.promise;
    expect(again.sort()).toEqual(['long', 'short']);
  });
});

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
    await using rig = new QueueRig();
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

describe('health', () => {
  it('goes from starting to ok to stopped', async () => {
    await using rig = new QueueRig();
    const worker = rig.worker(() => {});
    expect(worker.health()).toEqual({
      status: 'starting',
      reasons: [],
      runningCount: 0,
      heldKeys: 0,
      bufferedBytes: 0,
      partitions: [],
    });
    const ready = many(worker, 'partition-started', 2);
    await worker.start();
    await ready;
    expect(worker.health()).toMatchObject({
      status: 'ok',
      partitions: [
        { partition: 0, phase: 'running', idleMs: undefined },
        { partition: 1, phase: 'running', idleMs: undefined },
      ],
    });
    const finished = next(worker, 'task-finished');
    await rig.enqueue('a');
    const { partition } = await finished;
    expect(worker.health().partitions[partition]?.idleMs).toBeGreaterThanOrEqual(0);
    await worker.stop();
    expect(worker.health()).toMatchObject({ status: 'stopped', partitions: [], runningCount: 0 });
  });
});

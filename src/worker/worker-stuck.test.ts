import { expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import type { KafkaDriver } from '../kafka/driver.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import type { Membership } from '../kafka/port.ts';

const one = { topic: { partitions: 1 } };

/** A handler that never looks at its signal, for one task; it notes every start. */
function ignoring(): { starts: number[]; handle: (job: { n: number }) => Promise<void>; end: Signal } {
  const starts: number[] = [];
  const end = new Signal();
  const handle = async ({ n }: { n: number }): Promise<void> => {
    starts.push(n);
    if (starts.length === 1) await end.promise;
  };
  return { starts, handle, end };
}

it('a handler that ignores its aborted signal is reported; the worker goes on, its key does not', async () => {
  await using rig = new QueueRig(one);
  const { starts, handle, end } = ignoring();
  const worker = rig.worker(handle, { stuck: { afterMs: 30 } });
  const stuck = next(worker, 'task-stuck');
  await worker.start();
  await rig.queue.enqueue('short', { key: 'a', n: 0 });
  await rig.queue.enqueue('short', { key: 'a', n: 1 });
  const { abortedMs, ...task } = await stuck;
  expect(task).toMatchObject({ type: 'short', key: 'a', offset: 0n });
  expect(abortedMs).toBeGreaterThanOrEqual(30);
  const other = next(worker, 'task-finished', ({ key }) => key === 'b');
  await rig.queue.enqueue('work', { key: 'b', n: 2 });
  await other;
  expect(starts).toEqual([0, 2]);
  expect(worker.health().status).toBe('ok');
  const both = many(worker, 'task-finished', 2);
  end.resolve();
  await both; // it returned well after all
  expect(starts).toEqual([0, 2, 1]);
});

it('a stuck handler ends the worker when that is asked for: the others are drained, done says why', async () => {
  await using rig = new QueueRig(one);
  const { starts, handle, end } = ignoring();
  const slow = new Signal();
  const started = new Signal();
  const worker = rig.worker(
    async (job) => {
      if (job.n !== 9) return handle(job);
      started.resolve();
      await slow.promise;
    },
    { stuck: { afterMs: 30, action: 'stop' }, rebalance: { drainMs: 300 }, stopGraceMs: 10 },
  );
  const stuck = next(worker, 'task-stuck');
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.queue.enqueue('work', { key: 'slow', n: 9 });
  await started.promise;
  await rig.queue.enqueue('short', { key: 'a', n: 0 });
  await stuck;
  slow.resolve(); // while the worker drains
  expect(await finished).toMatchObject({ key: 'slow' });
  await expect(worker.done).rejects.toMatchObject({
    name: 'WorkerStuckError',
    code: 'WORKER_STUCK',
    type: 'short',
    key: 'a',
  });
  expect(worker.health().status).toBe('stopped');

  // In this process the key stays closed, also to another worker; the rest goes on.
  const successor = rig.worker(handle, {});
  const other = next(successor, 'task-finished', ({ key }) => key === 'b');
  const own = next(successor, 'task-finished', ({ key }) => key === 'a');
  await successor.start();
  await rig.queue.enqueue('work', { key: 'b', n: 1 });
  await other;
  expect(starts).toEqual([0, 1]);
  end.resolve();
  await own;
  expect(starts).toEqual([0, 1, 0]);
});

it('nothing of a key starts beside a living promise when its partition was lost and came back to the process', async () => {
  await using rig = new QueueRig(one);
  const { starts, handle, end } = ignoring();
  const members: Membership[] = [];
  const driver = memoryDriver(rig.cluster);
  const watched: KafkaDriver = {
    ...driver,
    membership: (options) => {
      const member = driver.membership(options);
      members.push(member);
      return member;
    },
  };
  const worker = rig.worker(handle, {}, rig.open(rig.connect(watched), one));
  const lost = next(worker, 'partitions-lost');
  const taken = many(worker, 'partition-started', 2);
  const others = next(worker, 'task-finished', ({ key }) => key === 'b');
  const own = many(worker, 'task-finished', 3);
  await worker.start();
  await rig.enqueue('a', 'a');
  while (starts.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const [member] = members;
  if (member === undefined) throw new Error('nobody joined');
  rig.cluster.evict(member);
  await lost;
  await taken; // the same worker has it again, under a new claim
  await rig.queue.enqueue('work', { key: 'b', n: 9 });
  await others;
  expect(starts).toEqual([0, 9]);
  end.resolve(); // void: the task runs again, and only then the next one
  await own;
  expect(starts).toEqual([0, 9, 0, 1]);
});

import { expect, it } from 'vitest';
import { next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { watchedDriver } from '../../test/support/watched-driver.ts';

const one = { topic: { partitions: 1 } };
const place = { topic: 'q', partition: 0 };

it('nothing of a partition is claimed before the assigned hook has settled', async () => {
  await using rig = new QueueRig(one);
  const asked = new Signal<readonly number[]>();
  const go = new Signal();
  const seen: string[] = [];
  const worker = rig.worker(({ key }) => void seen.push(key), {
    onPartitionsAssigned: async (partitions) => {
      asked.resolve(partitions);
      await go.promise;
      seen.push('ready');
    },
  });
  await rig.enqueue('a');
  const claims = rig.cluster.records('q.state').length;
  const finished = next(worker, 'task-finished');
  await worker.start();
  expect(await asked.promise).toEqual([0]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(rig.cluster.records('q.state').length).toBe(claims);
  go.resolve();
  await finished;
  expect(seen).toEqual(['ready', 'a']);
});

it('a stopping worker tells after its last commit and before another worker starts', async () => {
  await using rig = new QueueRig(one);
  const log: unknown[] = [];
  const started = new Signal();
  const end = new Signal();
  const hook = new Signal();
  const first = await rig.started(
    async () => {
      started.resolve();
      await end.promise;
      log.push('handled');
    },
    {
      onPartitionsRevoked: async (partitions, reason) => {
        log.push([partitions, reason, rig.cluster.committed('q', place)?.offset]);
        await hook.promise;
        log.push('told');
      },
    },
  );
  await rig.enqueue('a', 'b');
  await started.promise;
  const second = await rig.started(({ key }) => void log.push(`second ${key}`));
  const taken = next(second, 'partition-started').then(() => log.push('taken'));
  const stopped = first.stop();
  end.resolve();
  while (log.length < 3) await new Promise((resolve) => setImmediate(resolve));
  hook.resolve();
  await stopped;
  await taken;
  expect(log.slice(0, 5)).toEqual(['handled', 'handled', [[0], 'stopped', 2], 'told', 'taken']);
});

it('partitions that are taken away are told as lost, and then assigned anew', async () => {
  await using rig = new QueueRig(one);
  const { driver, members } = watchedDriver(rig);
  const log: unknown[] = [];
  const worker = rig.worker(
    () => {},
    {
      onPartitionsAssigned: (partitions) => void log.push(['assigned', partitions]),
      onPartitionsRevoked: (partitions, reason) => void log.push([reason, partitions]),
    },
    rig.open(rig.connect(driver), one),
  );
  const started = next(worker, 'partition-started');
  await worker.start();
  await started;
  const again = next(worker, 'partition-started');
  const [member] = members;
  if (member === undefined) throw new Error('nobody joined');
  rig.cluster.evict(member);
  await again;
  await worker.stop();
  expect(log).toEqual([
    ['assigned', [0]],
    ['lost', [0]],
    ['assigned', [0]],
    ['stopped', [0]],
  ]);
});

it('a hook that throws is reported by an event, and the work goes on', async () => {
  await using rig = new QueueRig(one);
  const worker = rig.worker(() => {}, {
    onPartitionsAssigned: () => Promise.reject(new Error('cache is down')),
  });
  const failed = next(worker, 'hook-failed');
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.enqueue('a');
  expect(await failed).toMatchObject({ hook: 'onPartitionsAssigned', error: { message: 'cache is down' } });
  await finished;
});

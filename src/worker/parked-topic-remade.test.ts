import { expect, it } from 'vitest';
import { next, QueueRig } from '../../test/support/queue-rig.ts';
import { ParkError } from '../errors/control-errors.ts';

const PARTITIONS = 2;

it('what is parked under a mark from before the parked topic was made anew runs when the loss has been seen', async () => {
  await using rig = new QueueRig({ topic: { partitions: PARTITIONS } });
  let refusing = true;
  const done: number[] = [];
  const worker = await rig.started(({ n }) => {
    if (refusing) throw new ParkError('not now');
    done.push(n);
  });
  const parkedCount = (): number => rig.cluster.records('q.parked').length;
  const one = (n: number) => rig.queue.enqueue('work', { key: 'k', n });
  for (const n of [0, 1, 2]) await one(n);
  await expect.poll(parkedCount).toBe(3);

  rig.cluster.deleteTopic('q.parked');
  rig.cluster.createTopic('q.parked', { partitions: PARTITIONS });
  for (const n of [3, 4]) await one(n);
  await expect.poll(parkedCount).toBe(2);

  refusing = false;
  const held = next(worker, 'key-held');
  const redriven = next(worker, 'key-redriven');
  await rig.queue.parked.redrive({ key: 'k' });
  expect(await held).toMatchObject({ key: 'k', reason: 'data-loss' });
  expect(done).toEqual([]);
  await rig.queue.pending.release({ key: 'k' });
  expect(await redriven).toMatchObject({ tasks: 2 });
  expect(done).toEqual([3, 4]);
  const finished = next(worker, 'task-finished');
  await one(5);
  await finished;
  expect(done).toEqual([3, 4, 5]);
});

it('a mark all of whose copies are gone ends when the loss has been seen, and its key goes on', async () => {
  await using rig = new QueueRig({ topic: { partitions: PARTITIONS } });
  let refusing = true;
  const done: number[] = [];
  const worker = await rig.started(({ n }) => {
    if (refusing) throw new ParkError('not now');
    done.push(n);
  });
  const one = (n: number) => rig.queue.enqueue('work', { key: 'k', n });
  for (const n of [0, 1, 2]) await one(n);
  await expect.poll(() => rig.cluster.records('q.parked').length).toBe(3);

  rig.cluster.deleteTopic('q.parked');
  rig.cluster.createTopic('q.parked', { partitions: PARTITIONS });

  refusing = false;
  const held = next(worker, 'key-held');
  const redriven = next(worker, 'key-redriven');
  await rig.queue.parked.redrive({ key: 'k' });
  expect(await held).toMatchObject({ key: 'k', reason: 'data-loss' });
  await rig.queue.pending.release({ key: 'k' });
  expect(await redriven).toMatchObject({ tasks: 0 });
  const finished = next(worker, 'task-finished');
  await one(3);
  await finished;
  expect(done).toEqual([3]);
});

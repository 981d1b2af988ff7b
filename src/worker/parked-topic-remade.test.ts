import { expect, it } from 'vitest';
import { next, QueueRig } from '../../test/support/queue-rig.ts';
import { ParkError } from '../errors/control-errors.ts';

const PARTITIONS = 2;

/** A key whose first three tasks were parked before the parked topic was made anew. */
class RemadeRig extends QueueRig {
  readonly done: number[] = [];
  refusing = true;

  constructor() {
    super({ topic: { partitions: PARTITIONS } });
  }

  get parkedCount(): number {
    return this.cluster.records('q.parked').length;
  }

  one(n: number): Promise<unknown> {
    return this.queue.enqueue('work', { key: 'k', n });
  }

  async parkedBefore(): ReturnType<QueueRig['started']> {
    const worker = await this.started(({ n }) => {
      if (this.refusing) throw new ParkError('not now');
      this.done.push(n);
    });
    for (const n of [0, 1, 2]) await this.one(n);
    await expect.poll(() => this.parkedCount).toBe(3);
    this.cluster.deleteTopic('q.parked');
    this.cluster.createTopic('q.parked', { partitions: PARTITIONS });
    return worker;
  }
}

it('what is parked under a mark from before the parked topic was made anew runs when the loss has been seen', async () => {
  await using rig = new RemadeRig();
  const worker = await rig.parkedBefore();
  for (const n of [3, 4]) await rig.one(n);
  await expect.poll(() => rig.parkedCount).toBe(2);

  rig.refusing = false;
  const held = next(worker, 'key-held');
  const redriven = next(worker, 'key-redriven');
  await rig.queue.parked.redrive({ key: 'k' });
  expect(await held).toMatchObject({ key: 'k', reason: 'data-loss' });
  expect(rig.done).toEqual([]);
  await rig.queue.pending.release({ key: 'k' });
  expect(await redriven).toMatchObject({ tasks: 2 });
  expect(rig.done).toEqual([3, 4]);
  const finished = next(worker, 'task-finished');
  await rig.one(5);
  await finished;
  expect(rig.done).toEqual([3, 4, 5]);
});

it('a mark all of whose copies are gone ends when the loss has been seen, and its key goes on', async () => {
  await using rig = new RemadeRig();
  const worker = await rig.parkedBefore();

  rig.refusing = false;
  const held = next(worker, 'key-held');
  const redriven = next(worker, 'key-redriven');
  await rig.queue.parked.redrive({ key: 'k' });
  expect(await held).toMatchObject({ key: 'k', reason: 'data-loss' });
  await rig.queue.pending.release({ key: 'k' });
  expect(await redriven).toMatchObject({ tasks: 0 });
  const finished = next(worker, 'task-finished');
  await rig.one(3);
  await finished;
  expect(rig.done).toEqual([3]);
});

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { many, next } from '../../test/support/queue-rig.ts';
import { hashOf, StoredTasksRig } from '../../test/support/stored-tasks-rig.ts';
import { ParkError } from '../errors/control-errors.ts';

describe('a task that is parked', () => {
  it('keeps an object of its own, and runs from that when it is redriven', async () => {
    await using rig = new StoredTasksRig();
    const queue = rig.queueOf();
    let fixed = false;
    rig.before = () => {
      if (!fixed) throw new ParkError('not yet');
    };
    const worker = await rig.working(queue);
    const parked = next(worker, 'key-parked');
    const body = randomBytes(2_500_000);
    const text = randomBytes(1_500_000).toString('base64');
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body });
    await queue.enqueue('note', { key: 'a', text }, { id: 'n' });
    await parked;
    const inStore = (): string[] =>
      [...rig.store.objects.keys()].filter((name) => name.startsWith('large/parked/'));
    await expect.poll(inStore).toHaveLength(2);
    for (const name of [...rig.store.objects.keys()].filter((one) => one.startsWith('large/parts/')))
      await rig.store.delete([name]);

    const shown: unknown[] = [];
    for await (const task of queue.parked.show({ key: 'a' }, { payload: true }))
      shown.push(task.kind === 'task' ? task.payload : task);
    expect(shown).toEqual([{ key: 'a' }, { key: 'a', text }]);
    fixed = true;
    const finished = many(worker, 'task-finished', 2);
    await queue.parked.redrive({ key: 'a' }, { waitMs: 10_000 });
    await finished;
    expect(rig.done).toEqual([`v ${await hashOf([body])}`, `n ${await hashOf([Buffer.from(text)])}`]);
  });

  it('is parked without an object that is gone, and stays so when it is redriven', async () => {
    await using rig = new StoredTasksRig();
    const queue = rig.queueOf();
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body: randomBytes(2_500_000) });
    rig.store.objects.clear();
    const worker = rig.handled(queue);
    const held = next(worker, 'key-held');
    await worker.start();
    await held;
    const lost = next(worker, 'data-loss');
    expect(await queue.pending.park({ key: 'a', waitMs: 10_000 })).toMatchObject({ outcome: 'parked' });
    expect(await lost).toMatchObject({ id: 'v', error: { code: 'PARTS_LOST', object: { store: 'memory' } } });
    const failed = next(worker, 'redrive-failed');
    await queue.parked.redrive({ key: 'a' }, { waitMs: 10_000 });
    expect(await failed).toMatchObject({ key: 'a', error: { code: 'PARTS_LOST' } });
  });
});

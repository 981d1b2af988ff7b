import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { many, next } from '../../test/support/queue-rig.ts';
import { hashOf, type StoredTasks, StoredTasksRig } from '../../test/support/stored-tasks-rig.ts';
import { ParkError } from '../errors/control-errors.ts';
import type { TaskQueue } from './task-queue.ts';

async function parkedIds(queue: TaskQueue<StoredTasks>): Promise<string[]> {
  const ids: string[] = [];
  for await (const task of queue.parked.show({ key: 'a' })) if (task.kind === 'task') ids.push(task.id);
  return ids;
}

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
    await expect.poll(() => parkedIds(queue)).toEqual(['v', 'n']);
    expect([...rig.store.objects.keys()].filter((name) => name.startsWith('large/parked/'))).toHaveLength(2);
    for (const name of [...rig.store.objects.keys()].filter((one) => one.startsWith('large/parts/')))
      await rig.store.delete([name]);

    const shown: unknown[] = [];
    for await (const task of queue.parked.show({ key: 'a' }, { payload: true }))
      shown.push(task.kind === 'task' ? task.payload : task);
    expect(shown).toEqual([{ key: 'a' }, { key: 'a', text }]);
    fixed = true;
    const finished = many(worker, 'task-finished', 2);
    await queue.parked.redrive({ key: 'a' }, { waitMs: 60_000 });
    await finished;
    expect(rig.done).toEqual([`v ${await hashOf([body])}`, `n ${await hashOf([Buffer.from(text)])}`]);
  });

  it('is parked without an object whose marker is gone, and stays so when it is redriven', async () => {
    await using rig = new StoredTasksRig();
    const queue = rig.queueOf();
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body: randomBytes(2_500_000) });
    rig.store.objects.clear();
    rig.cluster.deleteRecords({ topic: 'large.parts', partition: 0 }, 1);
    const worker = rig.handled(queue);
    const held = next(worker, 'key-held');
    await worker.start();
    await held;
    const lost = next(worker, 'data-loss');
    expect(await queue.pending.park({ key: 'a', waitMs: 60_000 })).toMatchObject({ outcome: 'parked' });
    expect(await lost).toMatchObject({ id: 'v', error: { code: 'PARTS_LOST', object: { store: 'memory' } } });
    const failed = next(worker, 'redrive-failed');
    await queue.parked.redrive({ key: 'a' }, { waitMs: 60_000 });
    expect(await failed).toMatchObject({ key: 'a', error: { code: 'PARTS_LOST' } });
  });
});

describe('a task that is parked while its object cannot be had', () => {
  /** Parks `v`, with `n` behind it, in a store that has lost sight of the body. */
  async function stuck(rig: StoredTasksRig, queue = rig.queueOf()) {
    const body = randomBytes(2_500_000);
    await queue.enqueue('video', { key: 'a' }, { id: 'v', body });
    await queue.enqueue('note', { key: 'a', text: 'behind' }, { id: 'n' });
    const hidden = new Map(rig.store.objects);
    rig.store.objects.clear();
    const worker = rig.handled(queue);
    const told = next(worker, 'parking-stuck');
    const held = next(worker, 'key-held');
    await worker.start();
    await held;
    await queue.pending.park({ key: 'a', waitMs: 60_000 });
    return { queue, worker, body, hidden, event: await told };
  }

  it('stays in the queue, whole, is told of, and is parked when the store is back', async () => {
    await using rig = new StoredTasksRig();
    const { queue, worker, body, hidden, event } = await stuck(rig);
    const [key] = hidden.keys();
    expect(event).toMatchObject({
      key: 'a',
      partition: 0,
      offset: 0n,
      id: 'v',
      error: { code: 'PAYLOAD_STORE_FAILED', reason: 'unreachable', store: 'memory', key },
    });
    const { status, reasons } = worker.health();
    expect(status).toBe('degraded');
    expect(reasons.filter((reason) => reason.includes("'a'") && reason.includes(key ?? ''))).toHaveLength(1);
    expect(await parkedIds(queue)).toEqual([]);
    expect(rig.cluster.committed('large', { topic: 'large', partition: 0 })?.offset ?? 0).toBe(0);

    for (const [name, bytes] of hidden) rig.store.objects.set(name, bytes);
    await expect.poll(() => parkedIds(queue)).toEqual(['v', 'n']);
    expect(worker.health()).toMatchObject({ status: 'ok', reasons: [] });
    const finished = many(worker, 'task-finished', 2);
    await queue.parked.redrive({ key: 'a' }, { waitMs: 60_000 });
    await finished;
    expect(rig.done).toEqual([`v ${await hashOf([body])}`, `n ${await hashOf([Buffer.from('behind')])}`]);
  });

  it('may be discarded as the event names it; those behind it are parked, and run when redriven', async () => {
    await using rig = new StoredTasksRig();
    const { queue, worker, event } = await stuck(rig);
    await queue.parked.discard(event, { waitMs: 60_000 });
    await expect.poll(() => parkedIds(queue)).toEqual(['n']);
    const finished = next(worker, 'task-finished');
    await queue.parked.redrive({ key: 'a' }, { waitMs: 60_000 });
    expect(await finished).toMatchObject({ id: 'n' });
    expect(rig.done).toEqual([`n ${await hashOf([Buffer.from('behind')])}`]);
  });

  it('may be discarded with its key, also when a redrive was asked for before', async () => {
    await using rig = new StoredTasksRig();
    const { queue, worker, event } = await stuck(rig);
    await queue.parked.redrive({ key: 'a' });
    const failed = next(worker, 'redrive-failed');
    const discarded = queue.parked.discard(event, { waitMs: 20_000 });
    await failed;
    expect((await discarded).commands).toMatchObject([{ outcome: 'discarded' }]);
    const ended = next(worker, 'parked-discarded');
    await queue.parked.discard({ key: 'a' }, { waitMs: 60_000 });
    await ended;
    expect(await queue.parked.list()).toMatchObject({ parked: [] });
  });
});

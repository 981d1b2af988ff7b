import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { many, next } from '../../test/support/queue-rig.ts';
import { type StoredTasks, StoredTasksRig, storedTasks } from '../../test/support/stored-tasks-rig.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { TaskQueue } from './task-queue.ts';

describe('a task whose object cannot be had', () => {
  async function held(rig: StoredTasksRig, reader: TaskQueue<StoredTasks>): Promise<unknown> {
    const worker = rig.handled(reader);
    const keyHeld = next(worker, 'key-held');
    const others = next(worker, 'task-finished', ({ id }) => id === 'other');
    await worker.start();
    const event = await keyHeld;
    await reader.enqueue('note', { key: 'good' }, { id: 'other' });
    await others;
    expect(rig.done.map((line) => line.split(' ')[0])).toEqual(['other']);
    await worker.stop();
    return event;
  }

  async function enqueued(rig: StoredTasksRig): Promise<TaskQueue<StoredTasks>> {
    const queue = rig.queueOf();
    await queue.enqueue('video', { key: 'bad' }, { id: 'first', body: randomBytes(2_500_000) });
    await queue.enqueue('note', { key: 'bad' }, { id: 'behind' });
    return queue;
  }

  it('waits in its key at a worker without the store, and runs at one that has it', async () => {
    await using rig = new StoredTasksRig();
    await enqueued(rig);
    const common = { name: 'large', tasks: storedTasks, topic: { partitions: 1 }, logger: silentLogger };
    const reader = new TaskQueue({ ...common, kafka: rig.connect() });
    expect(await held(rig, reader)).toMatchObject({
      key: 'bad',
      id: 'first',
      reason: 'store-missing',
      error: { code: 'STORE_MISSING', store: 'memory' },
    });
    await reader.close();
    const other = rig.queueOf(
      { payloadStore: new MemoryStore('new'), payloadStores: [rig.store] },
      rig.connect(),
    );
    const worker = rig.handled(other);
    const finished = many(worker, 'task-finished', 2);
    await worker.start();
    await finished;
    expect(rig.done.map((line) => line.split(' ')[0])).toEqual(['other', 'first', 'behind']);
  });

  it.each<[string, (store: MemoryStore) => void]>([
    ['it was deleted', (store) => store.objects.clear()],
    ['it was cut off', (store) => store.change((bytes) => bytes.subarray(0, 1_000_000))],
    [
      'a bit of it is another one',
      (store) =>
        store.change((bytes) => {
          bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1;
          return bytes;
        }),
    ],
  ])('is data loss, and its key is held, when %s', async (_what, damage) => {
    await using rig = new StoredTasksRig();
    const queue = await enqueued(rig);
    damage(rig.store);
    expect(await held(rig, queue)).toMatchObject({
      key: 'bad',
      id: 'first',
      reason: 'data-loss',
      error: { code: 'PARTS_LOST', object: { store: 'memory' } },
    });
  });
});

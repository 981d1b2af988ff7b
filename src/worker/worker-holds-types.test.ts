import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { Worker } from './worker.ts';

const schema = z.object({ key: z.string() });
const key = (payload: { key: string }): string => payload.key;
const options = { name: 'q', topic: { partitions: 1 }, logger: silentLogger };

/** A queue one of whose types was renamed: what is recorded as a job is now work. */
class RenamedRig extends QueueRig {
  readonly before = new TaskQueue({
    ...options,
    kafka: this.kafka,
    tasks: { job: defineTask({ schema, key }) },
  });
  readonly now = new TaskQueue({
    ...options,
    kafka: this.kafka,
    tasks: { work: defineTask({ schema, key, aliases: ['job'] }), other: defineTask({ schema, key }) },
  });
  readonly done: string[] = [];

  constructor() {
    super({ topic: { partitions: 1 } });
  }

  newWorker(): Worker {
    const handle = (payload: { key: string }): void => void this.done.push(payload.key);
    return this.now.worker({ work: handle, other: handle }, { logger: silentLogger, commitIntervalMs: 10 });
  }

  /** One task under the old name, one under the new one, and one of another type. */
  async fill(): Promise<void> {
    await this.before.enqueue('job', { key: 'old' });
    await this.now.enqueue('work', { key: 'new' });
    await this.now.enqueue('other', { key: 'free' });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.before.close(), this.now.close()]);
    await super[Symbol.asyncDispose]();
  }
}

/** A worker that begins runs only what is of the other type until this one is released. */
async function workHeldUntilReleased(rig: RenamedRig): Promise<void> {
  const worker = rig.newWorker();
  const free = next(worker, 'task-finished');
  await worker.start();
  await free;
  expect(rig.done).toEqual(['free']); // the others are in front of it
  const rest = many(worker, 'task-finished', 2);
  await rig.now.pending.release({ type: 'work' });
  await rest;
  expect(rig.done.slice(1).sort()).toEqual(['new', 'old']);
}

describe('a held type holds its tasks under each of its names', () => {
  it('when a worker takes the partition', async () => {
    await using rig = new RenamedRig();
    await rig.fill();
    await rig.now.pending.hold({ type: 'work' });
    await workHeldUntilReleased(rig);
  });

  it('while a worker is at work', async () => {
    await using rig = new RenamedRig();
    const worker = rig.newWorker();
    const started = next(worker, 'partition-started');
    await worker.start();
    await started;
    await rig.now.pending.hold({ type: 'work' });
    // Commands are obeyed in order: once this one has an answer, the hold is in force.
    const nothing = { key: 'nobody', id: 'nothing' };
    expect(await rig.now.pending.skip({ ...nothing, waitMs: 15_000 })).toMatchObject({
      outcome: 'not-found',
    });
    const free = next(worker, 'task-finished');
    await rig.fill();
    await free;
    expect(rig.done).toEqual(['free']);
  });
});

it('a type that was held before it was renamed is held under its new name, until it is released under both', async () => {
  await using rig = new RenamedRig();
  await rig.fill();
  await rig.before.pending.hold({ type: 'job' }); // by a task map that does not have the new name
  await workHeldUntilReleased(rig);
});

it.each(['before', 'now'] as const)(
  'a type is released under all the names that it was held under, also by who knows fewer of them: %s',
  async (holder) => {
    await using rig = new RenamedRig();
    await rig.fill();
    if (holder === 'now') await rig.now.pending.hold({ type: 'work' });
    else await rig.before.pending.hold({ type: 'job' });
    const worker = rig.newWorker();
    const free = next(worker, 'task-finished');
    await worker.start();
    await free;
    const rest = many(worker, 'task-finished', 2);
    await rig.before.pending.release({ type: 'job' });
    await rest;
    expect(rig.done.slice(1).sort()).toEqual(['new', 'old']);
    expect((await rig.now.pending.holds()).types).toEqual([]);
  },
);

it('what is held as another type stays held when a name of it is released', async () => {
  await using rig = new RenamedRig();
  await rig.now.pending.hold({ type: 'other' });
  await rig.now.pending.hold({ type: 'work' });
  await rig.before.pending.release({ type: 'job' });
  expect((await rig.now.pending.holds()).types).toMatchObject([{ type: 'other' }]);
});

describe('a worker says what operators hold', () => {
  it('when it obeys: which key or type, who asked, and that it goes on', async () => {
    await using rig = new RenamedRig();
    const worker = rig.newWorker();
    const started = next(worker, 'partition-started');
    await worker.start();
    await started;
    const { pending } = rig.now;
    const held = many(worker, 'held-by-operator', 3);
    const { id: ofKey } = await pending.hold({ key: 'é', by: 'alice' });
    const { id: ofType } = await pending.hold({ type: 'work', by: 'bob' });
    const [first, ...names] = await held;
    expect(first).toEqual({ partition: 0, key: 'é', type: undefined, command: ofKey, by: 'alice' });
    expect(names).toMatchObject([
      { key: undefined, type: 'work', command: ofType, by: 'bob' },
      { key: undefined, type: 'job', by: 'bob' },
    ]);
    const released = next(worker, 'released-by-operator');
    const { id } = await pending.release({ key: 'é', by: 'carol' });
    expect(await released).toEqual({ partition: 0, key: 'é', type: undefined, command: id, by: 'carol' });
  });

  it('when it takes a partition in which something is held', async () => {
    await using rig = new RenamedRig();
    await rig.now.pending.hold({ key: 'é' });
    await rig.now.pending.hold({ type: 'other' });
    const worker = rig.newWorker();
    const found = next(worker, 'holds-found');
    await worker.start();
    expect(await found).toEqual({ partition: 0, keys: ['é'], types: ['other'] });
  });
});

import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { readParkedCopy } from '../codec/parked-copy.ts';
import { partitionOf } from '../codec/partition.ts';
import { ParkError } from '../errors/control-errors.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';

const one = { topic: { partitions: 1 } };

/** What a handler saw, and whether it refuses a task. */
class Store {
  readonly seen: string[] = [];
  broken = true;

  readonly handle = ({ key, n }: { readonly key: string; readonly n: number }): void => {
    if (this.broken && key === 'sick' && n === 0) throw new ParkError('it cannot be done');
    this.seen.push(`${key}${n}`);
  };
}

async function enqueue(rig: QueueRig, key: string, ...numbers: number[]): Promise<void> {
  await Promise.all(
    numbers.map((n) =>
      rig.queue.enqueue('work', { key, n }, { id: `${key}-${n}`, headers: { n: String(n) } }),
    ),
  );
}

describe('a key whose task is given up', () => {
  it('is parked whole, in order, byte for byte, while other keys go on', async () => {
    await using rig = new QueueRig(one);
    const store = new Store();
    await enqueue(rig, 'sick', 0, 1, 2);
    await enqueue(rig, 'well', 0, 1);
    const originals = rig.cluster.records('q').slice(0, 3);
    const worker = rig.worker(store.handle);
    const parked = next(worker, 'key-parked');
    const commits = new Signal();
    worker.on('committed', ({ offset }) => offset === 6n && commits.resolve());
    await worker.start();
    expect(await parked).toMatchObject({
      partition: 0,
      key: 'sick',
      offset: 0n,
      scope: 'key',
      id: 'sick-0',
      type: 'work',
      reason: 'asked',
      error: expect.objectContaining({ message: expect.stringContaining('it cannot be done') }),
    });
    await enqueue(rig, 'sick', 3);
    await commits.promise;
    const copies = rig.cluster.records('q.parked').map((record) => readParkedCopy(record));
    expect(copies.map((copy) => copy?.offset)).toEqual([0, 1, 2, 5]);
    expect(copies[0]).toMatchObject({ group: 'q', reason: 'asked', attempts: 1, previous: -1 });
    for (const [at, original] of originals.entries()) {
      const record = { ...original, timestampMs: expect.any(Number), leaderEpoch: undefined };
      expect(copies[at]?.record).toEqual(record);
    }
    expect(store.seen).toEqual(['well0', 'well1']);
  });

  it('is redriven in order, before what was enqueued meanwhile, by another worker too', async () => {
    await using rig = new QueueRig(one);
    const store = new Store();
    await enqueue(rig, 'sick', 0, 1, 2);
    const first = rig.worker(store.handle);
    const parked = next(first, 'key-parked');
    await first.start();
    await parked;
    await first.stop();
    await enqueue(rig, 'sick', 3, 4);
    const second = await rig.started(store.handle);
    store.broken = false;
    const redriven = next(second, 'key-redriven');
    await rig.queue.parked.redrive({ key: 'sick' });
    expect(await redriven).toMatchObject({ key: 'sick', partition: 0 });
    const last = next(second, 'task-finished', ({ id }) => id === 'sick-5');
    await enqueue(rig, 'sick', 5);
    await last;
    expect(store.seen).toEqual(['sick0', 'sick1', 'sick2', 'sick3', 'sick4', 'sick5']);
    expect(await rig.queue.parked.list()).toMatchObject({ parked: [] });
  });

  it('stays parked from the task on that gives up again', async () => {
    await using rig = new QueueRig(one);
    const store = new Store();
    await enqueue(rig, 'sick', 7, 0, 1);
    const worker = rig.worker(store.handle);
    const parked = next(worker, 'key-parked');
    await worker.start();
    await parked;
    const failed = next(worker, 'redrive-failed');
    const ended = next(worker, 'command-done');
    await rig.queue.parked.redrive({ key: 'sick' });
    expect(await ended).toMatchObject({ partition: 0, verb: 'redrive', outcome: 'gave-up' });
    expect(await failed).toMatchObject({ key: 'sick', tasks: 0 });
    expect(store.seen).toEqual(['sick7']);
    store.broken = false;
    const redriven = next(worker, 'key-redriven');
    await rig.queue.parked.redrive({ key: 'sick' });
    expect(await redriven).toMatchObject({ tasks: 2 });
    expect(store.seen).toEqual(['sick7', 'sick0', 'sick1']);
  });

  it('is discarded without being run, and what comes later runs', async () => {
    await using rig = new QueueRig(one);
    const store = new Store();
    await enqueue(rig, 'sick', 0, 1);
    const worker = rig.worker(store.handle);
    const parked = next(worker, 'key-parked');
    await worker.start();
    await parked;
    const discarded = next(worker, 'parked-discarded');
    await rig.queue.parked.discard({ key: 'sick' });
    await discarded;
    const last = next(worker, 'task-finished', ({ id }) => id === 'sick-2');
    await enqueue(rig, 'sick', 2);
    await last;
    expect(store.seen).toEqual(['sick2']);
  });
});

it('ten keys are parked and redriven at once, each in its order', async () => {
  await using rig = new QueueRig({ topic: { partitions: 2 } });
  const keys = Array.from({ length: 10 }, (_, n) => `k${n}.`);
  let broken = true;
  const seen: string[] = [];
  const worker = rig.worker(({ key, n }) => {
    if (broken && n === 0) throw new ParkError('not now');
    seen.push(`${key}${n}`);
  });
  const parked = many(worker, 'key-parked', 10);
  await worker.start();
  const numbers = Array.from({ length: 20 }, (_, n) => n);
  await Promise.all(keys.map((key) => enqueue(rig, key, ...numbers)));
  await parked;
  broken = false;
  const redriven = many(worker, 'key-redriven', 10);
  await rig.queue.parked.redrive({ all: true });
  await redriven;
  const finished = many(worker, 'task-finished', 10);
  await Promise.all(keys.map((key) => enqueue(rig, key, 20)));
  await finished;
  for (const key of keys) {
    expect(seen.filter((name) => name.startsWith(key))).toEqual([...numbers, 20].map((n) => `${key}${n}`));
  }
});

it('a redrive does not wait for a parked partition that takes nothing, unless its own tasks are there', async () => {
  await using rig = new QueueRig({ topic: { partitions: 2 } });
  const stuck = 'c';
  const well = 'd';
  expect([stuck, well].map((key) => partitionOf(Buffer.from(key), 2))).toEqual([0, 1]);
  let broken = true;
  const worker = rig.worker(() => {
    if (broken) throw new ParkError('not now');
  });
  const copied = [0, 1].map((which) =>
    next(worker, 'committed', ({ partition, offset }) => partition === which && offset === 1n),
  );
  await worker.start();
  await Promise.all([stuck, well].map((key) => enqueue(rig, key, 0)));
  await Promise.all(copied);
  broken = false;
  const held = rig.cluster.faults.holdAppend({ topic: 'q.parked', partition: 0 });
  const first = next(worker, 'key-redriven');
  await rig.queue.parked.redrive({ key: stuck });
  await held.reached;
  await rig.queue.parked.redrive({ key: well });
  expect(await first).toMatchObject({ key: well });
  const second = next(worker, 'key-redriven');
  held.release();
  expect(await second).toMatchObject({ key: stuck });
});

it('on embedded Kafka no more is parked than it keeps: the next key waits until there is room', async () => {
  await using rig = new QueueRig();
  const embedded = { partitionsPerTopic: 1, partitionBytes: 20_000 };
  const kafka = rig.connect({ ...memoryDriver(rig.cluster), embedded });
  const queue = rig.open(kafka, { name: 'small' });
  const pad = 'x'.repeat(5_000);
  const enqueueIn = (key: string, n: number): Promise<unknown> =>
    queue.enqueue('work', { key, n }, { headers: { pad } });
  const worker = rig.worker(
    () => {
      throw new ParkError('not now');
    },
    {},
    queue,
  );
  const committed = (offset: bigint): Promise<unknown> =>
    next(worker, 'committed', (event) => event.offset === offset);
  let discarded = false;
  worker.on('parked-discarded', () => {
    discarded = true;
  });
  const first = committed(3n);
  const second = committed(6n).then(() => discarded);
  await worker.start();
  for (const n of [0, 1, 2]) await enqueueIn('a', n);
  await first;
  const parked = next(worker, 'key-parked', ({ key }) => key === 'b');
  for (const n of [0, 1, 2]) await enqueueIn('b', n);
  await parked;
  const copies = (): string[] => rig.cluster.records('small.parked').map(({ key }) => key?.toString() ?? '');
  expect(copies()).toEqual(['a', 'a', 'a']);
  await queue.parked.discard({ key: 'a' });
  expect(await second).toBe(true);
  expect(copies()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
});

import { describe, expect, it } from 'vitest';
import { type Job, many, next, QueueRig } from '../../test/support/queue-rig.ts';
import { ParkError } from '../errors/control-errors.ts';
import type { ParkedTask } from '../parked/parked-task.ts';
import type { WorkerOptions } from '../worker/worker-options.ts';

const one = { topic: { partitions: 1 } };
const quick: WorkerOptions = { retry: { minDelayMs: 1, maxDelayMs: 2, maxAttempts: 2 } };
const patient = { waitMs: 15_000 };

/** A worker whose handler fails on what is in `bad`, and notes what it has done. */
class Story {
  readonly done: string[] = [];
  readonly bad = new Set<string>();

  readonly handle = ({ key, n }: Job): void => {
    const name = `${key}${n}`;
    if (this.bad.has(name)) throw new Error(`${name} is bad`);
    this.done.push(name);
  };

  of(key: string): string[] {
    return this.done.filter((name) => name.startsWith(key));
  }
}

async function idsOf(tasks: AsyncIterable<ParkedTask>): Promise<string[]> {
  const ids: string[] = [];
  for await (const task of tasks) ids.push(task.kind === 'task' ? task.id : task.problem);
  return ids;
}

async function enqueue(rig: QueueRig, key: string, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  await Promise.all(numbers.map((n) => rig.queue.enqueue('work', { key, n }, { id: `${key}${n}` })));
}

describe('a poison task', () => {
  it('parks its key; redriven, the key runs in the order of the calls, with what came meanwhile', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a1');
    const worker = await rig.started(story.handle, quick);
    const parked = next(worker, 'key-parked');
    await enqueue(rig, 'a', 0, 5);
    await enqueue(rig, 'b', 0, 5);
    expect(await parked).toMatchObject({ key: 'a', id: 'a1', scope: 'key', reason: 'gave-up' });

    const { parked: marks } = await rig.queue.parked.list();
    expect(marks).toMatchObject([
      { key: 'a', id: 'a1', type: 'work', error: 'Error: a1 is bad', redrives: 0 },
    ]);
    await until(async () => (await idsOf(rig.queue.parked.show({ key: 'a' }))).length === 4);
    expect(await idsOf(rig.queue.parked.show({ key: 'a' }))).toEqual(['a1', 'a2', 'a3', 'a4']);

    await enqueue(rig, 'a', 5, 8); // follow it
    await until(async () => (await idsOf(rig.queue.parked.show({ key: 'a' }))).length === 7);
    story.bad.clear();
    const finished = many(worker, 'task-finished', 9);
    const redriven = rig.queue.parked.redrive({ key: 'a' }, patient);
    await enqueue(rig, 'a', 8, 10);
    expect((await redriven).commands).toMatchObject([{ key: 'a', outcome: 'redriven' }]);
    await finished;
    expect(story.of('a')).toEqual(Array.from({ length: 10 }, (_, n) => `a${n}`));
    expect(story.of('b')).toEqual(['b0', 'b1', 'b2', 'b3', 'b4']);
    expect((await rig.queue.parked.list()).parked).toEqual([]);
  });

  it('that is still bad stays parked with what is behind it, and counts as a failed redrive', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a1').add('a3');
    const worker = await rig.started(story.handle, quick);
    const parked = next(worker, 'key-parked');
    await enqueue(rig, 'a', 0, 6);
    await parked;
    await until(async () => (await idsOf(rig.queue.parked.show({ key: 'a' }))).length === 5);
    story.bad.delete('a1');
    const report = await rig.queue.parked.redrive({ all: true }, patient);
    expect(report.commands).toMatchObject([{ outcome: 'gave-up' }]);
    expect(story.of('a')).toEqual(['a0', 'a1', 'a2']);
    expect(await idsOf(rig.queue.parked.show({ key: 'a' }))).toEqual(['a3', 'a4', 'a5']);
    expect((await rig.queue.parked.list()).parked).toMatchObject([{ redrives: 1 }]);
  });

  it('can be discarded alone, and the rest redriven', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a1');
    const worker = await rig.started(story.handle, quick);
    const parked = next(worker, 'key-parked');
    await enqueue(rig, 'a', 0, 4);
    await parked;
    await until(async () => (await idsOf(rig.queue.parked.show({ key: 'a' }))).length === 3);
    for await (const task of rig.queue.parked.show({ key: 'a' })) {
      if (task.error === undefined) continue;
      const { commands } = await rig.queue.parked.discard(task, patient);
      expect(commands).toMatchObject([{ outcome: 'discarded' }]);
    }
    expect(await idsOf(rig.queue.parked.show({ key: 'a' }))).toEqual(['a2', 'a3']);
    const report = await rig.queue.parked.redrive({ key: 'a' }, patient);
    expect(report.commands).toMatchObject([{ outcome: 'redriven' }]);
    expect(story.of('a')).toEqual(['a0', 'a2', 'a3']);
  });

  it('stays parked over restarts, and can be discarded with all that is behind it', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a0');
    const worker = await rig.started(story.handle, quick);
    const parked = next(worker, 'key-parked');
    await enqueue(rig, 'a', 0, 3);
    await parked;
    await worker.stop();
    // Nobody works: the command waits for whoever takes the partition.
    const { commands } = await rig.queue.parked.discard({ key: 'a' });
    expect(commands).toMatchObject([{ key: 'a', outcome: undefined }]);
    expect((await rig.queue.parked.list()).parked).toMatchObject([{ underWay: { verb: 'discard' } }]);
    story.bad.clear();
    const second = rig.worker(story.handle, quick);
    const discarded = next(second, 'parked-discarded');
    await second.start();
    await discarded;
    await enqueue(rig, 'a', 3, 5);
    await until(() => Promise.resolve(story.of('a').length === 2));
    expect(story.of('a')).toEqual(['a3', 'a4']);
  });

  it('is another group’s trouble only', async () => {
    await using rig = new QueueRig({ ...one, groups: ['q', 'other'] });
    const story = new Story();
    const other = new Story();
    story.bad.add('a1');
    const worker = await rig.started(story.handle, quick);
    const unbothered = rig.worker(
      other.handle,
      { ...quick, group: 'other' },
      rig.open(rig.connect(), { ...one, groups: ['q', 'other'] }),
    );
    await unbothered.start();
    const parked = next(worker, 'key-parked');
    const finished = many(unbothered, 'task-finished', 4);
    await enqueue(rig, 'a', 0, 4);
    await parked;
    await finished;
    expect(other.of('a')).toEqual(['a0', 'a1', 'a2', 'a3']);
    expect((await rig.queue.parked.list({ group: 'other' })).parked).toEqual([]);
    expect((await rig.queue.parked.list()).parked).toHaveLength(1);
  });
});

describe('afterGiveUp', () => {
  it("'parkTask' parks one task, and the key goes on", async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a1');
    const worker = await rig.started(story.handle, { ...quick, afterGiveUp: 'parkTask' });
    const parked = next(worker, 'key-parked');
    await enqueue(rig, 'a', 0, 4);
    expect(await parked).toMatchObject({ scope: 'task', id: 'a1' });
    await until(() => Promise.resolve(story.of('a').length === 3));
    expect(await idsOf(rig.queue.parked.show({ key: 'a' }))).toEqual(['a1']);
    story.bad.clear();
    await rig.queue.parked.redrive({ key: 'a' }, patient);
    expect(story.of('a')).toEqual(['a0', 'a2', 'a3', 'a1']);
  });

  it("'wait' holds the key where it is, until it is released", async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a1');
    const worker = await rig.started(story.handle, { ...quick, afterGiveUp: 'wait' });
    const held = next(worker, 'key-held');
    await enqueue(rig, 'a', 0, 3);
    expect(await held).toMatchObject({ key: 'a', reason: 'gave-up' });
    expect((await rig.queue.parked.list()).parked).toEqual([]);
    story.bad.clear();
    const finished = many(worker, 'task-finished', 2);
    await rig.queue.pending.release({ key: 'a' });
    await finished;
    expect(story.of('a')).toEqual(['a0', 'a1', 'a2']);
  });

  it('ParkError parks the key, whatever is to happen after giving up', async () => {
    await using rig = new QueueRig(one);
    const worker = await rig.started(
      ({ n }) => {
        if (n === 1) throw new ParkError('never');
      },
      { ...quick, afterGiveUp: 'wait' },
    );
    const parked = next(worker, 'key-parked');
    await enqueue(rig, 'a', 0, 3);
    expect(await parked).toMatchObject({ key: 'a', scope: 'key', reason: 'asked' });
  });

  it('a record that cannot be read parks its key', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    const worker = await rig.started(story.handle, quick);
    await enqueue(rig, 'a', 0, 1);
    const parked = next(worker, 'key-parked');
    const foreign = { key: Buffer.from('a'), value: Buffer.from('?'), headers: [] };
    rig.cluster.write({ topic: 'q', partition: 0 }, [foreign]);
    await enqueue(rig, 'a', 1, 3);
    expect(await parked).toMatchObject({ key: 'a', reason: 'undecodable' });
    await until(async () => (await idsOf(rig.queue.parked.show({ key: 'a' }))).length === 3);
    expect(await idsOf(rig.queue.parked.show({ key: 'a' }))).toEqual([
      expect.stringContaining('not written by keylane'),
      'a1',
      'a2',
    ]);
  });
});

describe('pending', () => {
  it('hold and release a key and a type, for whoever works', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    await rig.queue.pending.hold({ key: 'a' });
    const worker = await rig.started(story.handle);
    await enqueue(rig, 'a', 0, 2);
    await enqueue(rig, 'b', 0, 1);
    await until(() => Promise.resolve(story.done.length === 1));
    await rig.queue.pending.hold({ type: 'work' });
    await rig.queue.pending.release({ key: 'a' });
    expect(await rig.queue.pending.holds()).toMatchObject({ keys: [], types: [{ type: 'work' }] });
    const finished = many(worker, 'task-finished', 2);
    await rig.queue.pending.release({ type: 'work' });
    await finished;
    expect(story.done).toEqual(['b0', 'a0', 'a1']);
  });

  it('skip finishes one task without running it', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    story.bad.add('a1');
    const worker = await rig.started(story.handle, { ...quick, afterGiveUp: 'wait' });
    const held = next(worker, 'key-held');
    await enqueue(rig, 'a', 0, 3);
    await held;
    const skipped = next(worker, 'task-skipped');
    expect(await rig.queue.pending.skip({ key: 'a', id: 'a1', by: 'me', ...patient })).toMatchObject({
      outcome: 'skipped',
    });
    expect(await skipped).toMatchObject({ id: 'a1', key: 'a', by: 'me' });
    await until(() => Promise.resolve(story.done.length === 2));
    expect(story.of('a')).toEqual(['a0', 'a2']);
    expect(await rig.queue.pending.skip({ key: 'a', id: 'a1', ...patient })).toMatchObject({
      outcome: 'not-found',
    });
  });

  it('park takes a key out of the way, until it is redriven', async () => {
    await using rig = new QueueRig(one);
    const story = new Story();
    const worker = await rig.started(story.handle);
    await enqueue(rig, 'a', 0, 1);
    await until(() => Promise.resolve(story.done.length === 1));
    expect(await rig.queue.pending.park({ key: 'a', ...patient })).toMatchObject({ outcome: 'parked' });
    expect(await rig.queue.pending.park({ key: 'a', ...patient })).toMatchObject({
      outcome: 'already-parked',
    });
    await enqueue(rig, 'a', 1, 4);
    await until(async () => (await idsOf(rig.queue.parked.show({ key: 'a' }))).length === 3);
    expect((await rig.queue.parked.list()).parked).toMatchObject([{ key: 'a', reason: 'operator', id: '' }]);
    const finished = many(worker, 'task-finished', 3);
    await rig.queue.parked.redrive({ key: 'a' });
    await finished;
    expect(story.of('a')).toEqual(['a0', 'a1', 'a2', 'a3']);
  });
});

/** Looks again and again, a turn of the event loop apart. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}

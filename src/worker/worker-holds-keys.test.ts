import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import type { OutgoingRecord } from '../kafka/port.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';

const one = { topic: { partitions: 1 } };

/** A record of a key as keylane would write it, with some headers changed (undefined = left out). */
async function recordOf(
  rig: QueueRig,
  key: string,
  headers: Readonly<Record<string, string | undefined>> = {},
): Promise<OutgoingRecord> {
  const { key: bytes, value, headers: written } = await rig.queue.encode('work', { key, n: 0 });
  return {
    key: bytes,
    value,
    headers: written.flatMap(([name, content]) => {
      const changed = name in headers ? headers[name] : content;
      return changed === undefined ? [] : [[name, Buffer.from(changed)] as const];
    }),
  };
}

describe('a key is held, and no other, by', () => {
  it.each<[string, (rig: QueueRig) => Promise<OutgoingRecord>, string]>([
    ['a task of an unknown type', (rig) => recordOf(rig, 'bad', { 'kl-type': 'not.here' }), 'unknown-type'],
    ['a task of a newer version', (rig) => recordOf(rig, 'bad', { 'kl-version': '2' }), 'newer-version'],
    [
      "somebody else's record",
      async (rig) => ({ ...(await recordOf(rig, 'bad')), headers: [] }),
      'undecodable',
    ],
    [
      'a record that is no JSON',
      async (rig) => {
        const record = await recordOf(rig, 'bad');
        return { ...record, value: Buffer.alloc(record.value.length, 0x7b) };
      },
      'undecodable',
    ],
    [
      'a record that is not what it declares',
      (rig) => recordOf(rig, 'bad', { 'kl-length': '4' }),
      'undecodable',
    ],
  ])('%s', async (_what, make, reason) => {
    await using rig = new QueueRig(one);
    await rig.enqueue('warm');
    rig.cluster.write({ topic: 'q', partition: 0 }, [await make(rig)]);
    const seen: string[] = [];
    const worker = rig.worker(({ key, n }) => void seen.push(`${key}${n}`), { afterGiveUp: 'wait' });
    const held = next(worker, 'key-held');
    const finished = many(worker, 'task-finished', 4);
    await worker.start();
    await rig.enqueue('a', 'bad', 'b', 'a', 'bad');
    expect(await held).toMatchObject({ partition: 0, offset: 1n, key: 'bad', reason, attempts: 0 });
    await finished;
    expect(seen).toEqual(['warm0', 'a0', 'b2', 'a3']);
    expect(worker.health()).toMatchObject({ status: 'degraded', heldKeys: 1 });
    await worker.stop();
    // The held task is the committed offset; what was done out of order is not done again.
    expect(rig.cluster.committed('q', { topic: 'q', partition: 0 })?.offset).toBe(1);
  });

  it('a tombstone, and a record without a key holds only those without one', async () => {
    await using rig = new QueueRig(one);
    await rig.enqueue('warm');
    const good = await recordOf(rig, 'bad');
    rig.cluster.write({ topic: 'q', partition: 0 }, [{ ...good, key: null }]);
    const worker = rig.worker(() => {}, { afterGiveUp: 'wait' });
    const held = next(worker, 'key-held');
    const finished = next(worker, 'task-finished', ({ key }) => key === 'a');
    await worker.start();
    await rig.enqueue('a');
    expect(await held).toMatchObject({ key: '', reason: 'undecodable', type: 'work' });
    await finished;
  });
});

it('a held key goes on, in order, with a worker that knows the type: a rolling deploy is not an error', async () => {
  const schema = z.object({ key: z.string(), n: z.number() });
  await using rig = new QueueRig(one);
  const older = await rig.started(() => {});
  const newTasks = {
    work: defineTask({
      schema: z.object({ key: z.string(), count: z.number() }),
      key: ({ key }) => key,
      version: 2,
      upcast: {
        1: (old: unknown) => ({ key: (old as { key: string }).key, count: (old as { n: number }).n }),
      },
    }),
    brandNew: defineTask({ schema, key: ({ key }) => key }),
  };
  await using newer = new TaskQueue({
    name: 'q',
    tasks: newTasks,
    kafka: rig.kafka,
    ...one,
    logger: silentLogger,
  });
  const held = many(older, 'key-held', 2);
  const done = next(older, 'task-finished', ({ key }) => key === 'old');
  await rig.enqueue('old', 'a');
  await newer.enqueue('work', { key: 'a', count: 7 });
  await newer.enqueue('brandNew', { key: 'b', n: 8 });
  await rig.enqueue('a', 'b');
  expect((await held).map(({ reason }) => reason)).toEqual(['newer-version', 'unknown-type']);
  await done;
  await older.stop();
  const seen: unknown[] = [];
  const all = new Signal();
  const note = (what: unknown): void => {
    seen.push(what);
    if (seen.length === 4) all.resolve();
  };
  const worker = newer.worker(
    { work: ({ key, count }) => note([key, count]), brandNew: ({ key, n }) => note(['new', key, n]) },
    { logger: silentLogger },
  );
  await worker.start();
  await all.promise;
  const of = (key: string): unknown[] => seen.filter((what) => (what as unknown[]).includes(key));
  expect(of('a')).toEqual([
    ['a', 7],
    ['a', 0],
  ]);
  expect(of('b')).toEqual([
    ['new', 'b', 8],
    ['b', 1],
  ]);
});

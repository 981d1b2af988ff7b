import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { OperatorRig } from '../../test/support/operator-rig.ts';
import { EnqueueError } from '../errors/enqueue-error.ts';
import { OptionsError } from '../errors/options-error.ts';
import { QueueClosedError } from '../errors/parked-errors.ts';
import { TaskTypeUnknownError } from '../errors/task-errors.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';

async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'it was taken',
    (error: unknown) => error,
  );
}

describe('pending', () => {
  it("writes commands into the key's partition of the journal, in the order of the calls", async () => {
    await using rig = await OperatorRig.open();
    const { pending } = rig.queue;
    const receipts = await Promise.all([
      pending.hold({ key: 'é', by: 'alice' }),
      pending.release({ key: 'é' }),
      pending.park({ key: 'é' }),
    ]);
    const written = rig.commands();
    expect(written.map(({ verb }) => verb.name)).toEqual(['hold', 'release', 'park']);
    expect(written.map(({ id }) => id)).toEqual(receipts.map(({ id }) => id));
    expect(written[0]).toMatchObject({ group: 'q', by: 'alice', key: Buffer.from('é').toString('latin1') });
    expect(new Set(written.map(({ partition }) => partition)).size).toBe(1);
  });

  it('skips what is in the queue by now', async () => {
    await using rig = await OperatorRig.open();
    await rig.rig.enqueue('a', 'a', 'd');
    await rig.queue.pending.skip({ key: 'a', id: 't1' });
    await rig.queue.pending.skip({ key: 'd', id: 't2' });
    expect(rig.commands().map(({ partition, verb }) => ({ partition, ...verb }))).toEqual([
      { partition: 0, name: 'skip', taskId: 't1', below: 2 },
      { partition: 1, name: 'skip', taskId: 't2', below: 1 },
    ]);
  });

  it('holds a type in every partition, under its old names too', async () => {
    await using rig = await OperatorRig.open();
    const schema = z.object({ key: z.string() });
    await using queue = new TaskQueue({
      name: 'q',
      kafka: rig.rig.kafka,
      logger: silentLogger,
      topic: { partitions: 2 },
      tasks: { work: defineTask({ schema, key: ({ key }) => key, aliases: ['job'] }) },
    });
    await queue.pending.hold({ type: 'work', by: 'alice' });
    const written = rig.commands().map(({ partition, verb }) => ({ partition, ...verb }));
    expect(written).toHaveLength(4);
    for (const partition of [0, 1]) {
      for (const type of ['work', 'job']) {
        expect(written).toContainEqual({ partition, name: 'hold-type', type, of: 'work' });
      }
    }
    expect((await queue.pending.holds()).types).toMatchObject([
      { type: 'work', partitions: [0, 1], by: 'alice' },
      { type: 'job', partitions: [0, 1] },
    ]);
    await queue.pending.release({ type: 'work' });
    expect(await queue.pending.holds()).toEqual({ keys: [], types: [] });
  });

  it('tells what is held, since when and by whom', async () => {
    await using rig = await OperatorRig.open();
    const { pending } = rig.queue;
    await pending.hold({ key: 'a', by: 'alice' });
    await pending.hold({ key: 'd', by: 'bob' });
    await pending.release({ key: 'd' });
    await pending.hold({ key: 'b', group: 'billing' });
    expect(await pending.holds()).toEqual({
      keys: [{ key: 'a', partition: 0, by: 'alice', since: expect.any(Date) }],
      types: [],
    });
    expect((await pending.holds({ group: 'billing' })).keys).toMatchObject([{ key: 'b' }]);
  });

  it('waits for what the owner makes of a command', async () => {
    await using rig = await OperatorRig.open();
    const stop = rig.onCommand(({ id, key, verb }) => {
      if (verb.name === 'park') rig.mark(key, { command: id });
      else rig.done(0, id, 'not-found');
    });
    const { pending } = rig.queue;
    expect(await pending.park({ key: 'a', waitMs: 60_000 })).toMatchObject({ outcome: 'parked' });
    expect(await pending.skip({ key: 'a', id: 't', waitMs: 60_000 })).toMatchObject({
      outcome: 'not-found',
    });
    stop();
    expect(await pending.skip({ key: 'a', id: 't', waitMs: 5 })).toMatchObject({ outcome: undefined });
  });

  it.each<[string, (rig: OperatorRig) => Promise<unknown>]>([
    ['no key', ({ queue }) => queue.pending.park({} as never)],
    ['an empty key', ({ queue }) => queue.pending.park({ key: '' })],
    ['no task id', ({ queue }) => queue.pending.skip({ key: 'a' } as never)],
    ['neither key nor type', ({ queue }) => queue.pending.hold({} as never)],
    ['both key and type', ({ queue }) => queue.pending.release({ key: 'a', type: 'work' } as never)],
    ['a mistyped name', ({ queue }) => queue.pending.hold({ key: 'a', who: 'me' } as never)],
    ['a wait for a hold', ({ queue }) => queue.pending.hold({ key: 'a', waitMs: 5 } as never)],
  ])('refuses %s', async (_what, call) => {
    await using rig = await OperatorRig.open();
    expect(await refusal(call(rig))).toBeInstanceOf(OptionsError);
    expect(rig.commands()).toEqual([]);
  });

  it('says what it refuses, the key in plain', async () => {
    await using rig = await OperatorRig.open();
    const both = { key: 'order 7', type: 'work', by: 'alice' };
    expect(await refusal(rig.queue.pending.hold(both as never))).toMatchObject({
      problems: [{ value: JSON.stringify(both) }],
    });
    expect(await refusal(rig.queue.pending.park({ key: '', waitMs: 1 }))).toMatchObject({
      problems: [{ path: 'key', value: '""' }],
    });
  });

  it('knows the types', async () => {
    await using rig = await OperatorRig.open();
    const error = await refusal(rig.queue.pending.hold({ type: 'works' as 'work' }));
    expect(error).toBeInstanceOf(TaskTypeUnknownError);
    expect(error).toMatchObject({ suggestion: 'work' });
  });

  it('says when a command could not be written, and goes on with the next', async () => {
    await using rig = await OperatorRig.open();
    const { pending } = rig.queue;
    const tooLarge = { kind: 'too-large', code: 10, message: 'no' } as const;
    rig.rig.cluster.faults.refuseAppend({ topic: 'q.state', partition: 0 }, tooLarge);
    const first = refusal(pending.hold({ key: 'a' }));
    const second = pending.hold({ key: 'b' });
    expect(await first).toBeInstanceOf(EnqueueError);
    await second;
    expect(rig.commands()).toHaveLength(1);
  });

  it('ends with the queue', async () => {
    const rig = await OperatorRig.open();
    await rig.queue.close();
    expect(await refusal(rig.queue.pending.hold({ key: 'a' }))).toBeInstanceOf(QueueClosedError);
    expect(await refusal(rig.queue.pending.holds())).toBeInstanceOf(QueueClosedError);
    await rig[Symbol.asyncDispose]();
  });
});

import { describe, expect, it } from 'vitest';
import { OperatorRig } from '../../test/support/operator-rig.ts';
import { encodePart } from '../codec/part.ts';
import { OptionsError } from '../errors/options-error.ts';
import { NotParkedError, QueueClosedError } from '../errors/parked-errors.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import type { Reader } from '../kafka/port.ts';
import type { MarkRef } from './parked-mark.ts';
import type { ParkedTask } from './parked-task.ts';
import type { ParkedShowOptions } from './parked-tasks.ts';

async function shown(
  rig: OperatorRig,
  target: MarkRef | { readonly key: string },
  options?: ParkedShowOptions,
): Promise<ParkedTask[]> {
  const tasks: ParkedTask[] = [];
  for await (const task of rig.queue.parked.show(target, options)) tasks.push(task);
  return tasks;
}

async function offsets(rig: OperatorRig, target: MarkRef | { readonly key: string }): Promise<bigint[]> {
  return (await shown(rig, target)).map(({ offset }) => offset);
}

/** Copies one record under each of these source offsets. */
async function copies(rig: OperatorRig, mark: number, sources: readonly number[]): Promise<void> {
  for (const offset of sources) rig.copy(await rig.record('a', offset), { mark, offset });
}

describe('parked.show', () => {
  it('gives the tasks of a mark, in order, each once, however often owners began to copy them', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    await copies(rig, mark, [3, 5, 8, 3, 5, 8, 9, 8, 9, 12]);
    expect(await offsets(rig, { partition: 0, mark })).toEqual([3n, 5n, 8n, 9n, 12n]);
  });

  it('takes no copy whose predecessor was lost on the way: it comes again behind that', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    await copies(rig, mark, [3]);
    rig.copy(await rig.record('a', 8), { mark, offset: 8 }, { prev: '5' });
    rig.copy(await rig.record('a', 5), { mark, offset: 5 });
    rig.copy(await rig.record('a', 8), { mark, offset: 8 }, { prev: '5' });
    expect(await offsets(rig, { partition: 0, mark })).toEqual([3n, 5n, 8n]);
  });

  it('leaves out what a redrive has done, and what was discarded', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    await copies(rig, mark, [3, 5, 8, 9]);
    rig.write(0, { kind: 'progress', epoch: rig.epoch(0), mark, done: 3 });
    const verb = { name: 'discard-task', mark, offset: 8 } as const;
    rig.write(0, { kind: 'command', key: 'a', by: 'me', atMs: 1, id: 'one', verb });
    rig.done(0, 'one', 'discarded');
    expect(await offsets(rig, { partition: 0, mark })).toEqual([5n, 9n]);
  });

  it('leaves out copies of other marks, partitions and groups, and what is no copy', async () => {
    await using rig = await OperatorRig.open();
    const before = rig.mark('a');
    await copies(rig, before, [1]);
    rig.write(0, {
      kind: 'cleared',
      epoch: rig.epoch(0),
      mark: before,
      how: 'redriven',
      upTo: 1,
      command: '',
    });
    const mark = rig.mark('a', { from: 4 });
    const record = await rig.record('a', 0);
    rig.copy(record, { mark: before, offset: 2 });
    rig.copy(record, { mark, offset: 4, group: 'other' });
    rig.copy(record, { mark, offset: 5 }, { partition: '2' });
    const part = { upload: 'u', index: 0, content: Buffer.alloc(900_000), crc: 0, frame: undefined };
    rig.rig.cluster.write({ topic: 'q.parked', partition: 0 }, [record, encodePart(part)]);
    rig.copy(record, { mark, offset: 6 });
    expect(await offsets(rig, { partition: 0, mark })).toEqual([6n]);
  });

  it('tells of each task what its record says', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    const record = await rig.record('a', 7, { tenant: 't1' });
    rig.copy(record, { mark, offset: 3 }, { attempts: '5', error: 'Error: broken' });
    const [task] = await shown(rig, { partition: 0, mark });
    expect(task).toMatchObject({
      kind: 'task',
      partition: 0,
      mark,
      offset: 3n,
      key: 'a',
      id: 'a7',
      idempotencyKey: 'a7',
      type: 'work',
      version: 1,
      headers: { tenant: 't1' },
      parkedAt: new Date(2_000),
      attempts: 5,
      error: 'Error: broken',
      payload: undefined,
      payloadProblem: undefined,
    });
    expect(task?.bytes).toBeGreaterThan(record.value.length);
    expect(task?.kind === 'task' && task.enqueuedAt.getTime()).toBeGreaterThan(0);
  });

  it('decodes payloads when asked to, and says why when it cannot', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    const record = await rig.record('a', 7);
    rig.copy(record, { mark, offset: 3 });
    rig.copy({ ...record, value: Buffer.alloc(record.value.length, 0x7b) }, { mark, offset: 4 });
    const [good, bad] = await shown(rig, { partition: 0, mark }, { payload: true });
    expect(good).toMatchObject({ payload: { key: 'a', n: 7 }, payloadProblem: undefined });
    expect(bad).toMatchObject({ kind: 'task', payload: undefined, payloadProblem: expect.any(String) });
  });

  it('says of what is no task of ours why not', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a', { reason: 'undecodable', type: '', id: '' });
    rig.copy({ key: Buffer.from('a'), value: Buffer.from('?'), headers: [] }, { mark, offset: 3 });
    expect(await shown(rig, { partition: 0, mark })).toMatchObject([
      {
        kind: 'undecodable',
        offset: 3n,
        key: 'a',
        problem: expect.stringContaining('not written by keylane'),
      },
    ]);
  });

  it.each([
    ['that names another topic', { parkedTopicId: 'before' }],
    ['that begins beyond the end', { parkedFrom: 90 }],
  ])('gives what there is of a mark %s, and says that more may be gone', async (_what, given) => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a', given);
    await copies(rig, mark, [2, 3]);
    const ids: bigint[] = [];
    const all = (async () => {
      for await (const task of rig.queue.parked.show({ partition: 0, mark })) ids.push(task.offset);
    })();
    await expect(all).rejects.toMatchObject({
      code: 'PARKED_TASKS_LOST',
      message: expect.stringContaining('made anew'),
    });
    expect(ids).toEqual([2n, 3n]);
  });

  it('gives all that is parked of a key', async () => {
    await using rig = await OperatorRig.open();
    const one = rig.mark('a', { scope: 'task', from: 2 });
    await copies(rig, one, [2]);
    const other = rig.mark('b');
    rig.copy(await rig.record('b', 0), { mark: other, offset: 3 });
    const rest = rig.mark('a', { from: 5 });
    await copies(rig, rest, [5, 6]);
    expect(await offsets(rig, { key: 'a' })).toEqual([2n, 5n, 6n]);
  });

  it('reads no further than a single task', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a', { scope: 'task', from: 2 });
    await copies(rig, mark, [2, 3]);
    expect(await offsets(rig, { partition: 0, mark })).toEqual([2n]);
  });

  it('gives nothing as long as nothing was copied', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    expect(await shown(rig, { partition: 0, mark })).toEqual([]);
  });

  it('says at the end when records were deleted that may have been of these tasks', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    await copies(rig, mark, [3, 5]);
    rig.rig.cluster.deleteRecords({ topic: 'q.parked', partition: 0 }, 1);
    const seen: bigint[] = [];
    const all = (async () => {
      for await (const { offset } of rig.queue.parked.show({ key: 'a' })) seen.push(offset);
    })();
    await expect(all).rejects.toMatchObject({ code: 'PARKED_TASKS_LOST', topic: 'q.parked', logStart: 1 });
    expect(seen).toEqual([5n]);
  });

  it('says that nothing is parked under a name', async () => {
    await using rig = await OperatorRig.open();
    await expect(shown(rig, { key: 'a' })).rejects.toMatchObject({ code: 'NOT_PARKED', group: 'q' });
    await expect(shown(rig, { partition: 0, mark: 99 })).rejects.toBeInstanceOf(NotParkedError);
  });

  it('refuses at once what names nothing', async () => {
    await using rig = await OperatorRig.open();
    expect(() => rig.queue.parked.show({ mark: -1, partition: 0 })).toThrow(OptionsError);
    expect(() => rig.queue.parked.show({} as never)).toThrow(OptionsError);
    expect(() => rig.queue.parked.show({ key: 'a' }, { payloads: true } as never)).toThrow(OptionsError);
  });

  it('leaves no reader open, whether it is read to its end, left, or forgotten', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    await copies(rig, mark, [3, 5]);
    const open = new Set<Reader>();
    const driver = memoryDriver(rig.rig.cluster);
    const counted: typeof driver = {
      ...driver,
      reader: async (options) => {
        const reader = await driver.reader(options);
        open.add(reader);
        const close = reader.close.bind(reader);
        return Object.assign(reader, {
          close: async () => {
            open.delete(reader);
            await close();
          },
        });
      },
    };
    const queue = rig.rig.open(rig.rig.connect(counted));
    for await (const _task of queue.parked.show({ partition: 0, mark })) expect(open.size).toBe(1);
    expect(open.size).toBe(0);
    for await (const _task of queue.parked.show({ partition: 0, mark })) break;
    expect(open.size).toBe(0);
    const forgotten = queue.parked.show({ partition: 0, mark })[Symbol.asyncIterator]();
    await forgotten.next();
    expect(open.size).toBe(1);
    await queue.close();
    expect(open.size).toBe(0);
    await forgotten.next(); // it was here already
    await expect(forgotten.next()).resolves.toMatchObject({ done: true });
    await expect(queue.parked.show({ key: 'a' })[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(
      QueueClosedError,
    );
  });
});

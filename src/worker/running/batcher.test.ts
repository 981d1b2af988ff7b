import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { Signal } from '../../../test/support/queue-rig.ts';
import { ManualClock } from '../../clock/manual-clock.ts';
import { Batcher } from './batcher.ts';
import type { ResolvedHandler } from './handler-map.ts';
import type { TaskContext } from './task-context.ts';
import { TaskSignals } from './task-signals.ts';

type BatchSettings = Extract<ResolvedHandler, { kind: 'batch' }>;
type Tasks = Parameters<BatchSettings['handle']>[0];

/** A batcher whose batches are noted; tasks are named by their payloads. */
class BatchRig {
  readonly clock = new ManualClock();
  readonly batches: unknown[][] = [];
  readonly begun: string[] = [];
  readonly ends = new Map<string, unknown>();
  readonly signals = new Map<string, TaskSignals>();
  readonly batcher: Batcher;

  constructor(settings: Partial<BatchSettings> = {}) {
    const { handle = (): void => {} } = settings;
    this.batcher = new Batcher(
      {
        kind: 'batch',
        maxSize: 3,
        maxBytes: 1_000,
        maxWaitMs: 50,
        ...settings,
        handle: (tasks) => {
          this.batches.push(tasks.map(({ payload }) => payload));
          return handle(tasks);
        },
      },
      this.clock,
    );
  }

  async add(name: string, bytes = 1): Promise<void> {
    const signals = this.signals.get(name) ?? new TaskSignals();
    this.signals.set(name, signals);
    const begin = (): void => void this.begun.push(name);
    const context = { id: name } as TaskContext; // all that is looked at here
    const hasStoodStill = (): boolean => false;
    this.batcher.add({ place: name, payload: name, context, signals, bytes, hasStoodStill, begin }).then(
      () => this.ends.set(name, 'done'),
      (error: unknown) => this.ends.set(name, error),
    );
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a batch is handed over', () => {
  it('when it has as many tasks as it may', async () => {
    const rig = new BatchRig();
    for (const name of ['a', 'b', 'c', 'd']) await rig.add(name);
    expect(rig.batches).toEqual([['a', 'b', 'c']]);
    expect([...rig.ends]).toEqual([
      ['a', 'done'],
      ['b', 'done'],
      ['c', 'done'],
    ]);
  });

  it('when its first task has waited for long enough; the next batch waits anew', async () => {
    const rig = new BatchRig();
    await rig.add('a');
    await rig.clock.advance(40);
    await rig.add('b');
    expect([rig.batches, rig.begun]).toEqual([[], []]);
    await rig.clock.advance(10);
    expect([rig.batches, rig.begun]).toEqual([[['a', 'b']], ['a', 'b']]);
    await rig.add('c');
    await rig.clock.advance(49);
    expect(rig.batches).toHaveLength(1);
    await rig.clock.advance(1);
    expect(rig.batches).toEqual([['a', 'b'], ['c']]);
  });

  it('before it would become too large; one that is too large by itself goes alone', async () => {
    const rig = new BatchRig();
    await rig.add('a', 600);
    await rig.add('b', 600);
    expect(rig.batches).toEqual([['a']]);
    await rig.add('c', 5_000);
    expect(rig.batches).toEqual([['a'], ['b'], ['c']]);
  });

  it('at once when one of its tasks is to come to an end soon, or was told so before', async () => {
    const rig = new BatchRig();
    await rig.add('a');
    await rig.add('b');
    rig.signals.get('a')?.drain();
    await settle();
    expect(rig.batches).toEqual([['a', 'b']]);
    const draining = new TaskSignals();
    draining.drain();
    rig.signals.set('c', draining);
    await rig.add('c');
    expect(rig.batches).toEqual([['a', 'b'], ['c']]);
  });

  it('without those whose work became void while they waited', async () => {
    const rig = new BatchRig();
    await rig.add('a');
    await rig.add('b');
    for (const name of ['a', 'b']) rig.signals.get(name)?.abort('partition-lost');
    await settle();
    expect(rig.batches).toEqual([]);
    expect(rig.ends.get('b')).toMatchObject({ code: 'PARTITION_LOST' });
  });
});

describe('of a batch', () => {
  it('each task fails by itself, and nothing ends before the handler does', async () => {
    const end = new Signal();
    const bad = new Error('bad address');
    const rig = new BatchRig({
      handle: async ([, second]: Tasks) => {
        second?.fail(bad);
        await end.promise;
      },
    });
    for (const name of ['a', 'b', 'c']) await rig.add(name);
    expect(rig.ends.size).toBe(0);
    end.resolve();
    await settle();
    expect([...rig.ends.values()]).toEqual(['done', bad, 'done']);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('down'))],
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
  ])('all tasks fail when the handler %s, but for those that failed by themselves', async (_how, fail) => {
    const own = new Error('own');
    const rig = new BatchRig({
      handle: (tasks) => {
        tasks[0]?.fail(own);
        return fail();
      },
    });
    for (const name of ['a', 'b', 'c']) await rig.add(name);
    expect(rig.ends.get('a')).toBe(own);
    expect(rig.ends.get('b')).toMatchObject({ message: 'down' });
    expect(rig.ends.get('c')).toMatchObject({ message: 'down' });
  });

  it('that failed as a whole each task is tried by itself: one bad task fails alone from then on', async () => {
    const rig = new BatchRig({
      handle: (tasks) => {
        if (tasks.some(({ payload }) => payload === 'bad')) throw new Error('refused');
      },
    });
    for (const name of ['a', 'bad', 'c']) await rig.add(name);
    expect(rig.ends.get('a')).toMatchObject({ message: 'refused' });
    for (const name of ['a', 'bad', 'c']) await rig.add(name);
    expect(rig.batches).toEqual([['a', 'bad', 'c'], ['a'], ['bad'], ['c']]);
    expect([rig.ends.get('a'), rig.ends.get('c')]).toEqual(['done', 'done']);
    for (const name of ['d', 'e', 'a']) await rig.add(name);
    expect(rig.batches.at(-1)).toEqual(['d', 'e', 'a']); // its next task is one of many again
  });
});

it('a batch runs in the scope of none of its tasks', async () => {
  const scope = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const rig = new BatchRig({ maxSize: 2, handle: () => void seen.push(scope.getStore()) });
  await scope.run('first', () => rig.add('a'));
  await scope.run('second', () => rig.add('b'));
  expect(seen).toEqual([undefined]);
});

import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import type { PartitionEffect } from './effects.ts';

type Read = Extract<PartitionEffect, { kind: 'read-parked' }>;

/** All tasks of these keys are parked. */
function parked(keys: readonly string[]): ParkedRig {
  const at = new ParkedRig({ concurrency: 100 });
  at.rig.records(at.partition, itemsOf(0, keys));
  for (const key of new Set(keys)) at.giveUp(key);
  at.settle();
  return at;
}

function many(count: number): string[] {
  return Array<string>(count).fill('k');
}

function redrive(at: ParkedRig, key: string): void {
  at.command(key, { name: 'redrive', mark: at.markOf(key) });
}

function reads(at: ParkedRig): Read[] {
  return at.rig.of('read-parked');
}

/** What is open is answered but for reads; those are given back. */
function answerWrites(at: ParkedRig): Read[] {
  const left: Read[] = [];
  for (let open = at.open(); open.length > 0; open = at.open()) {
    for (const effect of open) {
      if (effect.kind === 'read-parked') left.push(effect);
      else at.answer(effect);
    }
  }
  return left;
}

/** Memory is short: parked tasks come one by one. Key k's first one runs, and the next one is being read. */
function oneByOne(count: number): { readonly at: ParkedRig; readonly next: Read } {
  const at = parked(many(count));
  at.rig.budget.take(200_000_000);
  redrive(at, 'k');
  const [first] = answerWrites(at);
  if (first === undefined) throw new Error('nothing is read');
  at.answer(first);
  const [next] = answerWrites(at);
  if (next === undefined || at.rig.running.length !== 1)
    throw new Error('no task runs while the next is read');
  return { at, next };
}

function isLost(at: ParkedRig, read: Read): void {
  const found = read.wants.map(({ mark }) => ({ mark, items: [], next: 9, atEnd: false, lostBelow: 9 }));
  at.rig.tell((core, now) => core.parkedRead(now, at.partition, found));
}

describe('parked tasks that run again', () => {
  it('are read on when fewer than eight are at hand', () => {
    const at = parked(many(100));
    redrive(at, 'k');
    at.settle();
    for (let i = 0; i < 24; i += 1) at.finish(at.rig.runOf('k'));
    expect(reads(at)).toHaveLength(1);
    at.finish(at.rig.runOf('k'));
    expect(reads(at)).toHaveLength(2);
    at.finishAll();
    expect(at.done).toEqual(Array.from({ length: 100 }, (_, i) => `done k${i}`));
  });

  it('are read only once the journal says that their redrive has begun', () => {
    const at = parked(['k', 'l']);
    redrive(at, 'k');
    const [read] = answerWrites(at);
    if (read === undefined) throw new Error('nothing is read');
    redrive(at, 'l');
    const [begins] = at.open();
    at.answer(read);
    expect(reads(at)).toEqual([read]);
    if (begins !== undefined) at.answer(begins);
    expect(reads(at)[1]?.wants).toMatchObject([{ mark: at.markOf('l') }]);
  });

  it('of other keys are read when the read under way has been answered', () => {
    const at = parked(['k', 'l']);
    redrive(at, 'k');
    const [read] = answerWrites(at);
    if (read === undefined) throw new Error('nothing is read');
    redrive(at, 'l');
    expect(answerWrites(at)).toEqual([]);
    at.answer(read);
    expect(answerWrites(at)).toMatchObject([{ wants: [{ mark: at.markOf('l') }] }]);
  });

  it('are read for 64 keys in one go', () => {
    const keys = Array.from({ length: 70 }, (_, i) => `k${i}`);
    const at = parked(keys);
    for (const key of keys) redrive(at, key);
    at.settle();
    expect(reads(at).map(({ wants }) => wants.length)).toEqual([1, 64, 5]);
    at.finishAll();
    expect(at.done).toHaveLength(70);
  });

  it('wait behind one that is to be tried again, also when they were read meanwhile', () => {
    const { at, next } = oneByOne(3);
    at.rig.fail(at.rig.runOf('k'), { delayMs: 50_000 });
    at.answer(next);
    expect(at.rig.runningKeys).toEqual([]);
    at.rig.pass(50_000);
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });
});

describe('parked tasks that come late', () => {
  it('are not kept when their partition is being given up, and no more are read', () => {
    const { at, next } = oneByOne(3);
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.answer(next);
    expect(at.rig.budget.usedBytes).toBe(200_000_100);
    at.finish(at.rig.runOf('k'));
    expect(reads(at)).toHaveLength(2);
    at.settle();
    expect(at.rig.budget.usedBytes).toBe(200_000_000);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('are not kept when the one before them has given up', () => {
    const { at, next } = oneByOne(3);
    at.giveUp('k');
    at.answer(next);
    at.settle();
    expect(at.rig.budget.usedBytes).toBe(200_000_000);
    expect(at.rig.runningKeys).toEqual([]);
  });

  it('are not run when their redrive has failed and another one has begun', () => {
    const { at, next } = oneByOne(3);
    at.giveUp('k');
    answerWrites(at);
    redrive(at, 'k');
    answerWrites(at);
    at.answer(next);
    expect(at.rig.runningKeys).toEqual([]);
    expect(at.rig.budget.usedBytes).toBe(200_000_000);
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });
});

describe('parked tasks that are gone from the log', () => {
  it('let the one that runs come to its end before their key is held', () => {
    const { at, next } = oneByOne(3);
    isLost(at, next);
    expect(at.rig.reports('key-held')).toEqual([]);
    at.finish(at.rig.runOf('k'));
    expect(at.rig.reports('key-held')).toMatchObject([{ key: 'k', reason: 'data-loss', offset: 1 }]);
    at.rig.pass(60_000);
    expect(reads(at)).toHaveLength(2);
    expect(at.rig.budget.usedBytes).toBe(200_000_000);
  });

  it('give back their memory once, also when they are discarded while one of them runs', () => {
    const { at, next } = oneByOne(3);
    isLost(at, next);
    at.command('k', { name: 'discard', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.settle();
    expect(at.rig.budget.usedBytes).toBe(200_000_000);
    expect(at.partition.bufferedBytes).toBe(0);
    expect(at.partition.marks.size).toBe(0);
  });

  it('are discarded at once by who asked for it before they were found to be gone', () => {
    const at = parked(['k', 'k']);
    redrive(at, 'k');
    const [read] = answerWrites(at);
    if (read === undefined) throw new Error('nothing is read');
    at.command('k', { name: 'discard', mark: at.markOf('k') });
    isLost(at, read);
    at.settle();
    expect(at.rig.reports('redrive-failed')).toMatchObject([{ key: 'k', taskCount: 0 }]);
    expect(at.rig.reports('parked-discarded')).toHaveLength(1);
    expect([at.partition.marks.size, at.partition.commands.length]).toEqual([0, 0]);
  });

  it.each(['before', 'after'] as const)(
    'are discarded when it was one task, and that is asked for %s it is found to be gone',
    (when) => {
      const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
      at.rig.records(at.partition, itemsOf(0, ['k']));
      at.giveUp('k');
      at.settle();
      const [mark = -1] = at.partition.marks.keys();
      at.command('k', { name: 'redrive', mark });
      const [read] = answerWrites(at);
      if (read === undefined) throw new Error('nothing is read');
      if (when === 'after') isLost(at, read);
      const { id } = at.command('k', { name: 'discard-task', mark, offset: 0 });
      if (when === 'before') isLost(at, read);
      at.settle();
      expect(at.partition.marks.size).toBe(0);
      expect(at.rig.reports('command-done').filter(({ command }) => command === id)).toMatchObject([
        { verb: 'discard', outcome: 'discarded' },
      ]);
    },
  );

  it('are left to the next owner when their partition is being given up', () => {
    const { at, next } = oneByOne(3);
    at.command('k', { name: 'discard', mark: at.markOf('k') });
    isLost(at, next);
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.finish(at.rig.runOf('k'));
    at.settle();
    expect(at.rig.reports('redrive-failed')).toEqual([]);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('wait for an operator when it is something else that is to be discarded', () => {
    const at = parked(['k', 'l', 'k']);
    redrive(at, 'k');
    const [read] = answerWrites(at);
    if (read === undefined) throw new Error('nothing is read');
    at.command('k', { name: 'discard-task', mark: at.markOf('k'), offset: 2 });
    isLost(at, read);
    at.settle();
    expect(at.rig.reports('redrive-failed')).toEqual([]);
    expect(at.partition.commands).toHaveLength(1);
  });

  it('are looked for once more when their key is released', () => {
    const at = parked(['k', 'k']);
    redrive(at, 'k');
    const [read] = answerWrites(at);
    if (read === undefined) throw new Error('nothing is read');
    isLost(at, read);
    expect(answerWrites(at)).toEqual([]);
    at.command('k', { name: 'release' });
    const again = answerWrites(at);
    expect(again).toEqual([read]);
    for (const effect of again) at.answer(effect);
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
  });

  it('do not keep others from being read', () => {
    const at = parked(['k', 'l']);
    redrive(at, 'k');
    const [read] = answerWrites(at);
    if (read === undefined) throw new Error('nothing is read');
    isLost(at, read);
    redrive(at, 'l');
    at.settle();
    expect(reads(at)[1]?.wants).toMatchObject([{ mark: at.markOf('l') }]);
    expect(at.rig.runningKeys).toEqual(['l']);
  });
});

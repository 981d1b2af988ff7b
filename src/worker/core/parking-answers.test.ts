import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig, parkedAfterGivingUp, withTasks } from '../../../test/support/parked-rig.ts';
import type { CoreConfig } from './core-state.ts';
import type { PartitionEffect } from './effects.ts';

function givenUp(count: number, config?: Partial<CoreConfig>): ParkedRig {
  const at = withTasks(count, config);
  at.giveUp('k');
  return at;
}

/** The mark of key k is redriven; nothing has been answered yet. */
function redriving(count: number): ParkedRig {
  const at = parkedAfterGivingUp(count);
  at.command('k', { name: 'redrive', mark: at.markOf('k') });
  return at;
}

/** Answers in turn until an effect of this kind is open, which it gives back unanswered. */
function until<K extends PartitionEffect['kind']>(
  at: ParkedRig,
  kind: K,
): Extract<PartitionEffect, { readonly kind: K }> {
  const isIt = (effect: PartitionEffect): effect is Extract<PartitionEffect, { readonly kind: K }> =>
    effect.kind === kind;
  for (let round = 0; round < 100; round += 1) {
    for (const effect of at.open()) {
      if (isIt(effect)) return effect;
      at.answer(effect);
    }
    if (at.rig.core.state.commitUnderWay) at.rig.ack();
    at.rig.pass(20);
  }
  throw new Error(`no '${kind}' is asked for`);
}

function lose(at: ParkedRig): void {
  at.rig.tell((core, now) => core.lost(now, [0]));
}

describe('an answer that comes when the partition is gone changes nothing', () => {
  it.each(['mark', 'copy'] as const)('to a %s', (kind) => {
    const at = givenUp(2);
    const effect = until(at, kind);
    lose(at);
    const before = at.rig.effects.length;
    at.answer(effect);
    expect(at.rig.effects.length).toBe(before);
    expect(at.partition.openWrites).toBe(0);
  });

  it.each(['write', 'read-parked'] as const)('to a %s of a redrive', (kind) => {
    const at = redriving(2);
    const effect = until(at, kind);
    lose(at);
    const before = at.rig.effects.length;
    at.answer(effect);
    expect(at.rig.effects.length).toBe(before);
    expect(at.partition.openWrites).toBe(0);
  });

  it('to the end of a mark', () => {
    const at = givenUp(1);
    at.settle();
    const { id } = at.command('k', { name: 'discard', mark: at.markOf('k') });
    const effect = until(at, 'write');
    expect(effect).toMatchObject({ write: { kind: 'cleared', how: 'discarded', command: id, upTo: 0 } });
    lose(at);
    at.answer(effect);
    expect(at.rig.reports('parked-discarded')).toEqual([]);
  });
});

describe('what is told', () => {
  it('of a key that gave up', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['l', 'k', 'k']));
    const { item } = at.rig.runOf('k');
    at.giveUp('k');
    at.settle();
    expect(at.rig.reports('parked')).toEqual([
      {
        kind: 'parked',
        partition: 0,
        key: 'k',
        scope: 'key',
        mark: at.markOf('k'),
        offset: 1,
        item,
        reason: 'asked',
        error: new Error('useless'),
      },
    ]);
    expect(at.rig.reports('command-done')).toEqual([]);
  });

  it('of a key that was parked by hand', () => {
    const at = new ParkedRig();
    const { id } = at.command('k', { name: 'park' });
    at.settle();
    expect(at.rig.reports('parked')).toMatchObject([{ key: 'k', item: undefined, reason: 'operator' }]);
    expect(at.rig.reports('command-done')).toMatchObject([
      { partition: 0, command: id, verb: 'park', outcome: 'parked' },
    ]);
  });

  it('of a redrive that goes well', () => {
    const at = redriving(3);
    const mark = at.markOf('k');
    at.finishAll();
    const about = { partition: 0, key: 'k', mark };
    expect(at.rig.reports('redrive-began')).toMatchObject([{ ...about, taskCount: 0 }]);
    expect(at.rig.reports('redriven')).toMatchObject([{ ...about, taskCount: 3 }]);
    expect(at.rig.reports('command-done')).toMatchObject([{ verb: 'redrive', outcome: 'redriven' }]);
    expect(at.rig.budget.usedBytes).toBe(0);
    expect(at.partition.bufferedBytes).toBe(0);
  });

  it('of a redrive that fails', () => {
    const at = redriving(3);
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.giveUp('k');
    at.settle();
    expect(at.rig.reports('redrive-failed')).toMatchObject([{ key: 'k', error: new Error('useless') }]);
    expect(at.rig.reports('command-done')).toMatchObject([{ verb: 'redrive', outcome: 'gave-up' }]);
    expect(at.story.filter((line) => line.startsWith('progress'))).toEqual(['progress k -1', 'progress k 0']);
    expect(at.partition.parkedKeys.get('k')).toMatchObject({ stage: 'parked', done: 0, stalls: 0 });
    expect(at.partition.ending.size).toBe(0);
    expect(at.partition.redrives.size).toBe(0);
  });

  it('of what was discarded', () => {
    const at = givenUp(2);
    at.settle();
    const { id } = at.command('k', { name: 'discard', mark: at.markOf('k') });
    at.settle();
    expect(at.rig.reports('parked-discarded')).toMatchObject([{ key: 'k', taskCount: 0 }]);
    expect(at.rig.reports('command-done')).toMatchObject([
      { command: id, verb: 'discard', outcome: 'discarded' },
    ]);
    expect(at.partition.doneAside.get('k')).toBe(1);
  });

  it('of parked tasks that Kafka has deleted', () => {
    const at = redriving(2);
    const effect = until(at, 'read-parked');
    if (effect.kind !== 'read-parked') throw new Error('not a read');
    const [want] = effect.wants;
    if (want === undefined) throw new Error('nothing is wanted');
    const found = { mark: want.mark, items: [], next: 9, atEnd: true, lostBelow: 9 };
    at.rig.tell((core, now) => core.parkedRead(now, at.partition, [found]));
    expect(at.rig.reports('key-held')).toMatchObject([
      { key: 'k', reason: 'data-loss', offset: 0, attempts: 0, item: undefined },
    ]);
    at.settle();
    expect(at.rig.of('read-parked')).toHaveLength(1);
    expect(at.partition.marks.size).toBe(1);
  });
});

describe('a copy', () => {
  it('says with its first task why it gave up, and after how many tries', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.rig.fail(at.rig.runOf('k'), { delayMs: 10 });
    at.rig.pass(20);
    at.giveUp('k');
    at.settle();
    at.rig.records(at.partition, itemsOf(3, ['k']));
    at.settle();
    const copies = at.rig.of('copy').map(({ copy }) => copy);
    expect(copies.map(({ items }) => items.map(({ offset }) => offset))).toEqual([[0, 1, 2], [3]]);
    expect(copies.map(({ cause, attempts }) => [cause?.reason, attempts])).toEqual([
      ['asked', 2],
      [undefined, 0],
    ]);
    expect(at.partition.parkedKeys.get('k')?.cause).toBeUndefined();
    expect(at.partition.startedBelow).toBeGreaterThanOrEqual(4);
  });

  it('of a single task takes that one only', () => {
    const at = givenUp(3, { afterGiveUp: () => 'parkTask' });
    at.finishAll();
    expect(at.rig.of('copy').map(({ copy }) => copy.items.length)).toEqual([1]);
    expect(at.done).toEqual(['done k1', 'done k2']);
  });

  it('is made again after a while when it failed, with the same tasks', () => {
    const at = givenUp(2);
    const effect = until(at, 'copy');
    at.rig.tell((core, now) => core.effectFailed(now, effect));
    at.rig.records(at.partition, itemsOf(2, ['k']));
    at.rig.pass(400);
    expect(at.open()).toEqual([]);
    at.rig.pass(100);
    expect(at.open()).toEqual([effect]);
    at.answer(effect);
    at.settle();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1, 2]);
  });
});

describe('copies of which only the first are made', () => {
  it('go on with the next task', () => {
    const at = givenUp(3);
    const { copy, partition } = until(at, 'copy');
    const [first] = copy.items;
    if (first === undefined) throw new Error('nothing is copied');
    at.append({ kind: 'copy', partition, copy: { ...copy, items: [first] } });
    at.rig.tell((core, now) => core.copied(now, partition, { ...copy, items: [first] }));
    at.settle();
    const copies = at.rig.of('copy').map((effect) => effect.copy);
    expect(copies.map(({ items }) => items.map(({ offset }) => offset))).toEqual([
      [0, 1, 2],
      [1, 2],
    ]);
    expect(copies[1]?.cause).toBeUndefined();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1, 2]);
    expect(at.partition.committedFrontier).toBe(3);
  });

  it('or none, keep nobody waiting when the partition is given up', () => {
    const at = givenUp(2);
    const { copy, partition } = until(at, 'copy');
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.rig.pass(10);
    expect(at.rig.of('answer-revoke')).toEqual([]);
    at.rig.tell((core, now) => core.copied(now, partition, { ...copy, items: [] }));
    expect(partition.parkedKeys.get('k')?.cause?.cause.reason).toBe('asked');
    for (let n = 0; n < 3; n += 1) {
      at.rig.pass(20);
      if (at.rig.core.state.commitUnderWay) at.rig.ack();
    }
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
    expect(at.rig.of('copy')).toHaveLength(1);
  });
});

describe('parked tasks', () => {
  it('are read one after the other while all memory is taken', () => {
    const at = redriving(3);
    at.rig.budget.take(200_000_000);
    expect(until(at, 'read-parked')).toMatchObject({ wants: [{ after: -1, from: 0, count: 1 }] });
  });

  it('are read one at a time for a single task, and many for a key', () => {
    const single = givenUp(1, { afterGiveUp: () => 'parkTask' });
    single.settle();
    const [mark] = single.partition.marks.keys();
    single.command('k', { name: 'redrive', mark: mark ?? -1 });
    expect(until(single, 'read-parked')).toMatchObject({ wants: [{ count: 1 }] });
    const whole = until(redriving(2), 'read-parked');
    expect(whole.kind === 'read-parked' && (whole.wants[0]?.count ?? 0) > 1).toBe(true);
  });

  it('that were read already are not run again when they are found a second time', () => {
    const at = redriving(3);
    const effect = until(at, 'read-parked');
    if (effect.kind !== 'read-parked') throw new Error('not a read');
    const [want] = effect.wants;
    if (want === undefined) throw new Error('nothing is wanted');
    const items = [itemOf(0, 'k'), itemOf(0, 'k'), itemOf(1, 'k'), itemOf(1, 'k'), itemOf(2, 'k')];
    const found = { mark: want.mark, items, next: 3, atEnd: true, lostBelow: 0 };
    at.rig.tell((core, now) => core.parkedRead(now, at.partition, [found]));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });

  it('are waited for by those that came to the queue meanwhile', () => {
    const at = redriving(2);
    until(at, 'read-parked');
    at.rig.records(at.partition, itemsOf(2, ['k', 'l']));
    expect(at.rig.runningKeys).toEqual(['l']);
  });

  it('found for a mark that is not being redriven are left alone', () => {
    const at = givenUp(2);
    at.settle();
    const found = { mark: at.markOf('k'), items: [itemOf(0, 'k')], next: 1, atEnd: true, lostBelow: 0 };
    at.rig.tell((core, now) => core.parkedRead(now, at.partition, [found]));
    at.settle();
    expect(at.rig.runningKeys).toEqual([]);
    expect(at.partition.marks.size).toBe(1);
  });
});

describe('progress of a redrive', () => {
  it('is written when the partition is given up', () => {
    const at = redriving(3);
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.rig.finish(at.rig.runOf('k'));
    at.settle();
    expect(at.story).toContain('progress k 1');
  });

  it('is written once while it is being written', () => {
    const at = redriving(4);
    at.settle();
    at.open();
    at.finish(at.rig.runOf('k'));
    at.rig.pass(50);
    at.finish(at.rig.runOf('k'));
    at.rig.pass(50);
    at.rig.pass(50);
    const open = at.open().filter(({ kind }) => kind === 'write');
    expect(open).toMatchObject([{ write: { kind: 'progress', done: 0 } }]);
    for (const effect of open) at.answer(effect);
    at.rig.pass(50);
    expect(at.open()).toMatchObject([{ write: { kind: 'progress', done: 1 } }]);
  });
});

describe('a partition that stops because tasks are lost', () => {
  it('is not read any more, and says what is lost', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a')]);
    const told = rig.tell((core, at) => core.tailStalled(at, partition, 5));
    expect(told.map(({ kind }) => kind)).toEqual(['stop-reading', 'report']);
    expect(told[0]).toEqual({ kind: 'stop-reading', partition });
    expect(rig.reports('partition-halted')).toEqual([
      { kind: 'partition-halted', partition: 0, reason: 'data-loss', from: 1, to: 5 },
    ]);
  });

  it('is one whose log starts behind what comes next, not at it', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.tell((core, at) => core.tailStalled(at, partition, 1));
    expect(partition.phase).toBe('running');
  });
});

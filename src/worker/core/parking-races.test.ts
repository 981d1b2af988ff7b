import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { afterCrash, mark, ParkedRig } from '../../../test/support/parked-rig.ts';
import { decodeMetadata } from './commit-metadata.ts';

describe('a key that is parked by hand while its task runs', () => {
  it('is parked with that task when it gives up', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.command('k', { name: 'park' });
    at.settle();
    at.giveUp('k');
    at.finishAll();
    expect(at.story).toEqual(['gave up k0', 'mark k', 'command c1 already-parked', 'copy k0', 'copy k1']);
    expect(at.partition.committedFrontier).toBe(2);
  });

  it('is parked with that task when it gives up before the MARK is written', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.command('k', { name: 'park' });
    at.giveUp('k');
    at.finishAll();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1]);
  });
});

describe('what a mark covers', () => {
  it('is only ever copied: a key that is parked by hand gets its mark when its running task has ended', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.command('k', { name: 'park' });
    at.settle();
    expect(at.rig.of('mark')).toHaveLength(0);
    at.finish(at.rig.runOf('k'));
    expect(at.rig.of('mark')).toMatchObject([{ mark: { parked: { from: 1 } } }]);
    expect(at.rig.running).toEqual([]);
  });

  it('is only ever copied: a key that is parked by hand while its task waits for a retry is parked with it', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.command('k', { name: 'park' });
    at.rig.fail(at.rig.runOf('k'));
    at.finishAll();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1]);
    expect(at.done).toEqual([]);
  });
});

describe('a key that is parked by hand while one of its tasks is parked alone', () => {
  it('is parked from the next task on: each task is under one mark', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.command('k', { name: 'park' });
    at.giveUp('k');
    at.finishAll();
    const marks = [...at.partition.marks.values()].map(({ scope, from }) => [scope, from]);
    expect(marks).toEqual(
      expect.arrayContaining([
        ['task', 0],
        ['key', 1],
      ]),
    );
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1]);
    expect(new Set(at.parkedLog.map(({ mark }) => mark)).size).toBe(2);
  });
});

describe('a command', () => {
  it('that is in the journal twice is obeyed once', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    at.finishAll();
    const command = at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.giveUp('k');
    at.finishAll();
    at.rig.tell((core, now) => core.commanded(now, 0, { ...command, offset: command.offset + 1 }));
    at.finishAll();
    expect(at.story.filter((line) => line.startsWith('command'))).toEqual(['command c1 gave-up']);
    expect(at.rig.running).toEqual([]);
  });

  it('about a mark that is in the journal, and not yet known to be, waits for that', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    const [marking] = at.open();
    at.command('k', { name: 'redrive', mark: 1_002 }); // the rig gives marks and commands the next number
    expect(at.open()).toEqual([]);
    if (marking !== undefined) at.answer(marking);
    at.finishAll();
    expect(at.story).toEqual([
      'gave up k0',
      'mark k',
      'progress k -1',
      'cleared k redriven', // nothing had been copied yet
      'done k0',
    ]);
  });
});

describe('a discarded mark', () => {
  it('takes with it what an owner had copied that ended before it committed that', () => {
    const at = afterCrash([mark], 3);
    at.parkedLog.push({ mark: 7, item: itemOf(1, 'k') }, { mark: 7, item: itemOf(2, 'k') });
    at.command('k', { name: 'discard', mark: 7 });
    at.rig.records(at.partition, itemsOf(0, ['a', 'k', 'k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done a0', 'done k3']);
    expect(at.partition.committedFrontier).toBe(4);
  });
});

describe('a task under its own mark', () => {
  it('is not copied with its key when tasks before it are', () => {
    const at = afterCrash([{ ...mark, scope: 'task' }], 3);
    at.parkedLog.push({ mark: 7, item: itemOf(1, 'k') });
    at.command('k', { name: 'hold' });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.settle();
    at.command('k', { name: 'park' });
    at.settle();
    expect(at.parkedLog.filter(({ mark: of }) => of !== 7).map(({ item }) => item.offset)).toEqual([0, 2]);
  });

  it('that was redriven is not parked with its key when a crash has left it in the queue', () => {
    const at = afterCrash([{ ...mark, scope: 'task', from: 1 }], 3);
    at.parkedLog.push({ mark: 7, item: itemOf(1, 'k') });
    at.rig.records(at.partition, itemsOf(0, ['a', 'k', 'k']));
    at.command('k', { name: 'discard', mark: 7 });
    at.finishAll();
    expect(at.done).toEqual(['done a0', 'done k2']);
  });
});

describe('a held key', () => {
  it('lets its single parked task run again when it is released', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    at.settle();
    at.command('k', { name: 'hold' });
    const [of] = at.partition.marks.keys();
    at.command('k', { name: 'redrive', mark: of ?? -1 });
    at.settle();
    expect(at.rig.runningKeys).toEqual([]);
    at.command('k', { name: 'release' });
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
  });
});

describe('a parked task that is skipped while it is redriven', () => {
  it('is said to be skipped only when the journal says that it is done', () => {
    const at = new ParkedRig({ commitIntervalMs: 10 });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.giveUp('k');
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    const skip = at.command('k', { name: 'skip', taskId: 'id-1', below: 1_000 });
    at.finish(at.rig.runOf('k'));
    // Progress cannot be written; commits go on.
    const held = [];
    for (let round = 0; round < 20; round += 1) {
      for (const effect of at.open()) {
        const isProgress = effect.kind === 'write' && effect.write.kind !== 'done';
        if (isProgress) held.push(effect);
        else at.answer(effect);
      }
      at.rig.settle();
      at.rig.pass(10);
    }
    expect(at.story).not.toContain(`command ${skip.id} skipped`);
    for (const effect of held) at.answer(effect);
    at.finishAll();
    expect(at.story).toContain(`command ${skip.id} skipped`);
  });
});

describe('a mark whose parked tasks are gone from the log', () => {
  it('can be discarded although somebody has tried to redrive it', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    at.settle();
    const of = at.markOf('k');
    at.command('k', { name: 'redrive', mark: of });
    for (let round = 0; round < 10; round += 1) {
      for (const effect of at.open()) {
        if (effect.kind !== 'read-parked') at.answer(effect);
        else {
          const found = effect.wants.map((want) => ({
            mark: want.mark,
            items: [],
            next: 5,
            atEnd: false,
            lostBelow: 5,
          }));
          at.rig.tell((core, now) => core.parkedRead(now, at.partition, found));
        }
      }
      at.rig.pass(20);
    }
    at.command('k', { name: 'discard', mark: of });
    at.rig.records(at.partition, itemsOf(1, ['k']));
    at.finishAll();
    expect(at.rig.reports('parked-discarded')).toHaveLength(1);
    expect(at.done).toEqual(['done k1']);
  });
});

describe('redrives in a partition whose commits have no room for more keys', () => {
  it('start all the same, each of them', () => {
    const at = new ParkedRig({
      concurrency: 1_000,
      afterGiveUp: (type) => (type === 'bad' ? 'parkKey' : 'wait'),
    });
    at.rig.records(at.partition, itemsOf(0, ['x', 'y', 'z'], { type: 'bad' }));
    for (const key of ['x', 'y', 'z']) at.giveUp(key);
    at.settle();
    const marks = ['x', 'y', 'z'].map((key) => at.markOf(key));
    const keys = Array.from({ length: 600 }, (_, i) => `key-${i}`);
    at.rig.records(at.partition, itemsOf(3, keys));
    at.rig.pass(10);
    expect(at.partition.full).toBe(true);
    while (at.rig.core.state.commitUnderWay || at.partition.dirty) {
      if (at.rig.core.state.commitUnderWay) at.rig.ack();
      at.rig.pass(20);
    }
    for (const mark of marks) at.command('xyz'[marks.indexOf(mark)] ?? '', { name: 'redrive', mark });
    at.settle();
    expect(at.rig.runningKeys.filter((key) => key.length === 1)).toEqual(['x', 'y', 'z']);
  });
});

describe('an owner that commits while a copy is on its way', () => {
  it('does not say that it has ended well', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'a']));
    at.giveUp('k');
    at.finish(at.rig.runOf('a'));
    const [of] = at.open();
    if (of !== undefined) at.answer(of);
    at.rig.settle();
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.rig.pass(20);
    const items = at.rig.core.state.commitUnderWay ? at.rig.ack() : [];
    expect(items.map(({ offset, metadata }) => decodeMetadata(metadata, offset))).toMatchObject([
      { state: { clean: false, horizon: 1 } },
    ]);
    for (const effect of at.open()) at.answer(effect);
    const [last] = at.rig.ack();
    expect(decodeMetadata(last?.metadata ?? '', last?.offset ?? 0)).toMatchObject({ state: { clean: true } });
  });
});

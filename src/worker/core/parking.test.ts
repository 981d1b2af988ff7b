import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { mark, ParkedRig, restarted } from '../../../test/support/parked-rig.ts';
import { foldJournal, type Mark } from '../../journal/journal.ts';
import { keyHash } from './key-hash.ts';

function keysOf(text: string): string[] {
  return text.split('');
}

describe('a task that gives up', () => {
  it('takes its key to the parked topic, in order, while other keys run on', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('kakbkc')));
    at.giveUp('k');
    at.finishAll();
    expect(at.story).toEqual([
      'gave up k0',
      'done a1',
      'done b3',
      'done c5',
      'mark k',
      'copy k0',
      'copy k2',
      'copy k4',
    ]);
    expect(at.partition.committedFrontier).toBe(6);
  });

  it('copies nothing before its MARK is written', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('kk')));
    at.giveUp('k');
    at.rig.pass(100);
    expect(at.rig.of('copy')).toHaveLength(0);
    const [mark] = at.open();
    if (mark === undefined) throw new Error('nothing was asked for');
    at.answer(mark);
    expect(at.rig.of('copy')).toHaveLength(1);
  });

  it('is finished only when its copy is durable', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('kk')));
    at.giveUp('k');
    const [mark] = at.open();
    if (mark !== undefined) at.answer(mark);
    at.rig.settle();
    expect(at.partition.committedFrontier).toBe(0);
    const [copy] = at.open();
    if (copy?.kind !== 'copy') throw new Error('nothing is copied');
    at.rig.tell((core, now) => core.effectFailed(now, copy));
    at.rig.pass(1_000);
    at.rig.settle();
    expect(at.partition.committedFrontier).toBe(0);
    at.settle();
    expect(at.partition.committedFrontier).toBe(2);
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1]);
  });

  it('is followed by later tasks of its key, without a start', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('k')));
    at.giveUp('k');
    at.settle();
    at.rig.records(at.partition, itemsOf(1, keysOf('kak')));
    at.finishAll();
    expect(at.story.slice(2)).toEqual(['copy k0', 'done a2', 'copy k1', 'copy k3']);
    expect(at.partition.committedFrontier).toBe(4);
  });

  it('goes alone when the policy says so', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, keysOf('kkk')));
    at.giveUp('k');
    at.finishAll();
    expect(at.story).toEqual(['gave up k0', 'mark k', 'copy k0', 'done k1', 'done k2']);
  });

  it('waits in its place when the policy says so', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'wait' });
    at.rig.records(at.partition, itemsOf(0, keysOf('kk')));
    at.rig.end(at.rig.runOf('k'), { kind: 'hold', reason: 'undecodable', error: undefined });
    at.finishAll();
    expect(at.story).toEqual([]);
    at.command('k', { name: 'release' });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
  });

  it('is not parked while its partition is given up: the next owner decides', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('k')));
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.giveUp('k');
    at.rig.settle();
    expect(at.rig.of('mark')).toHaveLength(0);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('waits with its revoke for what is on its way to the parked topic', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('k')));
    at.giveUp('k');
    const [mark] = at.open();
    if (mark !== undefined) at.answer(mark);
    at.rig.settle();
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    while (at.rig.core.state.commitUnderWay) at.rig.ack();
    expect(at.rig.of('answer-revoke')).toHaveLength(0);
    const [copy] = at.open();
    if (copy !== undefined) at.answer(copy);
    at.rig.settle();
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
    expect(at.rig.of('commit').at(-1)?.items[0]?.offset).toBe(1);
  });

  it('gives back its memory', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('kakkb')));
    at.giveUp('k');
    at.finishAll();
    expect(at.rig.budget.usedBytes).toBe(0);
    expect(at.partition.bufferedBytes).toBe(0);
  });
});

function takenOver(marks: readonly Mark[]): ParkedRig {
  return new ParkedRig({}, { history: { ...foldJournal([]), marks } });
}

describe('an owner that finds a mark', () => {
  it('runs what is older than it and copies the rest', () => {
    const at = takenOver([mark]);
    at.rig.records(at.partition, itemsOf(0, keysOf('kkak')));
    at.finishAll();
    expect(at.story).toEqual(['done k0', 'done a2', 'copy k1', 'copy k3']);
  });

  it('copies the one task of a mark that its owner had no time to copy', () => {
    const at = takenOver([{ ...mark, scope: 'task' }]);
    at.rig.records(at.partition, itemsOf(0, keysOf('kkk')));
    at.finishAll();
    expect(at.story).toEqual(['done k0', 'copy k1', 'done k2']);
  });

  it('redrives only when what is older than the mark is done', () => {
    const at = takenOver([mark]);
    at.parkedLog.push({ mark: 7, item: itemOf(1, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.rig.records(at.partition, itemsOf(0, keysOf('k')));
    at.settle();
    expect(at.story).toEqual([]);
    at.finishAll();
    expect(at.story).toEqual(['done k0', 'progress k -1', 'done k1', 'cleared k redriven']);
  });

  it('runs a task once that a crash has left in the queue and among the parked ones', () => {
    const at = takenOver([mark]);
    at.parkedLog.push({ mark: 7, item: itemOf(1, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.rig.records(at.partition, itemsOf(0, keysOf('akk')));
    at.finishAll();
    expect(at.done).toEqual(['done a0', 'done k1', 'done k2']);
    expect(at.partition.committedFrontier).toBe(3);
  });

  it('does the same for a single task', () => {
    const at = takenOver([{ ...mark, scope: 'task' }]);
    at.parkedLog.push({ mark: 7, item: itemOf(1, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.settle();
    at.rig.records(at.partition, itemsOf(0, keysOf('akk')));
    at.finishAll();
    expect(at.done).toEqual(['done a0', 'done k1', 'done k2']);
  });
});

describe('a key that is parked by hand', () => {
  it('is parked from what an earlier owner left of it, which is not read yet', () => {
    const lanes = [
      { hash: keyHash('a'), offset: 0, attempts: 0, firstFailedAtMs: undefined, starts: 0 },
      { hash: keyHash('k'), offset: 2, attempts: 0, firstFailedAtMs: undefined, starts: 0 },
    ];
    const at = restarted([], { clean: true, doneBelow: 5, horizon: 5, lanes });
    at.command('k', { name: 'park' });
    expect(at.rig.of('mark')).toMatchObject([{ mark: { parked: { key: 'k', from: 2 } } }]);
    at.settle();
    at.rig.swept(at.partition, itemsOf(0, keysOf('abkbk')));
    at.finishAll();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([2, 4]);
  });

  it('has no cause written with its first copy, as no task of it gave up', () => {
    const at = new ParkedRig();
    at.command('k', { name: 'park' });
    at.settle();
    at.rig.records(at.partition, itemsOf(0, keysOf('ak')));
    at.finishAll();
    expect(at.rig.of('copy')).toMatchObject([
      { copy: { items: [{ offset: 1 }], cause: undefined, attempts: 0 } },
    ]);
  });
});

describe('a task that gave up alone', () => {
  it('is not skipped any more while its MARK is being written: it is parked', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, keysOf('kk')));
    at.giveUp('k');
    const { id } = at.command('k', { name: 'skip', taskId: 'id-0', below: 2 });
    at.finishAll();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0]);
    expect(at.rig.reports('task-skipped')).toEqual([]);
    expect(at.story).toContain(`command ${id} not-found`);
  });
});

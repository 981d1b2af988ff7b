import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import { foldJournal, type Mark } from '../../journal/journal.ts';

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

describe('parked tasks that are redriven', () => {
  function parked(keys: string): ParkedRig {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf(keys)));
    at.giveUp('k');
    at.finishAll();
    at.story.length = 0;
    return at;
  }

  it('run in order before those that came to the queue meanwhile', () => {
    const at = parked('kkk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.rig.records(at.partition, itemsOf(3, keysOf('kk')));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2', 'done k3', 'done k4']);
    expect(at.partition.committedFrontier).toBe(5);
    expect(at.partition.marks.size).toBe(0);
    expect(at.rig.budget.usedBytes).toBe(0);
  });

  it('start only when the journal says that they were begun, and the queue goes on only when it says that they are over', () => {
    const at = parked('kk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.rig.records(at.partition, itemsOf(2, keysOf('k')));
    at.finishAll();
    expect(at.story).toEqual(['progress k -1', 'done k0', 'done k1', 'cleared k redriven', 'done k2']);
  });

  it('stay parked, with all behind them, when one gives up again', () => {
    const at = parked('kkkk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.giveUp('k');
    at.rig.records(at.partition, itemsOf(4, keysOf('k')));
    at.finishAll();
    expect(at.story).toEqual([
      'progress k -1',
      'done k0',
      'gave up k1',
      'progress k 0',
      'command c1 gave-up',
      'copy k4',
    ]);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2', 'done k3', 'done k4']);
  });

  it('wait until what was copied is committed', () => {
    const at = new ParkedRig({ commitIntervalMs: 60_000 });
    at.rig.records(at.partition, itemsOf(0, keysOf('k')));
    at.giveUp('k');
    for (const effect of at.open()) at.answer(effect);
    for (const effect of at.open()) at.answer(effect);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    expect(at.open()).toEqual([]);
    expect(at.rig.core.state.commitUnderWay).toBe(true);
    at.rig.ack();
    expect(at.open()).toMatchObject([{ kind: 'write', write: { kind: 'progress' } }]);
  });

  it('leave their progress behind when the partition is given up', () => {
    const at = parked('kkk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.finish(at.rig.runOf('k'));
    at.rig.settle();
    expect(at.rig.of('answer-revoke')).toHaveLength(0);
    for (const effect of at.open()) at.answer(effect);
    for (const effect of at.open()) at.answer(effect);
    at.rig.settle();
    expect(at.story.at(-1)).toBe('progress k 1');
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('are not touched by a discarded one', () => {
    const at = parked('kkk');
    at.command('k', { name: 'discard-task', mark: at.markOf('k'), offset: 1 });
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k2']);
  });

  it('are gone when they are discarded, and the queue goes on', () => {
    const at = parked('kk');
    at.command('k', { name: 'discard', mark: at.markOf('k') });
    at.rig.records(at.partition, itemsOf(2, keysOf('k')));
    at.finishAll();
    expect(at.story).toEqual(['cleared k discarded', 'done k2']);
  });

  it('fail at once when they have been begun again and again without getting on', () => {
    const at = parked('kk');
    const mark = at.partition.parkedKeys.get('k');
    if (mark !== undefined) mark.stalls = 3;
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    expect(at.story).toEqual(['command c1 gave-up']);
    expect(at.rig.reports('redrive-failed')).toHaveLength(1);
  });

  it('run one at a time with the tasks of their key when only one task was parked', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, keysOf('kk')));
    at.giveUp('k');
    at.settle();
    const [mark] = at.partition.marks.keys();
    at.command('k', { name: 'redrive', mark: mark ?? -1 });
    at.rig.records(at.partition, itemsOf(2, keysOf('k')));
    at.settle();
    expect(at.rig.runningKeys).toEqual(['k']);
    at.finishAll();
    expect(at.done).toEqual(['done k1', 'done k0', 'done k2']);
  });
});

const mark: Mark = {
  id: 7,
  epoch: 3,
  key: 'k',
  scope: 'key',
  from: 1,
  parkedFrom: 0,
  type: 'job',
  taskId: '',
  reason: 'gave-up',
  error: '',
  atMs: 0,
  command: '',
  done: -1,
  discarded: [],
  redrives: 0,
  stalls: 0,
};

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

describe('operators', () => {
  it('park a key by hand: its running task may end, the rest is copied', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('kkk')));
    at.command('k', { name: 'park' });
    at.settle();
    at.finishAll();
    expect(at.story).toEqual(['done k0', 'mark k', 'copy k1', 'copy k2']);
    expect(at.rig.reports('command-done')).toMatchObject([{ outcome: 'parked' }]);
  });

  it('park a key that has nothing to do: what comes is copied', () => {
    const at = new ParkedRig();
    at.command('k', { name: 'park' });
    at.settle();
    at.rig.records(at.partition, itemsOf(0, keysOf('ka')));
    at.finishAll();
    expect(at.story).toEqual(['mark k', 'done a1', 'copy k0']);
  });

  it('hold a key and a type until they release them', () => {
    const at = new ParkedRig();
    at.command('k', { name: 'hold' });
    at.command('', { name: 'hold-type', type: 'mail' });
    at.rig.records(at.partition, [itemOf(0, 'k'), itemOf(1, 'a', { type: 'mail' }), itemOf(2, 'b')]);
    at.finishAll();
    expect(at.done).toEqual(['done b2']);
    at.command('k', { name: 'release' });
    at.finishAll();
    expect(at.done).toEqual(['done b2', 'done k0']);
    at.command('', { name: 'release-type', type: 'mail' });
    at.finishAll();
    expect(at.done).toEqual(['done b2', 'done k0', 'done a1']);
  });

  it('skip a task that fails: the next one of its key follows, and the command is done with the commit', () => {
    const at = new ParkedRig({ commitIntervalMs: 60_000 });
    at.rig.records(at.partition, itemsOf(0, keysOf('kk')));
    at.rig.fail(at.rig.runOf('k'));
    at.command('k', { name: 'skip', taskId: 'id-0', below: 2 });
    expect(at.rig.runOf('k').item.offset).toBe(1);
    expect(at.rig.reports('task-skipped')).toMatchObject([{ item: { offset: 0 } }]);
    expect(at.open()).toEqual([]);
    at.rig.pass(60_000);
    at.rig.ack();
    const written = at.open();
    expect(written).toMatchObject([{ kind: 'write', write: { kind: 'done', outcome: 'skipped' } }]);
    for (const effect of written) at.answer(effect);
    expect(at.rig.reports('command-done')).toMatchObject([{ verb: 'skip', outcome: 'skipped' }]);
  });

  it('hear that there is nothing to skip once all it could be is finished', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, keysOf('ka')));
    at.command('k', { name: 'skip', taskId: 'id-77', below: 2 });
    at.finishAll();
    expect(at.story.at(-1)).toBe('command c1 not-found');
    expect(at.rig.reports('command-done')).toMatchObject([{ verb: 'skip', outcome: 'not-found' }]);
  });

  it('may ask before the work begins', () => {
    const at = new ParkedRig();
    const other = at.rig.assign(5);
    at.rig.tell((core, now) =>
      core.commanded(now, 5, { id: 'early', offset: 9_999, key: 'k', by: 'me', verb: { name: 'hold' } }),
    );
    at.rig.claim(other);
    at.rig.inspect(other);
    at.rig.ack();
    at.rig.confirm(other);
    at.rig.records(other, itemsOf(0, keysOf('ka')));
    expect(at.rig.runningKeys).toEqual(['a']);
  });
});

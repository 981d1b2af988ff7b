import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig, parkedAfterGivingUp } from '../../../test/support/parked-rig.ts';
import { type Command, foldJournal } from '../../journal/journal.ts';

describe('a single parked task that is to be discarded', () => {
  it('waits until another one of its key is through', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.giveUp('k');
    at.settle();
    at.giveUp('k');
    at.settle();
    const [first, second] = [...at.partition.marks.keys()];
    if (first === undefined || second === undefined) throw new Error('not parked');
    const redrive = at.command('k', { name: 'redrive', mark: first });
    at.settle();
    at.command('k', { name: 'discard-task', mark: second, offset: 1 });
    expect(at.partition.ending.get('k')?.command?.id).toBe(redrive.id);
    at.finishAll();
    expect(at.partition.marks.size).toBe(0);
    expect(at.done).toEqual(['done k0']);
    expect(at.rig.reports('parked-discarded')).toMatchObject([{ mark: second }]);
  });
});

describe('what an owner remembers', () => {
  it('of commands has an end: the second append of one comes soon after the first', () => {
    const at = new ParkedRig();
    for (let i = 0; i <= 10_000; i += 1) at.command('k', { name: 'release' });
    expect(at.partition.heard.size).toBe(10_000);
    const [last] = [...at.partition.heard].slice(-1);
    expect(last).toBe('c10001');
  });

  it('of parked tasks that are done is what the queue may still bring', () => {
    const at = new ParkedRig();
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}`);
    at.rig.records(at.partition, itemsOf(0, [...keys, 'end']));
    for (const [i, key] of keys.entries()) at.partition.doneAside.set(key, i < 600 ? 0 : 2_000);
    at.finishAll();
    expect(at.partition.committedFrontier).toBe(1_001);
    expect(at.partition.doneAside.size).toBe(400);
    expect(at.partition.forgetDoneAtCount).toBe(1_000);
  });

  it('of parked tasks that are done includes the one that the next commit begins with', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    for (let i = 0; i < 1_000; i += 1) at.partition.doneAside.set(`k${i}`, i < 100 ? 0 : 1);
    at.finishAll();
    expect(at.partition.committedFrontier).toBe(1);
    at.rig.records(at.partition, itemsOf(1, ['k500', 'k']));
    expect(at.rig.runningKeys).toEqual(['k']);
  });

  it('of parked tasks that are done is looked through when it has doubled', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    for (let i = 0; i < 1_000; i += 1) at.partition.doneAside.set(`k${i}`, i < 100 ? 0 : 9);
    at.finishAll();
    expect(at.partition.forgetDoneAtCount).toBe(1_800);
  });
});

describe('a command that is read while its partition is being taken', () => {
  const redrive = (offset: number, id = 'c'): Command => ({
    id,
    offset,
    key: 'k',
    by: 'me',
    verb: { name: 'redrive', mark: 77 },
  });

  it('is obeyed when the work begins', () => {
    const { rig } = new ParkedRig();
    const partition = rig.assign(1);
    rig.claim(partition);
    rig.tell((core, at) => core.commanded(at, 1, redrive(partition.epoch + 5)));
    expect(rig.of('write')).toEqual([]);
    rig.inspect(partition);
    rig.ack();
    rig.confirm(partition);
    expect(rig.of('write')).toMatchObject([{ write: { command: 'c', outcome: 'unknown-mark' } }]);
    expect(partition.commands).toEqual([]);
  });

  it('and is in the journal before the claim is obeyed once if it is open there, and not if it is done', () => {
    const { rig } = new ParkedRig();
    const partition = rig.assign(1);
    rig.claim(partition);
    const history = { ...foldJournal([]), pending: [redrive(3, 'open')] };
    for (const command of [redrive(3, 'open'), redrive(4, 'done'), redrive(partition.epoch, 'itself')])
      rig.tell((core, at) => core.commanded(at, 1, command));
    rig.inspect(partition, { history });
    expect(partition.commands.map(({ id }) => id)).toEqual(['open']);
  });

  it('and came after the claim is obeyed once, too, when the journal that was read has it', () => {
    const { rig } = new ParkedRig();
    const partition = rig.assign(1);
    rig.claim(partition);
    const late = redrive(partition.epoch + 1, 'late');
    rig.tell((core, at) => core.commanded(at, 1, late));
    rig.inspect(partition, { history: { ...foldJournal([]), pending: [late] } });
    expect(partition.commands).toEqual([late]);
  });

  it('or belongs to a partition of somebody else changes nothing', () => {
    const { rig } = new ParkedRig();
    expect(rig.tell((core, at) => core.commanded(at, 9, redrive(5)))).toEqual([]);
  });
});

describe('what could not be written', () => {
  function failingWrite(): ParkedRig {
    const at = parkedAfterGivingUp();
    at.command('k', { name: 'redrive', mark: 77 });
    const [effect] = at.open();
    if (effect === undefined) throw new Error('nothing is to be written');
    at.rig.tell((core, now) => core.effectFailed(now, effect));
    return at;
  }

  it('is written again after half a second', () => {
    const at = failingWrite();
    at.rig.pass(499);
    expect(at.open()).toEqual([]);
    at.rig.pass(1);
    expect(at.open()).toMatchObject([{ write: { outcome: 'unknown-mark' } }]);
    at.rig.pass(10_000);
    expect(at.open()).toEqual([]);
  });

  it('is not written again for a partition that is gone', () => {
    const at = failingWrite();
    at.rig.tell((core, now) => core.lost(now, [0]));
    at.rig.pass(10_000);
    expect(at.open()).toEqual([]);
  });

  it('is not noted for a partition that is gone', () => {
    const at = parkedAfterGivingUp();
    at.command('k', { name: 'redrive', mark: 77 });
    const [effect] = at.open();
    at.rig.tell((core, now) => core.lost(now, [0]));
    if (effect !== undefined) at.rig.tell((core, now) => core.effectFailed(now, effect));
    expect(at.rig.core.state.repeat.peekRank()).toBeUndefined();
  });
});

describe('a command about a mark that is not there', () => {
  it('is answered at once, also while another key is being parked', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['l']));
    at.giveUp('l');
    at.open();
    const { id } = at.command('k', { name: 'redrive', mark: 77 });
    expect(at.open()).toMatchObject([{ write: { command: id, outcome: 'unknown-mark' } }]);
  });
});

describe('a redrive that waits to try a task again', () => {
  it('goes on before its mark is discarded', () => {
    const at = parkedAfterGivingUp();
    const mark = at.markOf('k');
    at.command('k', { name: 'redrive', mark });
    at.settle();
    at.rig.fail(at.rig.runOf('k'), { delayMs: 1_000 });
    at.command('k', { name: 'discard', mark });
    at.rig.pass(1_000);
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
    expect(at.rig.reports('redrive-failed')).toEqual([]);
  });
});

describe('a mark whose parked tasks are gone from the log', () => {
  function lost(): ParkedRig {
    const at = parkedAfterGivingUp();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    for (const effect of at.open()) at.answer(effect);
    const [read] = at.open();
    if (read?.kind !== 'read-parked') throw new Error('nothing is read');
    const found = read.wants.map(({ mark }) => ({ mark, items: [], next: 5, atEnd: false, lostBelow: 5 }));
    at.rig.tell((core, now) => core.parkedRead(now, at.partition, found));
    return at;
  }

  it('is not given up by one who wants to redrive it', () => {
    const at = lost();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    expect(at.rig.reports('redrive-failed')).toEqual([]);
  });

  it('fails its redrive when it is discarded, and says why', () => {
    const at = lost();
    at.command('k', { name: 'discard', mark: at.markOf('k') });
    at.settle();
    expect(at.rig.reports('redrive-failed')).toMatchObject([
      { error: new Error('its parked tasks are gone from the log') },
    ]);
    expect(at.partition.marks.size).toBe(0);
  });
});

describe('commands that wait when the partition is being given up', () => {
  it('for a MARK are left to the next owner', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    const [marking] = at.open();
    at.command('k', { name: 'discard-task', mark: 1_002, offset: 0 }); // the rig gives marks and commands the next number
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    if (marking !== undefined) at.answer(marking);
    expect(at.open()).toEqual([]);
  });

  it('for a redrive are left to the next owner', () => {
    const at = parkedAfterGivingUp();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.command('k', { name: 'park' });
    at.finish(at.rig.runOf('k'));
    const [end] = at.open();
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    if (end !== undefined) at.answer(end);
    expect(at.story.at(-1)).toBe('cleared k redriven');
    expect(at.rig.of('mark')).toHaveLength(1);
  });

  it('for a task that runs are forgotten when the partition is lost', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.command('k', { name: 'park' });
    at.rig.tell((core, now) => core.lost(now, [0]));
    at.rig.pass(1);
    expect(at.rig.core.state.parkWaiting.size).toBe(0);
    expect(at.rig.of('mark')).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import { type Command, foldJournal, type MarkEntry } from '../../journal/journal.ts';

function parkedAfterGivingUp(): ParkedRig {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, ['k']));
  at.giveUp('k');
  at.settle();
  return at;
}

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

describe('a single task whose owner ended between its MARK and the copy', () => {
  const mark: MarkEntry & { offset: number } = {
    kind: 'mark',
    group: 'g',
    partition: 0,
    epoch: 50,
    key: 'k',
    scope: 'task',
    from: 1,
    parkedFrom: 0,
    type: 'job',
    id: 'id-1',
    reason: 'gave-up',
    error: '',
    atMs: 0,
    command: '',
    offset: 52,
  };
  const history = foldJournal([
    { kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 50 },
    {
      kind: 'confirm',
      group: 'g',
      partition: 0,
      epoch: 50,
      frontier: 0,
      topicId: 'topic',
      reason: 'taken',
      offset: 51,
    },
    mark,
  ]);

  it('is copied before it is redriven, so that it runs once and is not forgotten', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' }, { history });
    at.command('k', { name: 'redrive', mark: mark.offset });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([1]);
    expect(at.partition.marks.size).toBe(0);
    expect(at.partition.committedFrontier).toBe(3);
  });

  it('stays under its own mark when its key is parked by hand, so that it is in one list only', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' }, { history });
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.finishAll();
    at.command('k', { name: 'park' });
    at.rig.records(at.partition, itemsOf(1, ['k', 'k']));
    at.finishAll();
    expect(at.parkedLog.map(({ mark: of, item }) => [of === mark.offset, item.offset])).toEqual([
      [true, 1],
      [false, 2],
    ]);
    for (const of of Array.from(at.partition.marks.keys())) at.command('k', { name: 'redrive', mark: of });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });

  it('is copied before it is discarded, so that no crash brings it back', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' }, { history });
    at.command('k', { name: 'discard', mark: mark.offset });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k2']);
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([1]);
    expect(at.partition.committedFrontier).toBe(3);
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

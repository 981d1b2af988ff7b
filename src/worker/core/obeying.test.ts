import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import { type Command, foldJournal } from '../../journal/journal.ts';

/** A partition with tasks of key k, the first of them running. */
function withTasks(count: number, config?: ConstructorParameters<typeof ParkedRig>[0]): ParkedRig {
  const at = new ParkedRig(config);
  at.rig.records(at.partition, itemsOf(0, Array<string>(count).fill('k')));
  return at;
}

function parkedAfterGivingUp(count: number): ParkedRig {
  const at = withTasks(count);
  at.giveUp('k');
  at.settle();
  return at;
}

/** The task of the key that runs fails; it is tried again after a long while. */
function failForLong(at: ParkedRig, key: string): void {
  at.rig.fail(at.rig.runOf(key), { delayMs: 50_000 });
}

describe('a key that an operator holds', () => {
  it('does not start another task until it is released, and others do', () => {
    const at = withTasks(2);
    at.command('k', { name: 'hold' });
    at.rig.records(at.partition, [itemOf(2, 'other')]);
    at.finish(at.rig.runOf('k'));
    expect(at.rig.runningKeys).toEqual(['other']);
    at.command('other', { name: 'release' });
    expect(at.rig.runningKeys).toEqual(['other']);
    at.command('k', { name: 'release' });
    expect(at.rig.runningKeys).toEqual(['other', 'k']);
  });
});

describe('a release', () => {
  it('starts at once what waits to be tried again, and its tries go on being counted', () => {
    const at = withTasks(1);
    failForLong(at, 'k');
    at.command('k', { name: 'release' });
    expect(at.rig.runOf('k').attempt).toBe(2);
  });

  it('does not count the tries of a key that was held by hand anew', () => {
    const at = withTasks(1);
    at.rig.fail(at.rig.runOf('k'), { delayMs: 100 });
    at.command('k', { name: 'hold' });
    at.rig.pass(200);
    expect(at.rig.runningKeys).toEqual([]);
    at.command('k', { name: 'release' });
    expect(at.rig.runOf('k').attempt).toBe(2);
  });

  it('gives a task that was given up all its tries again, and commits that', () => {
    const retry = { minDelayMs: 10, maxDelayMs: 10, giveUpAfterMs: 60_000, maxAttempts: 2 };
    const at = withTasks(1, { afterGiveUp: () => 'wait', retry });
    at.rig.fail(at.rig.runOf('k'));
    at.rig.pass(20);
    at.rig.fail(at.rig.runOf('k'));
    at.settle();
    expect(at.rig.runningKeys).toEqual([]);
    const { changes } = at.partition;
    at.command('k', { name: 'release' });
    expect(at.rig.runOf('k').attempt).toBe(1);
    expect(at.partition.changes).toBeGreaterThan(changes);
    expect(at.rig.commit()).toMatchObject([{ offset: 0 }]); // at once: whoever is next must not wait again
  });

  it('starts at once what is redriven and waits to be tried again', () => {
    const at = parkedAfterGivingUp(1);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    failForLong(at, 'k');
    expect(at.rig.runningKeys).toEqual([]);
    at.command('k', { name: 'release' });
    expect(at.rig.runningKeys).toEqual(['k']);
  });
});

describe('a type that an operator holds', () => {
  it('does not start until it is released; what waits for something else goes on waiting', () => {
    const at = new ParkedRig();
    at.command('', { name: 'hold-type', type: 'mail' });
    at.command('by hand', { name: 'hold' });
    at.rig.records(at.partition, [
      itemOf(0, 'mail', { type: 'mail' }),
      itemOf(1, 'by hand', { type: 'mail' }),
      itemOf(2, 'failing'),
    ]);
    failForLong(at, 'failing');
    expect(at.rig.runningKeys).toEqual([]);
    at.command('', { name: 'release-type', type: 'other' });
    expect(at.rig.runningKeys).toEqual([]);
    at.command('', { name: 'release-type', type: 'mail' });
    expect(at.rig.runningKeys).toEqual(['mail']);
  });
});

describe('parking by hand', () => {
  it('takes the tasks that wait, and those that come', () => {
    const at = withTasks(2);
    failForLong(at, 'k');
    at.command('k', { name: 'park' });
    at.rig.records(at.partition, itemsOf(2, ['k', 'l']));
    at.settle();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1, 2]);
    expect(at.rig.runningKeys).toEqual(['l']);
  });

  it('of a key without tasks takes those that come from then on', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['l', 'l', 'l']));
    at.command('k', { name: 'park' });
    expect(at.partition.parkedKeys.get('k')?.from).toBe(3);
  });

  it('of a key that is parked changes nothing', () => {
    const at = parkedAfterGivingUp(1);
    const again = at.command('k', { name: 'park' });
    at.settle();
    expect(at.story).toContain(`command ${again.id} already-parked`);
    expect(at.partition.marks.size).toBe(1);
  });

  it('waits until what is parked already has been redriven', () => {
    const at = parkedAfterGivingUp(2);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.command('k', { name: 'park' });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
    at.rig.records(at.partition, itemsOf(2, ['k']));
    at.settle();
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1, 2]);
  });
});

describe('ending a mark by hand', () => {
  it.each([
    ['redrive', { name: 'redrive', mark: 77 }],
    ['discard', { name: 'discard', mark: 77 }],
    ['discard', { name: 'discard-task', mark: 77, offset: 0 }],
  ] as const)('that is not there says so (%s %o)', (verb, command) => {
    const at = parkedAfterGivingUp(1);
    const { id } = at.command('k', command);
    const { write } = at.rig.of('write').at(-1) ?? {};
    expect(write).toEqual({ kind: 'done', command: id, verb, outcome: 'unknown-mark' });
    at.settle();
    expect(at.partition.marks.size).toBe(1);
  });

  it('is asked for once, however often the command is read', () => {
    const at = parkedAfterGivingUp(2);
    const command = at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.rig.tell((core, now) => core.commanded(now, 0, command));
    expect(at.partition.commands).toEqual([]);
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
    expect(at.story.filter((line) => line.startsWith('cleared'))).toHaveLength(1);
  });

  it('leaves out a task that was discarded alone', () => {
    const at = parkedAfterGivingUp(3);
    const mark = at.markOf('k');
    const { id } = at.command('k', { name: 'discard-task', mark, offset: 1 });
    at.settle();
    expect(at.story).toContain(`command ${id} discarded`);
    at.command('k', { name: 'redrive', mark });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k2']);
  });

  it('comes before the discarding of a single task that is asked for while it goes on', () => {
    const at = parkedAfterGivingUp(2);
    const mark = at.markOf('k');
    at.command('k', { name: 'redrive', mark });
    at.settle();
    const { id } = at.command('k', { name: 'discard-task', mark, offset: 1 });
    expect(at.partition.commands.map((command) => command.id)).toEqual([id]);
    at.finishAll();
    expect(at.story).toContain(`command ${id} unknown-mark`);
    expect(at.partition.commands).toEqual([]);
  });
});

describe('skipping', () => {
  it('of what is done already says that it is not there, at once', () => {
    const at = withTasks(1);
    at.finishAll();
    const { id } = at.command('k', { name: 'skip', taskId: 'id-0', below: 1 });
    expect(at.open()).toMatchObject([
      { write: { kind: 'done', command: id, verb: 'skip', outcome: 'not-found' } },
    ]);
    expect(at.partition.skips.size).toBe(0);
  });

  it('of a task that waits to be tried again is done at once, and told when it is committed', () => {
    const at = withTasks(2);
    failForLong(at, 'k');
    const { changes } = at.partition;
    const { id } = at.command('k', { name: 'skip', taskId: 'id-0', below: 2 });
    expect(at.rig.runOf('k').item.offset).toBe(1);
    expect(at.partition.changes).toBeGreaterThan(changes);
    expect(at.rig.reports('task-skipped')).toMatchObject([{ command: id, by: 'me', item: { offset: 0 } }]);
    expect(at.open()).toEqual([]);
    at.settle();
    expect(at.story).toContain(`command ${id} skipped`);
    expect(at.partition.afterCommit).toEqual([]);
    expect(at.partition.skips.size).toBe(0);
    at.settle();
    expect(at.story.filter((line) => line.startsWith('command'))).toHaveLength(1);
  });

  it('is told once, and not of what was asked before a commit that does not cover it', () => {
    const at = withTasks(3);
    const first = at.command('k', { name: 'skip', taskId: 'id-1', below: 3 });
    at.finish(at.rig.runOf('k'));
    at.rig.pass(20);
    const second = at.command('k', { name: 'skip', taskId: 'id-9', below: 3 });
    failForLong(at, 'k');
    const third = at.command('k', { name: 'skip', taskId: 'id-2', below: 3 });
    at.rig.ack();
    const told = at.open().map((effect) => effect.kind === 'write' && effect.write);
    expect(told).toMatchObject([{ command: first.id, outcome: 'skipped' }]);
    at.settle();
    const words = at.rig
      .of('write')
      .map(({ write }) => write.kind === 'done' && [write.command, write.outcome]);
    expect(words).toEqual([
      [first.id, 'skipped'],
      [third.id, 'skipped'],
      [second.id, 'not-found'],
    ]);
  });

  it('of a later task lets the one before it wait', () => {
    const at = withTasks(2);
    failForLong(at, 'k');
    at.command('k', { name: 'skip', taskId: 'id-1', below: 2 });
    expect(at.rig.runningKeys).toEqual([]);
    at.rig.pass(60_000);
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
  });

  it('of a task of another key skips nothing, and is told when all tasks are through that were there', () => {
    const at = withTasks(2);
    const other = at.command('l', { name: 'skip', taskId: 'id-1', below: 2 });
    const own = at.command('k', { name: 'skip', taskId: 'id-1', below: 2 });
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
    expect(at.story).toContain(`command ${own.id} skipped`);
    expect(at.story).toContain(`command ${other.id} not-found`);
    expect(at.partition.skips.size).toBe(0);
  });

  it('of a task that is not there leaves alone a command that reaches further', () => {
    const at = withTasks(1);
    const near = at.command('k', { name: 'skip', taskId: 'id-2', below: 1 });
    const far = at.command('k', { name: 'skip', taskId: 'id-2', below: 3 });
    at.finishAll();
    expect(at.story).toContain(`command ${near.id} not-found`);
    expect(at.partition.skips.get('id-2')?.map(({ id }) => id)).toEqual([far.id]);
    at.rig.records(at.partition, itemsOf(1, ['k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
    expect(at.story).toContain(`command ${far.id} skipped`);
  });

  it('is noted once, however often the command is read', () => {
    const at = withTasks(2);
    const command = at.command('k', { name: 'skip', taskId: 'id-1', below: 2 });
    at.rig.tell((core, now) => core.commanded(now, 0, command));
    at.finishAll();
    expect(at.story.filter((line) => line.startsWith('command'))).toEqual([`command ${command.id} skipped`]);
  });

  it('of a task that is redriven leaves out that one', () => {
    const at = parkedAfterGivingUp(3);
    const { id } = at.command('k', { name: 'skip', taskId: 'id-1', below: 9 });
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k2']);
    expect(at.story).toContain(`command ${id} skipped`);
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
    const at = parkedAfterGivingUp(1);
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
    const at = parkedAfterGivingUp(1);
    at.command('k', { name: 'redrive', mark: 77 });
    const [effect] = at.open();
    at.rig.tell((core, now) => core.lost(now, [0]));
    if (effect !== undefined) at.rig.tell((core, now) => core.effectFailed(now, effect));
    expect(at.rig.core.state.repeat.peekRank()).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { failForLong, ParkedRig, parkedAfterGivingUp, withTasks } from '../../../test/support/parked-rig.ts';

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
    expect(at.story.filter((line) => line.startsWith(`command ${other.id} `))).toEqual([
      `command ${other.id} not-found`,
    ]);
    expect(at.partition.skips.size).toBe(0);
  });

  it('of a task under a key that is not its own leaves it alone', () => {
    const at = withTasks(2);
    at.command('l', { name: 'skip', taskId: 'id-1', below: 2 });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
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
    expect(at.story.filter((line) => line.startsWith(`command ${far.id} `))).toEqual([
      `command ${far.id} skipped`,
    ]);
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

describe('two commands to skip the same task', () => {
  it('are both done when it is skipped', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    const first = at.command('k', { name: 'skip', taskId: 'id-1', below: 2 });
    const second = at.command('k', { name: 'skip', taskId: 'id-1', below: 2 });
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
    expect(at.story).toContain(`command ${first.id} skipped`);
    expect(at.story).toContain(`command ${second.id} skipped`);
  });

  it('are both told when it is not there', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    const first = at.command('k', { name: 'skip', taskId: 'id-9', below: 1 });
    const second = at.command('k', { name: 'skip', taskId: 'id-9', below: 2 });
    at.finishAll();
    expect(at.story).toContain(`command ${first.id} not-found`);
    expect(at.story).toContain(`command ${second.id} not-found`);
  });
});

describe('operators who want a task left out', () => {
  it('skip a task that fails: the next one of its key follows, and the command is done with the commit', () => {
    const at = new ParkedRig({ commitIntervalMs: 60_000 });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
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
    at.rig.records(at.partition, itemsOf(0, ['k', 'a']));
    at.command('k', { name: 'skip', taskId: 'id-77', below: 2 });
    at.finishAll();
    expect(at.story.at(-1)).toBe('command c1 not-found');
    expect(at.rig.reports('command-done')).toMatchObject([{ verb: 'skip', outcome: 'not-found' }]);
  });
});

describe('a skip', () => {
  it('of a task whose record was let go has it read again, and skipped', () => {
    const at = withTasks(2);
    failForLong(at, 'k');
    at.rig.budget.take(200_000_000);
    at.rig.tell((core) => core.wantedCount());
    expect(at.partition.lanes.get('k')?.first).toBe(0);
    at.rig.budget.release(200_000_000);
    const { id } = at.command('k', { name: 'skip', taskId: 'id-0', below: 2 });
    at.rig.swept(at.partition, itemsOf(0, ['k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k1']);
    expect(at.story).toContain(`command ${id} skipped`);
  });

  it('is committed as finished although what is before it still runs', () => {
    const at = new ParkedRig();
    at.command('k', { name: 'skip', taskId: 'id-1', below: 2 });
    at.rig.records(at.partition, itemsOf(0, ['a', 'k']));
    at.rig.pass(10);
    if (!at.rig.core.state.commitUnderWay) at.rig.pass(10);
    expect(at.rig.ack()).toMatchObject([{ offset: 0, doneBelow: 2 }]);
    at.settle();
    expect(at.story).toEqual(['command c1 skipped']);
  });

  it('of a task that is redriven is told when the journal says that it is done, not only when all are', () => {
    const at = withTasks(3);
    at.giveUp('k');
    at.settle();
    const { id } = at.command('k', { name: 'skip', taskId: 'id-1', below: 9 });
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.settle();
    expect(at.rig.runOf('k').item.offset).toBe(2);
    expect(at.story.slice(-2)).toEqual(['progress k 1', `command ${id} skipped`]);
  });
});

import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { failForLong, ParkedRig, parkedAfterGivingUp, withTasks } from '../../../test/support/parked-rig.ts';

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

describe('operators', () => {
  it('park a key by hand: its running task may end, the rest is copied', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
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
    at.rig.records(at.partition, itemsOf(0, ['k', 'a']));
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
    at.rig.records(other, itemsOf(0, ['k', 'a']));
    expect(at.rig.runningKeys).toEqual(['a']);
  });
});

describe('a command that was obeyed', () => {
  /** All commands that wait are looked at again. */
  function lookAgain(at: ParkedRig): void {
    at.command('another key', { name: 'park' });
    at.settle();
  }

  it.each([
    ['hold', [{ name: 'hold' }, { name: 'release' }], ['k']],
    ['release', [{ name: 'release' }, { name: 'hold' }], []],
    [
      'hold of a type',
      [
        { name: 'hold-type', type: 'job' },
        { name: 'release-type', type: 'job' },
      ],
      ['k'],
    ],
    [
      'release of a type',
      [
        { name: 'release-type', type: 'job' },
        { name: 'hold-type', type: 'job' },
      ],
      [],
    ],
  ] as const)('to %s is not obeyed again after the one that takes it back', (_what, verbs, running) => {
    const at = new ParkedRig();
    for (const verb of verbs) at.command('k', verb);
    lookAgain(at);
    at.rig.records(at.partition, [itemOf(0, 'k')]);
    expect(at.rig.runningKeys).toEqual(running);
  });

  it('to skip what is not there is answered once', () => {
    const at = new ParkedRig();
    const { id } = at.command('k', { name: 'skip', taskId: 'id-7', below: 1 });
    lookAgain(at);
    at.rig.records(at.partition, [itemOf(0, 'k')]);
    at.finishAll();
    expect(at.story.filter((line) => line.startsWith(`command ${id} `))).toEqual([`command ${id} not-found`]);
  });

  it('to discard a task that is parked alone is answered once', () => {
    const at = withTasks(1, { afterGiveUp: () => 'parkTask' });
    at.giveUp('k');
    at.settle();
    const [mark] = at.partition.marks.keys();
    const { id } = at.command('k', { name: 'discard-task', mark: mark ?? -1, offset: 0 });
    at.settle();
    lookAgain(at);
    expect(at.story).not.toContain(`command ${id} unknown-mark`);
    expect(at.rig.reports('command-done').filter(({ command }) => command === id)).toMatchObject([
      { verb: 'discard', outcome: 'discarded' },
    ]);
  });
});

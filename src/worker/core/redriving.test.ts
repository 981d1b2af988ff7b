import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

function keysOf(text: string): string[] {
  return text.split('');
}

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

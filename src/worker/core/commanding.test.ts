import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

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

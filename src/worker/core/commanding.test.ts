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

import { expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

const error = new Error('its key is gone');

function lack(at: ParkedRig, key: string): void {
  at.rig.end(at.rig.runOf(key), { kind: 'hold', reason: 'codec-missing', error });
}

it('holds the key of a task that cannot be decoded here, counts no try, and tries it again when it is released', () => {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'other']));
  lack(at, 'k');
  expect(at.rig.reports('key-held')).toMatchObject([
    { key: 'k', offset: 0, reason: 'codec-missing', attempts: 0, error },
  ]);
  expect(at.rig.reports('data-loss')).toEqual([]);
  at.finish(at.rig.runOf('other'));
  at.rig.pass(3_600_000);
  at.settle();
  expect([at.rig.runningKeys, at.partition.marks.size]).toEqual([[], 0]);
  at.command('k', { name: 'release' });
  expect(at.rig.runOf('k')).toMatchObject({ item: { offset: 0 }, attempt: 1 });
});

it('leaves a parked task parked: its key may be gone for good, and held it could not be discarded', () => {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
  at.giveUp('k');
  at.settle();
  const { id } = at.command('k', { name: 'redrive', mark: at.markOf('k') });
  at.settle();
  lack(at, 'k');
  at.settle();
  expect(at.rig.reports('redrive-failed')).toMatchObject([{ taskCount: 0, error }]);
  expect(at.rig.reports('key-held')).toEqual([]);
  expect(at.story).toContain(`command ${id} gave-up`);
  at.command('k', { name: 'discard', mark: at.markOf('k') });
  at.settle();
  expect(at.partition.marks.size).toBe(0);
});

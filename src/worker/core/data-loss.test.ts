import { expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

const error = new Error('its parts are gone');

function lose(at: ParkedRig, key: string): void {
  at.rig.end(at.rig.runOf(key), { kind: 'hold', reason: 'data-loss', error });
}

it('holds the key of a task that has lost something, counts no try, and tries it again when it is released', () => {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'other']));
  lose(at, 'k');
  expect(at.rig.reports('data-loss')).toMatchObject([{ run: { item: { offset: 0 } }, error }]);
  expect(at.rig.reports('key-held')).toMatchObject([
    { key: 'k', offset: 0, reason: 'data-loss', attempts: 0, error },
  ]);
  at.finish(at.rig.runOf('other'));
  at.rig.pass(3_600_000);
  at.settle();
  expect([at.rig.runningKeys, at.partition.marks.size]).toEqual([[], 0]);
  at.command('k', { name: 'release' });
  expect(at.rig.runOf('k')).toMatchObject({ item: { offset: 0 }, attempt: 1 });
});

it('leaves a parked task where it is, with those behind it: held, it could not be discarded', () => {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
  at.giveUp('k');
  at.settle();
  const { id } = at.command('k', { name: 'redrive', mark: at.markOf('k') });
  at.settle();
  lose(at, 'k');
  at.settle();
  expect(at.rig.reports('data-loss')).toHaveLength(1);
  expect(at.rig.reports('redrive-failed')).toMatchObject([{ taskCount: 0, error }]);
  expect(at.rig.reports('key-held')).toEqual([]);
  expect(at.story).toContain(`command ${id} gave-up`);
  expect([at.rig.runningKeys, at.partition.marks.size, at.partition.parkedKeys.has('k')]).toEqual([
    [],
    1,
    true,
  ]);
  at.command('k', { name: 'discard', mark: at.markOf('k') });
  at.settle();
  expect(at.partition.marks.size).toBe(0);
});

import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

const error = new Error('it is gone');

describe.each([
  ['parts are lost', 'data-loss', 1],
  ['codec or key is not here', 'codec-missing', 0],
] as const)('a task whose %s', (_, reason, lossCount) => {
  const miss = (at: ParkedRig): unknown => at.rig.end(at.rig.runOf('k'), { kind: 'hold', reason, error });

  it('holds its key, counts no try, and is tried again when it is released', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'other']));
    miss(at);
    const losses = lossCount === 0 ? [] : [{ run: { item: { offset: 0 } }, error }];
    expect(at.rig.reports('data-loss')).toMatchObject(losses);
    expect(at.rig.reports('key-held')).toMatchObject([{ key: 'k', offset: 0, reason, attempts: 0, error }]);
    at.finish(at.rig.runOf('other'));
    at.rig.pass(3_600_000);
    at.settle();
    expect([at.rig.runningKeys, at.partition.marks.size]).toEqual([[], 0]);
    at.command('k', { name: 'release' });
    expect(at.rig.runOf('k')).toMatchObject({ item: { offset: 0 }, attempt: 1 });
  });

  it('stays where it is when it was parked, with those behind it: held, it could not be discarded', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.giveUp('k');
    at.settle();
    const { id } = at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    miss(at);
    at.settle();
    expect(at.rig.reports('data-loss')).toHaveLength(lossCount);
    expect(at.rig.reports('redrive-failed')).toMatchObject([{ taskCount: 0, error }]);
    expect(at.rig.reports('key-held')).toEqual([]);
    expect(at.story).toContain(`command ${id} gave-up`);
    const isParked = at.partition.parkedKeys.has('k');
    expect([at.rig.runningKeys, at.partition.marks.size, isParked]).toEqual([[], 1, true]);
    at.command('k', { name: 'discard', mark: at.markOf('k') });
    at.settle();
    expect(at.partition.marks.size).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { afterCrash, mark, ParkedRig, restarted } from '../../../test/support/parked-rig.ts';
import { keyHash } from './key-hash.ts';

describe('a mark that is to be redriven', () => {
  it('is not begun with when its partition is being given up', () => {
    const at = new ParkedRig({ commitIntervalMs: 60_000 });
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    for (const effect of at.open()) at.answer(effect);
    for (const effect of at.open()) at.answer(effect);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.rig.settle();
    expect(at.rig.reports('redrive-began')).toEqual([]);
    expect(at.open()).toEqual([]);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('waits for tasks that an earlier owner left and that are not read yet', () => {
    const lanes = [
      { hash: keyHash('a'), offset: 0, attempts: 0, firstFailedAtMs: undefined, starts: 0 },
      { hash: keyHash('k'), offset: 1, attempts: 0, firstFailedAtMs: undefined, starts: 0 },
    ];
    const at = restarted([{ ...mark, from: 3 }], { clean: true, doneBelow: 4, horizon: 4, lanes });
    at.parkedLog.push({ mark: 7, item: itemOf(3, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.settle();
    at.rig.swept(at.partition, itemsOf(0, ['a', 'k', 'b', 'k']));
    at.finishAll();
    expect(at.story).toEqual(['done a0', 'done k1', 'progress k -1', 'done k3', 'cleared k redriven']);
  });

  it('fails at once when its first task has ended its owners again and again', () => {
    const at = afterCrash([{ ...mark, stalls: 3 }], 1);
    at.rig.records(at.partition, itemsOf(0, ['a']));
    at.command('k', { name: 'redrive', mark: 7 });
    at.finishAll();
    expect(at.rig.reports('redrive-failed')).toMatchObject([
      { mark: 7, error: new Error('the redriven task has ended its process again and again') },
    ]);
  });

  it('is begun with when the owner before has ended well: it has not ended its process', () => {
    const said = { clean: true, doneBelow: 0, horizon: 0, lanes: [] };
    const at = restarted([{ ...mark, from: 0, stalls: 3 }], said);
    at.parkedLog.push({ mark: 7, item: itemOf(0, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
  });
});

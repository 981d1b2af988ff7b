import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

/** Three tasks of a key, the first of them running, another two of 100 bytes at hand. */
function queued(): ParkedRig {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k'], { bytes: 100 }));
  return at;
}

/** The same three, parked and on their way through a redrive. */
function redriven(): ParkedRig {
  const at = queued();
  at.giveUp('k');
  at.settle();
  at.command('k', { name: 'redrive', mark: at.markOf('k') });
  at.settle();
  expect(at.rig.budget.usedBytes).toBe(300);
  return at;
}

describe.each([
  ['tasks of the queue', queued],
  ['parked tasks that run again', redriven],
] as const)('the memory that %s take', (_what, begun) => {
  it('is given back when their partition is wanted back, but for the one that runs', () => {
    const at = begun();
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    expect([at.partition.bufferedBytes, at.rig.budget.usedBytes]).toEqual([100, 100]);
    at.rig.finish(at.rig.runOf('k'));
    expect([at.partition.bufferedBytes, at.rig.budget.usedBytes]).toEqual([0, 0]);
  });

  it('is given back to the last byte when none of them runs', () => {
    const at = begun();
    at.rig.fail(at.rig.runOf('k'));
    at.rig.tell((core, now) => core.lost(now, [0]));
    expect([at.partition.bufferedBytes, at.rig.budget.usedBytes]).toEqual([0, 0]);
  });

  it('stays taken by a handler that runs on although its partition is lost, until it ends', () => {
    const at = begun();
    at.rig.tell((core, now) => core.lost(now, [0]));
    expect(at.rig.budget.usedBytes).toBe(100);
    at.rig.finish(at.rig.runOf('k'));
    expect(at.rig.budget.usedBytes).toBe(0);
  });
});

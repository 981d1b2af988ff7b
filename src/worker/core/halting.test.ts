import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed } from '../../../test/support/crashed-owner.ts';

/** Key k is known by its hash only; a sweep looks for its tasks from 2 on, and the tail is read from 10 on. */
function sweeping(): CoreRig {
  const rig = new CoreRig();
  rig.take(
    0,
    crashed(10, [
      { key: 'k', offset: 2, starts: 0 },
      { key: 'l', offset: 9, starts: 0 },
    ]),
  );
  expect(rig.partition(0).sweep).toMatchObject({ at: 2, below: 10 });
  return rig;
}

describe('a partition that cannot go on', () => {
  it('stops being read, sweeps too, and says what is lost', () => {
    const rig = sweeping();
    const partition = rig.partition(0);
    const effects = rig.tell((core, at) => core.sweepStalled(at, partition, 5));
    expect(effects).toEqual([
      { kind: 'stop-reading', partition },
      { kind: 'stop-sweep', partition },
      {
        kind: 'report',
        report: { kind: 'partition-halted', partition: 0, reason: 'data-loss', from: 2, to: 5 },
      },
    ]);
  });

  it('has nothing to stop when it was not read yet', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    const finding = { committed: { offset: 5, metadata: '' }, logStart: 7, logEnd: 9 };
    rig.inspect(partition, finding);
    expect(rig.effects.map(({ kind }) => kind)).toEqual(['claim', 'inspect', 'report']);
    expect(rig.reports('partition-halted')).toMatchObject([{ reason: 'data-loss', from: 5, to: 7 }]);
  });

  it('keeps no memory but for what runs, starts nothing, and commits how that ended', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c']));
    rig.tell((core, at) => core.tailStalled(at, partition, 5));
    expect(rig.budget.usedBytes).toBe(100);
    rig.finish(rig.runOf('a'));
    rig.records(partition, [itemOf(5, 'd')]);
    expect(rig.running).toEqual([]);
    expect(rig.budget.usedBytes).toBe(0);
    expect(rig.settle()).toMatchObject([{ offset: 1 }]);
  });
});

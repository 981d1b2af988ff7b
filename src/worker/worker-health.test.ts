import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../test/support/core-rig.ts';
import { judgeHealth } from './worker-health.ts';

function healthOf(rig: CoreRig) {
  return judgeHealth('running', { core: rig.core.state }, rig.nowMs);
}

describe('health', () => {
  it('is bad when nothing starts for 30 s although something could', () => {
    const rig = new CoreRig({ concurrency: 2 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c']));
    rig.pass(31_000);
    expect(healthOf(rig)).toMatchObject({ status: 'ok', reasons: [], runningCount: 2 }); // no slot is free
    partition.frozenUntil = Number.POSITIVE_INFINITY;
    rig.finish(rig.runOf('a'));
    rig.pass(31_000);
    expect(healthOf(rig)).toMatchObject({ status: 'stalled', reasons: ['tasks could start and do not'] });
  });

  it('is not bad while a task that may have ended its process runs alone, however long', () => {
    const rig = new CoreRig();
    rig.suspectGate.close({});
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.pass(31_000);
    expect(rig.runningKeys).toEqual([]);
    expect(healthOf(rig)).toMatchObject({
      status: 'degraded',
      reasons: ['nothing else starts while a task that may have ended its process is tried alone'],
    });
  });

  it('counts held keys as one says it', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    rig.end(rig.runOf('a'), { kind: 'hold', reason: 'unknown-type', error: undefined });
    expect(healthOf(rig)).toMatchObject({ heldKeys: 1, reasons: ['1 key is held'] });
    rig.end(rig.runOf('b'), { kind: 'hold', reason: 'unknown-type', error: undefined });
    expect(healthOf(rig)).toMatchObject({ heldKeys: 2, reasons: ['2 keys are held'] });
  });

  it('tells of reading that has waited for a leader for 30 s, for as long as it lasts', () => {
    const rig = new CoreRig();
    const partition = rig.take(3);
    partition.logRead.begin({ leaderEpoch: 4, below: 5 });
    partition.nextOffset = 5;
    const item = itemOf(5, 'a');
    rig.records(partition, [{ ...item, record: { ...item.record, leaderEpoch: 6 } }]);
    rig.pass(29_999);
    expect(healthOf(rig)).toMatchObject({ status: 'ok', reasons: [] });
    rig.pass(5_001);
    const reason =
      'partition 3 is not read on: its leader has not said for 35 s what it has of what was read';
    expect(healthOf(rig)).toMatchObject({ status: 'degraded', reasons: [reason] });
    partition.logRead.believe(undefined);
    expect(healthOf(rig)).toMatchObject({ status: 'ok', reasons: [] });
  });

  it('tells of a hook that partitions wait for', () => {
    const slowHook = { hook: 'onPartitionsAssigned', partitions: [0], elapsedMs: 30_000 } as const;
    expect(judgeHealth('running', { core: new CoreRig().core.state, slowHook }, 0)).toMatchObject({
      status: 'degraded',
      reasons: ['partitions wait for onPartitionsAssigned, which has not settled'],
    });
  });
});

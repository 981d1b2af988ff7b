import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed } from '../../../test/support/crashed-owner.ts';
import { releaseRun, releaseWaiting } from './breaking.ts';
import { SharedBudget } from './shared-budget.ts';
import { SuspectGate } from './suspect-gate.ts';

/** A core that broke: one task runs with two behind it, and one runs on although its partition was lost. */
function broken(): CoreRig {
  const rig = new CoreRig();
  rig.records(rig.take(0), itemsOf(0, ['lost'], { bytes: 1_000 }));
  rig.tell((core, at) => core.lost(at, [0]));
  rig.records(rig.take(1), [
    itemOf(0, 'a', { bytes: 100 }),
    itemOf(1, 'a', { bytes: 20 }),
    itemOf(2, 'a', { bytes: 3 }),
  ]);
  expect(rig.runningKeys).toEqual(['lost', 'a']);
  expect(rig.budget.usedBytes).toBe(1_123);
  releaseWaiting(rig.core.state, (run) => rig.running.includes(run));
  return rig;
}

it('a broken core gives back the memory of what waits; what runs keeps its memory and its key', () => {
  const rig = broken();
  expect(rig.budget.usedBytes).toBe(1_100);
  expect(rig.liveKeys.size).toBe(2);
});

it('each handler of a broken core gives back its memory and its key with its end, once', () => {
  const rig = broken();
  const [lost, ours] = rig.running;
  if (lost === undefined || ours === undefined) throw new Error('two handlers run');
  releaseRun(rig.core.state, ours);
  expect([rig.budget.usedBytes, rig.liveKeys.has('q\na'), rig.liveKeys.has('q\nlost')]).toEqual([
    1_000,
    false,
    true,
  ]);
  releaseRun(rig.core.state, lost);
  releaseRun(rig.core.state, lost);
  expect([rig.budget.usedBytes, rig.liveKeys.size]).toEqual([0, 0]);
});

it('a broken core waits for nothing any more: workers behind it in the line for memory go on at once', () => {
  const budget = new SharedBudget(100_000);
  const contentBytes = (): number => 40_000;
  const [broken, next] = [
    new CoreRig({ contentBytes }, { budget }),
    new CoreRig({ contentBytes }, { budget }),
  ];
  broken.records(broken.take(0), itemsOf(0, ['a', 'b']));
  next.records(next.take(0), itemsOf(0, ['c']));
  budget.take(100_000);
  expect([broken.core.wantedCount(), next.core.wantedCount()]).toEqual([0, 0]);
  budget.release(100_000);
  releaseWaiting(broken.core.state, (run) => broken.running.includes(run));
  expect(next.core.wantedCount()).toBeGreaterThan(0);
  releaseRun(broken.core.state, broken.runOf('a'));
  next.pass(25);
  expect(next.runningKeys).toEqual(['c']);
});

describe('suspects of a broken core', () => {
  /** One that is to run alone in its process. */
  function withOneAlone(): CoreRig {
    const rig = new CoreRig({}, { suspectGate: new SuspectGate() });
    const partition = rig.take(0, crashed(1, [{ key: 'x', offset: 0, starts: 1 }]));
    rig.swept(partition, itemsOf(0, ['x']));
    expect(rig.suspectGate.closed).toBe(true);
    return rig;
  }

  it('that have not begun leave the process to others', () => {
    const rig = withOneAlone();
    releaseWaiting(rig.core.state, () => false);
    expect([rig.suspectGate.closed, rig.suspectGate.underWay]).toEqual([false, 0]);
  });

  it('that run have the process for themselves until they end', () => {
    const rig = withOneAlone();
    rig.settle();
    const run = rig.runOf('x');
    releaseWaiting(rig.core.state, () => true);
    expect(rig.suspectGate.closed).toBe(true);
    releaseRun(rig.core.state, run);
    expect([rig.suspectGate.closed, rig.suspectGate.underWay]).toEqual([false, 0]);
  });
});

import { expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { releaseRun, releaseWaiting } from './breaking.ts';

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
  releaseWaiting(rig.core.state);
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

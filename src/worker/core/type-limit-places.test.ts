import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed } from '../../../test/support/crashed-owner.ts';
import { limiting } from '../../../test/support/type-policies.ts';
import type { CoreConfig } from './core-state.ts';

const slow = { type: 'slow' };
const oneAtATime = limiting({ slow: { concurrency: 1 } });
const oneASecond = limiting({ slow: { rateLimit: { count: 1, perMs: 1_000 } } });

/** One runs; two wait for it in turn, and the record of the first of them has been let go. */
function firstLetGo(config: Partial<CoreConfig> = {}): CoreRig {
  const rig = new CoreRig({
    partitionBytes: 1_000,
    lookAheadCount: 0,
    typePolicy: oneAtATime,
    ...config,
  });
  rig.records(rig.take(0), [
    itemOf(0, 'a', { ...slow, bytes: 600 }),
    itemOf(1, 'b', { ...slow, bytes: 600 }),
  ]);
  rig.records(rig.take(1), itemsOf(0, ['c'], slow));
  expect(rig.partition(0).lanes.get('b')?.first).toBe(1);
  rig.finish(rig.runOf('a'));
  return rig;
}

describe('whoever has waited longest for a limit keeps the place', () => {
  it('while its record is read again', () => {
    const rig = firstLetGo();
    expect(rig.running).toEqual([]);
    rig.swept(rig.partition(0), [itemOf(1, 'b', { ...slow, bytes: 600 })]);
    expect(rig.runningKeys).toEqual(['b']);
    rig.finish(rig.runOf('b'));
    expect(rig.runningKeys).toEqual(['c']);
  });

  it('but not when its partition is lost meanwhile', () => {
    const rig = firstLetGo();
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.runningKeys).toEqual(['c']);
  });

  it('while a commit says that it may end the process', () => {
    const rig = new CoreRig({ typePolicy: oneAtATime });
    const partition = rig.take(0, { ...crashed(2), logEnd: 2 });
    rig.records(rig.take(1), itemsOf(0, ['a'], slow));
    rig.records(partition, itemsOf(0, ['b'], slow));
    rig.records(rig.partition(1), itemsOf(1, ['c'], slow));
    rig.finish(rig.runOf('a'));
    expect(rig.running).toEqual([]);
    rig.ack();
    expect(rig.runningKeys).toEqual(['b']);
  });

  it('while all slots of the worker are taken: a retry with a lower offset does not overtake', () => {
    const rig = new CoreRig({ concurrency: 1, typePolicy: oneASecond });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['retried', 'b'], slow));
    rig.fail(rig.runOf('retried')); // again in 100 ms, when b waits already
    rig.pass(200);
    rig.records(partition, itemsOf(2, ['x', 'y']));
    rig.pass(900);
    rig.pass(1);
    expect(rig.runningKeys).toEqual(['x']);
    rig.finish(rig.runOf('x'));
    expect(rig.runningKeys).toEqual(['b']);
  });

  it('but not for a later task of another type when its own was skipped', () => {
    const rig = new CoreRig({ concurrency: 1, typePolicy: oneASecond });
    rig.records(rig.take(0), [...itemsOf(0, ['a', 'b', 'c'], slow), ...itemsOf(3, ['x', 'y', 'b'])]);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['x']);
    rig.pass(1_000); // b is called, and has no slot
    const verb = { name: 'skip', taskId: 'id-1', below: 100 } as const;
    rig.tell((core, at) => core.commanded(at, 0, { id: 's', offset: 2_000, key: 'b', by: 'me', verb }));
    rig.finish(rig.runOf('x'));
    expect(rig.runningKeys).toEqual(['y']);
    rig.finish(rig.runOf('y'));
    expect(rig.runningKeys).toEqual(['c']);
  });
});

it('a key whose waiting task was skipped waits anew with its next one', () => {
  const rig = new CoreRig({ typePolicy: oneAtATime });
  const partition = rig.take(0);
  rig.records(partition, itemsOf(0, ['a', 'b'], slow));
  const verb = { name: 'skip', taskId: 'id-1', below: 100 } as const;
  rig.tell((core, at) => core.commanded(at, 0, { id: 's', offset: 2_000, key: 'b', by: 'me', verb }));
  expect(rig.reports('task-skipped')).toHaveLength(1);
  rig.records(partition, itemsOf(2, ['b'], slow));
  rig.finish(rig.runOf('a'));
  expect(rig.runOf('b').item.offset).toBe(2);
  rig.records(partition, itemsOf(3, ['b'], slow));
  rig.finish(rig.runOf('b'));
  expect(rig.runOf('b').item.offset).toBe(3);
  expect(rig.of('await-key')).toEqual([]);
});

import { expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed, startsIn } from '../../../test/support/crashed-owner.ts';
import type { CoreConfig } from './core-state.ts';

/** A task whose process ended twice, the first of partition 0; what is below `horizon` may have been started as well. */
function withOneAlone(horizon = 1, config: Partial<CoreConfig> = {}): CoreRig {
  const rig = new CoreRig(config);
  const partition = rig.take(0, crashed(horizon, [{ key: 'x', offset: 0, starts: 1 }]));
  rig.swept(partition, itemsOf(0, ['x']));
  return rig;
}

it('one that runs alone does not start after a gap in the clock before a commit sent after it is acknowledged', () => {
  const rig = withOneAlone();
  expect(startsIn(rig.commit())).toEqual({ 0: 2 });
  rig.tell((core, at) => core.stoodStill(at));
  rig.ack();
  expect(rig.running).toEqual([]);
  rig.ack();
  expect(rig.runningKeys).toEqual(['x']);
});

it('one that failed while it ran alone has not ended its process: it is charged with no start before', () => {
  const rig = withOneAlone();
  rig.settle();
  rig.fail(rig.runOf('x'));
  expect(startsIn(rig.settle())).toEqual({});
  rig.pass(1_000);
  expect(startsIn(rig.commit())).toEqual({ 0: 1 });
});

it('one that an operator holds meanwhile does not run; others start once a commit takes its start back', () => {
  const rig = withOneAlone(2);
  rig.records(rig.partition(0), itemsOf(1, ['b']));
  const hold = { id: 'h', offset: 2_000, key: 'x', by: 'me', verb: { name: 'hold' } } as const;
  rig.tell((core, at) => core.commanded(at, 0, hold));
  rig.ack();
  expect(startsIn(rig.commit())).toEqual({ 0: 1 });
  expect(rig.running).toEqual([]);
  rig.ack();
  expect(startsIn(rig.commit())).toEqual({ 0: 1, 1: 1 });
  rig.ack();
  expect(rig.runningKeys).toEqual(['b']);
});

it('one commit says that one has ended and that the next one begins', () => {
  const rig = new CoreRig();
  const partition = rig.take(
    0,
    crashed(2, [
      { key: 'x', offset: 0, starts: 1 },
      { key: 'y', offset: 1, starts: 1 },
    ]),
  );
  rig.swept(partition, itemsOf(0, ['x', 'y']));
  expect(startsIn(rig.settle())).toEqual({ 0: 2, 1: 1 });
  rig.finish(rig.runOf('x'));
  expect(startsIn(rig.ack())).toEqual({ 1: 2 });
  expect(rig.runningKeys).toEqual(['y']);
});

it('one runs alone in the whole process, whichever worker it belongs to', () => {
  const rig = withOneAlone();
  rig.settle();
  const other = new CoreRig({ scope: 'other' }, { suspectGate: rig.suspectGate, liveKeys: rig.liveKeys });
  const partition = other.take(0, crashed(1, [{ key: 'y', offset: 0, starts: 1 }]));
  other.swept(partition, itemsOf(0, ['y']));
  other.records(partition, itemsOf(1, ['b']));
  other.settle();
  expect(rig.runningKeys).toEqual(['x']);
  expect(other.running).toEqual([]);
  rig.finish(rig.runOf('x'));
  other.pass(0);
  expect(other.core.state.commitUnderWay).toBe(false);
  rig.settle();
  other.pass(0);
  other.finish(other.runOf('b'));
  expect(startsIn(other.ack())).toEqual({ 0: 2 });
  expect(other.runningKeys).toEqual(['y']);
});

it('one that others wait for is not kept waiting for room in a commit', () => {
  const keys = Array.from({ length: 600 }, (_, i) => `key ${i}`);
  const lanes = keys.map((key, offset) => ({ key, offset, starts: 1 }));
  const rig = new CoreRig();
  const partition = rig.take(0, crashed(600, lanes)); // of these as many as a commit could name
  rig.swept(partition, itemsOf(0, keys));
  rig.settle();
  expect(rig.runningKeys).toEqual(['key 0']);
  rig.finish(rig.runOf('key 0'));
  rig.settle();
  expect(rig.runningKeys).toEqual(['key 1']);
});

it('others are held back for half a minute at a time, and go on in between ever longer, while something does not end', () => {
  const rig = new CoreRig();
  const partition = rig.take(0, crashed(1, [{ key: 'x', offset: 0, starts: 1 }]));
  rig.records(partition, itemsOf(1, ['endless', 'b']));
  rig.swept(partition, itemsOf(0, ['x']));
  rig.finish(rig.runOf('b'));
  const changes: number[] = [];
  let wasClosed = true;
  for (let second = 1; second <= 600; second += 1) {
    rig.pass(1_000);
    if (rig.suspectGate.closed !== wasClosed) changes.push(second);
    wasClosed = rig.suspectGate.closed;
  }
  expect(changes).toEqual([31, 91, 122, 242, 273, 513, 544]);
});

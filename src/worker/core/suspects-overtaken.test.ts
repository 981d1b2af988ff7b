import { expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed, startsIn } from '../../../test/support/crashed-owner.ts';
import { foldJournal } from '../../journal/journal.ts';

const one = { suspectsAtOnce: 1, concurrency: 1 };

function command(
  rig: CoreRig,
  key: string,
  verb: { readonly name: 'hold' } | ReturnType<typeof skipOf>,
): void {
  rig.tell((core, at) => core.commanded(at, 0, { id: 'c', offset: 2_000, key, by: 'me', verb }));
}

function skipOf(offset: number) {
  return { name: 'skip', taskId: `id-${offset}`, below: 1_000 } as const;
}

it('a suspect that an operator holds before it starts makes way for the next one in the next commit', () => {
  const rig = new CoreRig(one);
  rig.records(rig.take(0, crashed(2)), itemsOf(0, ['a', 'b']));
  expect(startsIn(rig.commit())).toEqual({ 0: 1 });
  command(rig, 'a', { name: 'hold' });
  rig.ack();
  expect(startsIn(rig.ack())).toEqual({ 1: 1 });
  expect(rig.runningKeys).toEqual(['b']);
});

it('a suspect that has not started yet is not under suspicion for what another one does that runs alone', () => {
  const rig = new CoreRig();
  const partition = rig.take(0, crashed(3, [{ key: 'x', offset: 1, starts: 1 }]));
  rig.records(partition, itemsOf(2, ['a']));
  expect(startsIn(rig.commit())).toEqual({ 1: 1, 2: 1 });
  rig.swept(partition, itemsOf(1, ['x']));
  rig.ack();
  expect(rig.running).toEqual([]);
  expect(startsIn(rig.ack())).toEqual({ 1: 2 });
  expect(rig.runningKeys).toEqual(['x']);
  rig.finish(rig.runOf('x'));
  expect(startsIn(rig.ack())).toEqual({});
  expect(startsIn(rig.ack())).toEqual({ 2: 1 });
  expect(rig.runningKeys).toEqual(['a']);
});

it('a suspect that is skipped does not lend its start to the next suspect of its key', () => {
  const rig = new CoreRig(one);
  rig.records(rig.take(0, crashed(3)), itemsOf(0, ['a', 'b', 'a', 'n']));
  rig.ack();
  command(rig, 'a', skipOf(0));
  rig.finish(rig.runOf('n'));
  expect(rig.reports('task-skipped')).toMatchObject([{ item: { offset: 0 } }]);
  expect(rig.running).toEqual([]);
  expect(startsIn(rig.ack())).toEqual({ 1: 1 });
  rig.finish(rig.runOf('b'));
  expect(startsIn(rig.ack())).toEqual({ 2: 1 });
  expect(rig.runOf('a').item.offset).toBe(2);
});

it('a suspect that is skipped makes way for the next one, also while its key waits for a slot', () => {
  const rig = new CoreRig(one);
  rig.records(rig.take(0, crashed(2)), itemsOf(0, ['a', 'b', 'n', 'm', 'a']));
  rig.ack();
  command(rig, 'a', skipOf(0));
  rig.finish(rig.runOf('n'));
  expect(rig.runningKeys).toEqual(['m']);
  expect(startsIn(rig.ack())).toEqual({ 1: 1 });
});

it('a process that lost a partition and has it again suspects what it suspected before, and nothing else', () => {
  const rig = new CoreRig();
  const partition = rig.take(0, crashed(2, [{ key: 'a', offset: 0, starts: 0 }]));
  const items = itemsOf(0, ['a', 'b', 'c', 'd']);
  rig.swept(partition, items);
  rig.records(partition, items.slice(1));
  rig.settle();
  for (const key of ['c', 'd']) rig.finish(rig.runOf(key));
  const stored = rig.settle().at(-1);
  if (stored === undefined) throw new Error('nothing was committed');
  expect(startsIn([stored])).toEqual({ 0: 1, 1: 1 });
  rig.tell((core, at) => core.lost(at, [0]));
  for (const key of ['a', 'b']) rig.finish(rig.runOf(key));
  const again = rig.take(0, {
    committed: stored,
    history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: partition.epoch }]),
    logEnd: 1_000,
  });
  rig.records(again, [itemOf(4, 'e')]);
  expect(rig.runningKeys).toEqual(['e']);
  rig.swept(again, items);
  expect(startsIn(rig.ack())).toEqual({ 0: 1, 1: 1 });
  expect(rig.runningKeys).toEqual(['e', 'a', 'b']);
});

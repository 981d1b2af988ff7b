import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import { foldJournal, type MarkEntry } from '../../journal/journal.ts';

describe('a single task whose owner ended between its MARK and the copy', () => {
  const mark: MarkEntry & { offset: number } = {
    kind: 'mark',
    group: 'g',
    partition: 0,
    epoch: 50,
    key: 'k',
    scope: 'task',
    from: 1,
    parkedFrom: 0,
    type: 'job',
    id: 'id-1',
    reason: 'gave-up',
    error: '',
    atMs: 0,
    command: '',
    offset: 52,
  };
  const history = foldJournal([
    { kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 50 },
    {
      kind: 'confirm',
      group: 'g',
      partition: 0,
      epoch: 50,
      frontier: 0,
      topicId: 'topic',
      reason: 'taken',
      offset: 51,
    },
    mark,
  ]);

  it('is copied before it is redriven, so that it runs once and is not forgotten', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' }, { history });
    at.command('k', { name: 'redrive', mark: mark.offset });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([1]);
    expect(at.partition.marks.size).toBe(0);
    expect(at.partition.committedFrontier).toBe(3);
  });

  it('stays under its own mark when its key is parked by hand, so that it is in one list only', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' }, { history, logEnd: 3 });
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.finishAll();
    at.command('k', { name: 'park' });
    at.rig.records(at.partition, itemsOf(1, ['k', 'k']));
    at.finishAll();
    expect(at.parkedLog.map(({ mark: of, item }) => [of === mark.offset, item.offset])).toEqual([
      [true, 1],
      [false, 2],
    ]);
    for (const of of Array.from(at.partition.marks.keys())) at.command('k', { name: 'redrive', mark: of });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });

  it('is copied before it is discarded, so that no crash brings it back', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' }, { history });
    at.command('k', { name: 'discard', mark: mark.offset });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k2']);
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([1]);
    expect(at.partition.committedFrontier).toBe(3);
  });
});

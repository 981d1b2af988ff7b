import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig, mark as parkedMark } from '../../../test/support/parked-rig.ts';
import { foldJournal, type JournalHistory, type Mark } from '../../journal/journal.ts';

/** What an owner before wrote of key k, when its offsets were those of tasks that are gone: 40 to 42 were parked. */
const former: Mark = { ...parkedMark, from: 40 };

function history(marks: readonly Mark[]): JournalHistory {
  return { ...foldJournal([]), era: 50, marks };
}

function taken(...marks: readonly Mark[]): ParkedRig {
  const at = new ParkedRig({}, { history: history(marks) });
  for (const offset of [40, 41, 42]) at.parkedLog.push({ mark: former.id, item: itemOf(offset, 'k') });
  return at;
}

describe('a key that was parked before offsets began anew', () => {
  it.each([0, 40])('goes on with what is enqueued now: a task at %i', (offset) => {
    const at = taken(former);
    at.rig.records(at.partition, itemsOf(0, [...Array<string>(offset).fill('x'), 'k', 'k']));
    at.finishAll();
    expect(at.done.filter((line) => line.startsWith('done k'))).toEqual([
      `done k${offset}`,
      `done k${offset + 1}`,
    ]);
    expect(at.partition.committedFrontier).toBe(offset + 2);
  });

  it('is redriven from what was parked, in order, while its tasks in the queue wait', () => {
    const at = taken(former);
    at.command('k', { name: 'redrive', mark: former.id });
    at.settle();
    expect(at.rig.runningKeys).toEqual(['k']);
    at.rig.records(at.partition, itemsOf(0, ['k', 'x', 'k']));
    at.settle();
    at.finishAll();
    expect(at.done.filter((line) => line.startsWith('done k'))).toEqual([
      'done k40',
      'done k41',
      'done k42',
      'done k0',
      'done k2',
    ]);
    expect([at.partition.marks.size, at.partition.ending.size]).toEqual([0, 0]);
  });

  it('is redriven although an owner of now ended badly, and tasks of it are being read again', () => {
    const at = taken(former);
    at.partition.copiedBelow = 10;
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.command('k', { name: 'redrive', mark: former.id });
    at.finishAll();
    expect(at.done).toHaveLength(5);
    expect(at.partition.committedFrontier).toBe(2);
  });

  it('takes nothing of now for done when it has been redriven or discarded', () => {
    const at = taken(former);
    at.command('k', { name: 'discard', mark: former.id });
    at.settle();
    expect(at.partition.doneAside.size).toBe(0);
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
  });

  it('can be parked again, under a mark of its own, and each is redriven by itself', () => {
    const at = taken(former);
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.giveUp('k');
    at.settle();
    const now = at.markOf('k');
    expect(at.parkedLog.filter(({ mark }) => mark === now).map(({ item }) => item.offset)).toEqual([0, 1]);
    at.command('k', { name: 'redrive', mark: former.id });
    at.finishAll();
    at.rig.records(at.partition, itemsOf(2, ['k']));
    at.settle();
    at.command('k', { name: 'redrive', mark: now });
    at.finishAll();
    expect(at.done).toEqual(['done k40', 'done k41', 'done k42', 'done k0', 'done k1', 'done k2']);
  });

  it('stays parked when it gives up again', () => {
    const at = taken(former);
    at.command('k', { name: 'redrive', mark: former.id });
    at.settle();
    at.giveUp('k');
    at.settle();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
    expect([...at.partition.marks.keys()]).toEqual([former.id]);
  });
});

describe('one task that was parked then', () => {
  it('is not the task that has its offset now', () => {
    const one: Mark = { ...former, scope: 'task', from: 1 };
    const own: Mark = { ...one, id: 60, era: 50 };
    const at = taken(one, own);
    at.rig.records(at.partition, itemsOf(0, ['x', 'k', 'k']));
    at.command('k', { name: 'discard', mark: one.id });
    at.finishAll();
    expect([...at.partition.marks.keys()]).toEqual([own.id]);
    expect(at.story.filter((line) => line.startsWith('copy'))).toEqual(['copy k1']);
    expect(at.done).toEqual(['done x0', 'done k2']);
  });
});

describe('the era', () => {
  it('is stated by whoever owns the partition', () => {
    const at = taken();
    expect(at.partition.era).toBe(50);
  });
});

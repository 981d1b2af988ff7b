import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVoid, journalCourse } from '../../test/support/journal-course.ts';
import { GroupsFold } from './groups-fold.ts';
import { foldJournal, type JournalEntry, type MarkEntry, type WrittenEntry } from './journal.ts';
import { encodeEntry } from './journal-entry.ts';

/** Every other queue partition is copied to the same partition of the parked topic. */
const half = (partition: number): number => partition % 2;

describe('what all groups need', () => {
  it('is told of any group by what cannot become void any more, and is never more than what turns out', () => {
    fc.assert(
      fc.property(journalCourse, fc.boolean(), (entries, own) => {
        const fold = new GroupsFold(own ? 'g' : 'x');
        const told: (ReturnType<typeof fold.settledConfirm> & object)[] = [];
        for (const entry of entries) {
          add(fold, entry);
          const confirm = fold.settledConfirm('g', 0);
          if (confirm !== undefined) told.push(confirm);
        }
        // Whatever was ever told was said by an entry that no later one has made void.
        for (const { epoch, frontier } of told) {
          const said = entries.find((one) => one.offset === frontier);
          expect(said).toMatchObject({ kind: 'confirm', epoch });
          expect(said !== undefined && isVoid(said, entries)).toBe(false);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('has every mark that is live, or will be again when its end turns out to be void', () => {
    fc.assert(
      fc.property(journalCourse, fc.nat(40), fc.boolean(), (entries, cut, own) => {
        const fold = new GroupsFold(own ? 'g' : 'x');
        // As many parked offsets as there are marks: which one is missed shows.
        const placed = entries.map((entry) =>
          entry.kind === 'mark' ? { ...entry, parkedFrom: entry.offset } : entry,
        );
        const seen = placed.slice(0, cut);
        for (const entry of seen) add(fold, entry);
        const lowest = fold.lowestNeeded(half).get(0)?.parkedFrom ?? Number.POSITIVE_INFINITY;
        for (let later = cut; later <= placed.length; later += 1) {
          for (const mark of foldJournal(placed.slice(0, later)).marks) {
            if (mark.id < cut) expect(lowest).toBeLessThanOrEqual(mark.parkedFrom);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is kept apart by group and partition, and names the mark that lies lowest', () => {
    const fold = new GroupsFold('g');
    own(fold, 0, 'g', 30);
    own(fold, 3, 'gone', 20);
    own(fold, 6, 'g', 25, 1);
    expect(fold.settledConfirm('g', 0)).toMatchObject({ epoch: 0 });
    expect(fold.settledConfirm('gone', 0)).toMatchObject({ epoch: 3 });
    expect(fold.settledConfirm('gone', 1)).toBeUndefined();
    expect(fold.lowestNeeded(half).get(0)).toMatchObject({
      group: 'gone',
      partition: 0,
      id: 5,
      parkedFrom: 20,
    });
    expect(fold.lowestNeeded(half).get(1)).toMatchObject({ group: 'g', parkedFrom: 25 });
    add(fold, cleared({ epoch: 3, mark: 5, offset: 9, group: 'gone' }));
    expect(fold.lowestNeeded(half).get(0)).toMatchObject({ group: 'g', parkedFrom: 30 });
  });

  it('needs all of a parked topic that was made anew since a mark was written', () => {
    const fold = new GroupsFold('g');
    own(fold, 0, 'g', 30);
    own(fold, 3, 'gone', 20);
    const mark = {
      kind: 'mark',
      group: 'g',
      partition: 2,
      epoch: 7,
      key: 'z',
      scope: 'key',
      from: 0,
    } as const;
    const more = { type: '', id: '', reason: 'asked', error: '', atMs: 0, command: '' } as const;
    add(fold, { kind: 'claim', group: 'g', partition: 2, by: 'w', offset: 7 });
    add(fold, { ...mark, ...more, parkedFrom: 90, parkedTopicId: 'before', offset: 8 });
    const zero = (): number => 0;
    expect(fold.lowestNeeded(zero, 'before').get(0)).toMatchObject({ parkedFrom: 20 });
    expect(fold.lowestNeeded(zero, undefined).get(0)).toMatchObject({ parkedFrom: 20 });
    expect(fold.lowestNeeded(zero, 'now').get(0)).toMatchObject({ parkedFrom: 0, key: 'z', id: 8 });
  });

  it('tells of entries of the own group only, and passes over what is none', () => {
    const fold = new GroupsFold('g');
    const claim = { kind: 'claim', partition: 0, by: 'w' } as const;
    const given = [encodeEntry({ ...claim, group: 'h' }), 'no entry', encodeEntry({ ...claim, group: 'g' })];
    const told = given.map((text, offset) => fold.add(offset, Buffer.from(text)));
    expect(told.map((entry) => entry?.offset)).toEqual([undefined, undefined, 2]);
    expect(fold.history(0, 2).claims).toEqual(new Set([2]));
  });

  it('does not believe the end of a mark, nor a frontier, while a newer claim may make them void', () => {
    const fold = new GroupsFold('g');
    own(fold, 0, 'other', 20);
    const place = { group: 'other', partition: 0 };
    add(fold, { kind: 'claim', ...place, by: 'w', offset: 3 });
    add(fold, cleared({ epoch: 0, mark: 2, offset: 4, group: 'other' }));
    add(fold, confirm('other', 0, 5, 90));
    expect(fold.lowestNeeded(half).get(0)).toMatchObject({ parkedFrom: 20 });
    expect(fold.settledConfirm('other', 0)).toMatchObject({ frontier: 1 });
    add(fold, confirm('other', 3, 6, 60));
    expect(fold.settledConfirm('other', 0)).toMatchObject({ epoch: 3, frontier: 60 });
    expect(fold.lowestNeeded(half).get(0)).toMatchObject({ parkedFrom: 20 }); // it was not ended
  });
});

/** A claim, its confirmation and a mark, from this offset on. */
function own(fold: GroupsFold, offset: number, group: string, parkedFrom: number, partition = 0): void {
  add(fold, { kind: 'claim', group, partition, by: 'w', offset });
  add(fold, { ...confirm(group, offset, offset + 1, offset + 1), partition });
  const about = { key: 'k', scope: 'key', from: 4, type: 't', id: 'i', reason: 'asked', error: 'e' } as const;
  const mark: MarkEntry = {
    kind: 'mark',
    group,
    partition,
    epoch: offset,
    parkedFrom,
    ...about,
    atMs: 0,
    command: '',
  };
  add(fold, { ...mark, offset: offset + 2 });
}

function confirm(group: string, epoch: number, offset: number, frontier: number): WrittenEntry {
  return { kind: 'confirm', group, partition: 0, epoch, frontier, topicId: '', reason: 'taken', offset };
}

function cleared(of: { group: string; epoch: number; mark: number; offset: number }): WrittenEntry {
  return { kind: 'cleared', partition: 0, how: 'redriven', upTo: 4, command: 'c', ...of };
}

function add(fold: GroupsFold, { offset, ...entry }: WrittenEntry): void {
  fold.add(offset, Buffer.from(encodeEntry(entry as JournalEntry))); // without its offset it is one again
}

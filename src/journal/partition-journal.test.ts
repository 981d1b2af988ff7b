import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { journalCourse } from '../../test/support/journal-course.ts';
import { foldJournal, type WrittenEntry } from './journal.ts';
import { encodeEntry } from './journal-entry.ts';
import { JournalFold } from './journal-fold.ts';
import { PartitionJournal } from './partition-journal.ts';

describe('a journal that is folded as it is read', () => {
  it('says of all that was read what the whole journal says', () => {
    fc.assert(
      fc.property(journalCourse, (entries) => {
        const journal = new PartitionJournal();
        for (const entry of entries) journal.add(entry);
        expect(journal.history(Number.MAX_SAFE_INTEGER)).toEqual(foldJournal(entries));
      }),
      { numRuns: 3_000 },
    );
  });

  it('says up to a claim what was written up to it, or names the newer owner, however much was read since', () => {
    fc.assert(
      fc.property(journalCourse, fc.nat(), (entries, pick) => {
        const claims = entries.filter(({ kind }) => kind === 'claim');
        const claim = claims[pick % Math.max(1, claims.length)];
        if (claim === undefined) return;
        const expected = foldJournal(entries.filter(({ offset }) => offset <= claim.offset));
        const journal = new PartitionJournal();
        for (const entry of entries) {
          journal.add(entry);
          if (entry.offset < claim.offset) continue;
          const told = journal.history(claim.offset);
          // Whoever has confirmed a claim does not ask for what was before it.
          if ((told.newestConfirmedEpoch ?? -1) < claim.offset) expect(told).toEqual(expected);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('says so when a claim has been replaced, and not before', () => {
    const journal = new PartitionJournal();
    const written: WrittenEntry[] = [claim(0), confirm(1, 0), claim(2), claim(3)];
    for (const entry of written) journal.add(entry);
    expect(journal.history(2).newestConfirmedEpoch).toBe(0);
    journal.add(confirm(4, 3));
    expect(journal.history(2).newestConfirmedEpoch).toBe(3);
  });

  it('counts an entry once that is read twice', () => {
    const journal = new PartitionJournal();
    expect(journal.add(claim(0))).toBe(true);
    expect(journal.add(confirm(1, 0))).toBe(true);
    expect(journal.add(claim(0))).toBe(false);
    expect(journal.history(9).claims).toEqual(new Set([0]));
  });
});

describe('the newest confirmation that lasts', () => {
  const NOT_YET = Number.NEGATIVE_INFINITY;

  /** A claim that is confirmed, another one that never is, and two more confirmations of the first. */
  function withStray(): PartitionJournal {
    const journal = new PartitionJournal();
    journal.add(claim(0));
    journal.add(confirm(1, 0, 5), 1_000);
    journal.add(claim(2));
    journal.add(confirm(3, 0, 9), 2_000);
    journal.add(confirm(4, 0, 12), 3_000);
    return journal;
  }

  it('is one that no claim can make void any more', () => {
    const journal = new PartitionJournal();
    journal.add(claim(0));
    journal.add(confirm(1, 0, 5), 1_000);
    expect(journal.settledConfirm(NOT_YET)?.frontier).toBe(5);
    journal.add(confirm(2, 0, 7), 2_000);
    expect(journal.settledConfirm(NOT_YET)?.frontier).toBe(7);
    expect(withStray().settledConfirm(NOT_YET)?.frontier).toBe(5);
  });

  it('is in time one behind a claim that nobody confirms', () => {
    const journal = withStray();
    const frontierAt = (openBeforeMs: number) => journal.settledConfirm(openBeforeMs)?.frontier;
    expect([1_500, 2_000, 2_001, 3_000, 3_001].map(frontierAt)).toEqual([5, 5, 9, 9, 12]);
  });

  it('is never one that has been made void', () => {
    const journal = withStray();
    journal.add(claim(5));
    journal.add(confirm(6, 2, 6), 4_000);
    expect(journal.settledConfirm(3_500)?.frontier).toBe(5);
    expect(journal.settledConfirm(4_001)).toMatchObject({ epoch: 2, frontier: 6 });
    journal.add(confirm(7, 5, 8), 5_000);
    expect(journal.settledConfirm(NOT_YET)).toMatchObject({ epoch: 5, frontier: 8 });
  });

  it('is at once a lower one, as its group may have been set back, until that turns out to be void or is old', () => {
    const journal = withStray();
    journal.add(claim(5));
    journal.add(claim(6));
    journal.add(confirm(7, 5, 3), 4_000);
    expect(journal.settledConfirm(NOT_YET)).toMatchObject({ epoch: 5, frontier: 3 });
    expect(journal.settledConfirm(3_001)).toMatchObject({ epoch: 5, frontier: 3 });
    journal.add(confirm(8, 5, 10), 5_000);
    expect([NOT_YET, 4_001, 5_001].map((ms) => journal.settledConfirm(ms)?.frontier)).toEqual([3, 3, 10]);
    journal.add(confirm(9, 0, 2), 6_000); // void, unless 5 turns out to be
    expect([5_001, 6_000, 6_001].map((ms) => journal.settledConfirm(ms)?.frontier)).toEqual([2, 2, 10]);
    journal.add(confirm(10, 6, 11), 7_000);
    expect(journal.settledConfirm(NOT_YET)).toMatchObject({ epoch: 6, frontier: 11 });
  });

  it('is none of unknown age', () => {
    const journal = new PartitionJournal();
    journal.add(claim(0));
    journal.add(confirm(1, 0, 5));
    journal.add(claim(2));
    journal.add(confirm(3, 0, 9));
    expect(journal.settledConfirm(Number.MAX_SAFE_INTEGER)?.frontier).toBe(5);
  });
});

describe('a fold of many journals', () => {
  it('keeps groups and partitions apart', () => {
    fc.assert(
      fc.property(journalCourse, fc.infiniteStream(fc.nat(3)), (entries, others) => {
        const fold = new JournalFold('g');
        const own: WrittenEntry[] = [];
        for (const [offset, entry] of entries.entries()) {
          const other = others.next().value as number;
          const group = other === 1 ? 'other' : 'g';
          const partition = other === 2 ? 24 : 0;
          // Claims keep their offsets, so that other's entries name claims that exist.
          const written = { ...entry, group, partition };
          if (group === 'g' && partition === 0) own.push({ ...written, offset });
          expect(fold.add(offset, Buffer.from(encodeEntry(written)))?.kind).toBe(
            group === 'g' ? entry.kind : undefined,
          );
        }
        expect(fold.history(0, entries.length)).toEqual(foldJournal(own));
      }),
    );
  });

  it('knows nothing of a partition without entries', () => {
    expect(new JournalFold('g').history(3, 100)).toEqual(foldJournal([]));
  });
});

function claim(offset: number): WrittenEntry {
  return { kind: 'claim', group: 'g', partition: 0, by: 'w', offset };
}

function confirm(offset: number, epoch: number, frontier = 0): WrittenEntry {
  const said = { frontier, topicId: '', reason: 'taken' } as const;
  return { kind: 'confirm', group: 'g', partition: 0, epoch, ...said, offset };
}

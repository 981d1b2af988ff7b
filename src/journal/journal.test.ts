import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldJournal, type JournalEntry, type WrittenEntry } from './journal.ts';
import { decodeEntry, encodeEntry } from './journal-entry.ts';

function claim(offset: number): WrittenEntry {
  return { kind: 'claim', group: 'g', partition: 0, by: 'w', offset };
}

function confirm(offset: number, epoch: number, frontier = offset): WrittenEntry {
  return {
    kind: 'confirm',
    group: 'g',
    partition: 0,
    epoch,
    frontier,
    topicId: 't',
    reason: 'taken',
    offset,
  };
}

const text = fc.string({ unit: 'binary', maxLength: 30 });
const count = fc.nat(2 ** 31);
const entry: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc.record({ kind: fc.constant('claim' as const), group: text, partition: count, by: text }),
  fc.record({
    kind: fc.constant('confirm' as const),
    group: text,
    partition: count,
    epoch: count,
    frontier: count,
    topicId: text,
    reason: fc.constantFrom('taken' as const, 'stopped' as const, 'periodic' as const),
  }),
);

describe('an entry', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(entry, (given) => {
        expect(decodeEntry(encodeEntry(given))).toEqual(given);
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{"v":1,'],
    ['null', 'null'],
    ['a list', '[1]'],
    ['a later version', JSON.stringify({ v: 2, kind: 'claim', group: 'g', partition: 0, by: 'w' })],
    ['another kind', JSON.stringify({ v: 1, kind: 'later', group: 'g', partition: 0, by: 'w' })],
    ['no group', JSON.stringify({ v: 1, kind: 'claim', partition: 0, by: 'w' })],
    ['a negative partition', JSON.stringify({ v: 1, kind: 'claim', group: 'g', partition: -1, by: 'w' })],
    ['half a frontier', encodeEntry({ ...confirm(3, 1), frontier: 1.5 } as JournalEntry)],
    ['a frontier beyond numbers', encodeEntry({ ...confirm(3, 1), frontier: 2 ** 60 } as JournalEntry)],
    ['an unknown reason', encodeEntry({ ...confirm(3, 1), reason: 'because' } as unknown as JournalEntry)],
  ])('that is %s says nothing', (_what, given) => {
    expect(decodeEntry(given)).toBeUndefined();
  });

  it('never throws, whatever somebody wrote into the topic', () => {
    fc.assert(fc.property(fc.oneof(text, fc.json()), (given) => void decodeEntry(given)));
  });
});

describe('the history of a partition', () => {
  it('is empty at first', () => {
    expect(foldJournal([])).toEqual({
      claims: new Set(),
      newestConfirmedEpoch: undefined,
      newestConfirm: undefined,
      marks: [],
      pending: [],
      heldKeys: new Set(),
      heldTypes: new Set(),
    });
  });

  it.each<[string, readonly WrittenEntry[], number | undefined, number | undefined]>([
    ['a claim alone confirms nothing', [claim(1)], undefined, undefined],
    ['a confirmed claim', [claim(1), confirm(2, 1, 70)], 1, 70],
    ['the later confirmation of one owner', [claim(1), confirm(2, 1, 70), confirm(3, 1, 90)], 1, 90],
    ['a newer claim that was not confirmed changes nothing', [claim(1), confirm(2, 1, 70), claim(3)], 1, 70],
    [
      'an older owner may confirm while the newer claim is not confirmed',
      [claim(1), claim(2), confirm(3, 1, 70)],
      1,
      70,
    ],
    [
      'what an older owner says after a newer claim, confirmed later, is void',
      [claim(1), confirm(2, 1, 70), claim(3), confirm(4, 1, 99), confirm(5, 3, 80)],
      3,
      80,
    ],
    [
      'what a replaced owner says after its replacement is void',
      [claim(1), confirm(2, 1, 70), claim(3), confirm(4, 3, 80), confirm(5, 1, 99)],
      3,
      80,
    ],
    ['a confirmation without its claim says nothing', [confirm(2, 1, 70)], undefined, undefined],
    [
      'a void confirmation voids nobody: the middle owner was void itself',
      [claim(1), confirm(2, 1, 70), claim(3), claim(4), confirm(5, 4, 75), confirm(6, 3, 99)],
      4,
      75,
    ],
  ])('%s', (_what, entries, epoch, frontier) => {
    const { newestConfirmedEpoch, newestConfirm } = foldJournal(entries);
    expect([newestConfirmedEpoch, newestConfirm?.frontier]).toEqual([epoch, frontier]);
  });

  /** The rule as DESIGN words it, as slowly as it can be said. */
  function isVoid(one: WrittenEntry, all: readonly WrittenEntry[]): boolean {
    if (one.kind === 'claim' || one.kind === 'command') return false;
    const { epoch, offset } = one;
    return all.some(
      (other) =>
        other.kind === 'claim' &&
        other.offset > epoch &&
        other.offset < offset &&
        all.some(
          (its) =>
            its.kind === 'confirm' &&
            its.epoch === other.offset &&
            its.offset > other.offset &&
            !isVoid(its, all),
        ),
    );
  }

  it('follows the void rule for any course of events, in any order of reading', () => {
    const course = fc.array(fc.option(fc.nat(8), { nil: undefined, freq: 2 }), { maxLength: 14 });
    fc.assert(
      fc.property(course, fc.infiniteStream(fc.nat()), (steps, order) => {
        const entries: WrittenEntry[] = [];
        const claims: number[] = [];
        for (const [offset, step] of steps.entries()) {
          const epoch = step === undefined ? undefined : claims[step % Math.max(1, claims.length)];
          if (epoch === undefined) claims.push(offset);
          entries.push(epoch === undefined ? claim(offset) : confirm(offset, epoch));
        }
        const valid = entries.filter((one) => one.kind === 'confirm' && !isVoid(one, entries));
        const newest = valid.at(-1);
        const epochs = valid.flatMap((one) => (one.kind === 'confirm' ? [one.epoch] : []));
        const shuffled = entries
          .map((one) => ({ one, rank: order.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ one }) => one);
        const history = foldJournal(shuffled);
        const newestEpoch = epochs.length === 0 ? undefined : Math.max(...epochs);
        expect(history.claims).toEqual(new Set(claims.filter((one) => one >= (newestEpoch ?? 0))));
        expect(history.newestConfirm?.frontier).toBe(newest?.offset);
        expect(history.newestConfirmedEpoch).toBe(newestEpoch);
      }),
      { numRuns: 2_000 },
    );
  });
});

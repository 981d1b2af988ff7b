import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVoid, journalCourse } from '../../test/support/journal-course.ts';
import { foldJournal, type JournalHistory, type MarkEntry, type Verb, type WrittenEntry } from './journal.ts';

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

describe('the history of a partition', () => {
  it('is empty at first', () => {
    expect(foldJournal([])).toEqual({
      claims: new Set(),
      newestConfirmedEpoch: undefined,
      newestConfirm: undefined,
      lastWord: -1,
      era: -1,
      truncated: undefined,
      marks: [],
      pending: [],
      heldKeys: new Set(),
      heldTypes: new Set(),
    });
  });

  it.each<[string, readonly WrittenEntry[], number]>([
    ['nothing but who owned it', [claim(1), confirm(2, 1)], -1],
    ['a mark', [claim(1), confirm(2, 1), mark(3, 1)], 3],
    ['a newer claim that was not confirmed is none', [claim(1), confirm(2, 1), mark(3, 1), claim(4)], 3],
    ['what was said after such a claim', [claim(1), confirm(2, 1), mark(3, 1), claim(4), mark(5, 1)], 5],
    ['not what is void', [claim(1), confirm(2, 1), mark(3, 1), claim(4), mark(5, 1), confirm(6, 4)], 3],
    ['the end of a command', [claim(1), confirm(2, 1), done(4, 1, 'c', 'done')], 4],
  ])('knows the last word of an owner: %s', (_what, entries, lastWord) => {
    expect(foldJournal(entries).lastWord).toBe(lastWord);
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

  it('follows the void rule for any course of events, in any order of reading', () => {
    const course = fc.array(fc.option(fc.nat(8), { nil: undefined, freq: 2 }), {
      maxLength: 14,
      size: 'max',
    });
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

function mark(offset: number, epoch: number, changes: Partial<MarkEntry> = {}): WrittenEntry {
  return {
    kind: 'mark',
    group: 'g',
    partition: 0,
    epoch,
    key: 'k',
    scope: 'key',
    from: 10,
    parkedFrom: 3,
    type: 'work',
    id: 'task-10',
    reason: 'gave-up',
    error: 'it broke',
    atMs: 5,
    command: '',
    ...changes,
    offset,
  };
}

function progress(offset: number, epoch: number, of: number, done: number): WrittenEntry {
  return { kind: 'progress', group: 'g', partition: 0, epoch, mark: of, done, offset };
}

function cleared(offset: number, epoch: number, of: number, command = ''): WrittenEntry {
  const how = 'redriven' as const;
  return { kind: 'cleared', group: 'g', partition: 0, epoch, mark: of, how, upTo: 20, command, offset };
}

function command(offset: number, verb: Verb, key = 'k'): WrittenEntry {
  return {
    kind: 'command',
    group: 'g',
    partition: 0,
    id: `c${offset}`,
    verb,
    key,
    by: 'me',
    atMs: 0,
    offset,
  };
}

function done(offset: number, epoch: number, of: string, outcome: string): WrittenEntry {
  return { kind: 'done', group: 'g', partition: 0, epoch, command: of, outcome, offset };
}

describe('what is parked', () => {
  const owned = [claim(1), confirm(2, 1)];
  const marksOf = (...entries: WrittenEntry[]): JournalHistory['marks'] =>
    foldJournal([...owned, ...entries]).marks;

  it('is what a mark says, under its offset', () => {
    expect(marksOf(mark(5, 1))).toEqual([
      {
        id: 5,
        epoch: 1,
        key: 'k',
        scope: 'key',
        from: 10,
        era: -1,
        parkedFrom: 3,
        type: 'work',
        taskId: 'task-10',
        reason: 'gave-up',
        error: 'it broke',
        atMs: 5,
        command: '',
        done: -1,
        discarded: [],
        redrives: 0,
        stalls: 0,
      },
    ]);
  });

  it('outlives its owner, until it is cleared', () => {
    const taken = [mark(5, 1), claim(6), confirm(7, 6)];
    expect(marksOf(...taken).map(({ id }) => id)).toEqual([5]);
    expect(marksOf(...taken, cleared(8, 6, 5))).toEqual([]);
    expect(marksOf(...taken, cleared(8, 1, 5)).map(({ id }) => id)).toEqual([5]);
  });

  it('is not what a replaced owner writes', () => {
    expect(marksOf(claim(3), mark(4, 1), confirm(5, 3), mark(6, 1))).toEqual([]);
  });

  it("is an owner's last mark of a key: it wrote it again because it was not told of the first", () => {
    expect(marksOf(mark(5, 1), mark(6, 1)).map(({ id }) => id)).toEqual([6]);
    const task = { scope: 'task' } as const;
    expect(marksOf(mark(5, 1, task), mark(6, 1, task)).map(({ id }) => id)).toEqual([6]);
  });

  it('is the older mark of a key when a later owner wrote another', () => {
    expect(marksOf(mark(5, 1), claim(6), confirm(7, 6), mark(8, 6)).map(({ id }) => id)).toEqual([5]);
  });

  it('may be single tasks of a key beside the key', () => {
    const task = (offset: number, from: number): WrittenEntry => mark(offset, 1, { scope: 'task', from });
    expect(marksOf(task(4, 8), task(5, 9), mark(6, 1)).map(({ id }) => id)).toEqual([4, 5, 6]);
  });

  it('knows how far redriving has come, and how often it began there', () => {
    const begun = [mark(5, 1), progress(6, 1, 5, -1), progress(7, 1, 5, 12), progress(8, 1, 5, 11)];
    expect(marksOf(...begun)).toMatchObject([{ done: 12, stalls: 1 }]);
    // Written again by the same owner, which was not told the outcome.
    expect(marksOf(...begun, progress(9, 1, 5, 12))).toMatchObject([{ done: 12, stalls: 1 }]);
    const next = [claim(9), confirm(10, 9), progress(11, 9, 5, 12)];
    expect(marksOf(...begun, ...next)).toMatchObject([{ done: 12, stalls: 2 }]);
    expect(marksOf(...begun, progress(9, 1, 5, 13))).toMatchObject([{ done: 13, stalls: 0 }]);
  });

  it('counts the redrives that gave up, and begins to count stalls anew', () => {
    const redrive = command(6, { name: 'redrive', mark: 5 });
    const stalled = [mark(5, 1), redrive, progress(7, 1, 5, -1)];
    expect(marksOf(...stalled, done(8, 1, 'c6', 'gave-up'))).toMatchObject([{ redrives: 1, stalls: 0 }]);
    expect(marksOf(...stalled, done(8, 1, 'c6', 'unknown-mark'))).toMatchObject([{ redrives: 0 }]);
  });

  it('knows what was taken out of it', () => {
    const discard = command(6, { name: 'discard-task', mark: 5, offset: 11 });
    expect(marksOf(mark(5, 1), discard)).toMatchObject([{ discarded: [] }]);
    expect(marksOf(mark(5, 1), discard, done(7, 1, 'c6', 'not-found'))).toMatchObject([{ discarded: [] }]);
    expect(marksOf(mark(5, 1), discard, done(7, 1, 'c6', 'discarded'))).toMatchObject([{ discarded: [11] }]);
  });
});

describe('commands', () => {
  const owned = [claim(1), confirm(2, 1)];
  const park = command(4, { name: 'park' });
  const redrive = command(6, { name: 'redrive', mark: 5 });
  const accept = command(4, { name: 'accept-loss', below: 9, topicId: 't', statePin: 's' });
  const accepting = { accepted: ['c4', 'c6'] };

  it.each<[string, WrittenEntry[], string[]]>([
    ['have been obeyed by whoever began to work', [accept, claim(5), { ...confirm(6, 5), ...accepting }], []],
    [
      'have not been by one that came too late',
      [accept, claim(5), claim(6), confirm(7, 6), { ...confirm(8, 5), ...accepting }],
      ['c4'],
    ],
    ['wait until somebody says that they are done', [park, redrive], ['c4', 'c6']],
    ['have been done', [park, redrive, done(7, 1, 'c4', 'already-parked')], ['c6']],
    ['are not done by a replaced owner', [park, claim(5), done(6, 1, 'c4', 'x'), confirm(7, 5)], ['c4']],
    ['are never void themselves', [claim(3), park, confirm(5, 3)], ['c4']],
    ['have ended with the mark that they asked for', [park, mark(5, 1, { command: 'c4' })], []],
    ['have ended with the mark that they were about', [mark(5, 1), redrive, cleared(7, 1, 5, 'c6')], []],
  ])('%s', (_what, entries, expected) => {
    expect(foldJournal([...owned, ...entries]).pending.map(({ id }) => id)).toEqual(expected);
  });

  it('that were sent twice count once', () => {
    expect(foldJournal([park, { ...park, offset: 5 }]).pending).toEqual([
      { id: 'c4', offset: 4, key: 'k', verb: { name: 'park' }, by: 'me' },
    ]);
  });

  it('hold and release keys and types in the order they were written', () => {
    const { heldKeys, heldTypes, pending } = foldJournal([
      command(1, { name: 'hold' }, 'a'),
      command(2, { name: 'hold' }, 'b'),
      command(3, { name: 'release' }, 'a'),
      command(4, { name: 'hold-type', type: 's' }, ''),
      command(5, { name: 'release-type', type: 's' }, ''),
      command(6, { name: 'hold-type', type: 't' }, ''),
    ]);
    expect([[...heldKeys], [...heldTypes], pending]).toEqual([['b'], ['t'], []]);
  });
});

describe('for any course of events the history', () => {
  it('is the same in any order of arrival', () => {
    fc.assert(
      fc.property(journalCourse, fc.infiniteStream(fc.nat()), (entries, order) => {
        const shuffled = entries
          .map((one) => ({ one, rank: order.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ one }) => one);
        expect(foldJournal(shuffled)).toEqual(foldJournal(entries));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is the same without what replaced owners wrote', () => {
    fc.assert(
      fc.property(journalCourse, (entries) => {
        const valid = entries.filter((one) => !isVoid(one, entries));
        expect(foldJournal(valid)).toEqual(foldJournal(entries));
      }),
      { numRuns: 2_000 },
    );
  });
});

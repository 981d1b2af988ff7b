import { expect, it } from 'vitest';
import { foldJournal, type WrittenEntry } from './journal.ts';

const place = { group: 'g', partition: 0 } as const;

function claim(offset: number): WrittenEntry {
  return { kind: 'claim', ...place, by: 'w', offset };
}

function confirm(offset: number, epoch: number): WrittenEntry {
  return { kind: 'confirm', ...place, epoch, frontier: 0, topicId: 't', reason: 'taken', offset };
}

function mark(offset: number, epoch: number): WrittenEntry {
  const of = { key: `k${offset}`, scope: 'key', type: 'work', id: '', error: '', command: '' } as const;
  return { kind: 'mark', ...place, ...of, epoch, from: 0, parkedFrom: 0, reason: 'asked', atMs: 0, offset };
}

function done(offset: number, epoch: number, command: string, outcome: string): WrittenEntry {
  return { kind: 'done', ...place, epoch, command, outcome, offset };
}

it.each<[string, readonly WrittenEntry[], readonly number[]]>([
  ['counts under a claim that was confirmed', [claim(0), confirm(1, 0), mark(2, 0)], [2]],
  ['counts under one that was not, while no other is', [claim(0), mark(2, 0)], [2]],
  [
    'counts when it is the last before a newer claim',
    [claim(0), confirm(1, 0), mark(2, 0), claim(3), confirm(4, 3)],
    [2],
  ],
  ['is void right behind a newer claim', [claim(0), confirm(1, 0), claim(2), mark(3, 0), confirm(4, 2)], []],
  ['is void when it is older than its own claim', [claim(5), confirm(6, 5), mark(3, 5)], []],
  ['is void under an epoch that nobody claimed', [claim(0), confirm(1, 0), mark(3, 2)], []],
  [
    'is void behind a newer owner whose later confirmations are void themselves',
    [claim(0), confirm(1, 0), claim(2), mark(3, 0), confirm(4, 2), claim(5), confirm(6, 5), confirm(7, 2)],
    [],
  ],
  [
    'counts behind a newer claim that was confirmed only when somebody else owned the partition',
    [claim(0), confirm(1, 0), claim(2), mark(3, 0), claim(5), confirm(6, 5), confirm(7, 2)],
    [3],
  ],
])('a mark %s', (_what, entries, marks) => {
  expect(foldJournal(entries).marks.map(({ id }) => id)).toEqual(marks);
});

it('a confirmation older than its claim confirms nothing', () => {
  expect(foldJournal([confirm(1, 3), claim(3)]).newestConfirmedEpoch).toBeUndefined();
});

it('the end of a command says only what its verb can mean', () => {
  const marked = [claim(0), confirm(1, 0), mark(2, 0)];
  const command = (offset: number, verb: 'redrive' | 'discard-task'): WrittenEntry => ({
    kind: 'command',
    ...place,
    id: `c${offset}`,
    verb: verb === 'redrive' ? { name: verb, mark: 2 } : { name: verb, mark: 2, offset: 9 },
    key: 'k2',
    by: 'me',
    atMs: 0,
    offset,
  });
  const after = (...entries: WrittenEntry[]): unknown => {
    const [only] = foldJournal([...marked, ...entries]).marks;
    return [only?.redrives, only?.discarded];
  };
  expect(after(command(3, 'redrive'), done(4, 0, 'c3', 'gave-up'))).toEqual([1, []]);
  expect(after(command(3, 'redrive'), done(4, 0, 'c3', 'discarded'))).toEqual([0, []]);
  expect(after(command(3, 'discard-task'), done(4, 0, 'c3', 'discarded'))).toEqual([0, [9]]);
  expect(after(command(3, 'discard-task'), done(4, 0, 'c3', 'gave-up'))).toEqual([0, []]);
});

import { describe, expect, it } from 'vitest';
import { foldJournal, type WrittenEntry } from './journal.ts';

const place = { group: 'g', partition: 0 };

function claim(offset: number): WrittenEntry {
  return { kind: 'claim', ...place, by: 'w', offset };
}

function confirm(
  offset: number,
  epoch: number,
  more: { era?: number; reason?: 'taken' | 'periodic' } = {},
): WrittenEntry {
  return { kind: 'confirm', ...place, epoch, frontier: 0, topicId: 't', reason: 'taken', ...more, offset };
}

function mark(offset: number, epoch: number, scope: 'key' | 'task' = 'key'): WrittenEntry {
  const about = {
    key: 'k',
    scope,
    from: 10,
    parkedFrom: 0,
    type: '',
    id: '',
    error: '',
    atMs: 0,
    command: '',
  };
  return { kind: 'mark', ...place, epoch, reason: 'gave-up', ...about, offset };
}

function truncated(offset: number, epoch: number, from: number, to: number): WrittenEntry {
  return { kind: 'truncated', ...place, epoch, from, to, offset };
}

describe('an era', () => {
  it.each<[string, readonly WrittenEntry[], number]>([
    ['is none at first', [claim(1), confirm(2, 1)], -1],
    [
      'begins with a confirmation that says so',
      [claim(1), confirm(2, 1), claim(3), confirm(4, 3, { era: 3 })],
      3,
    ],
    ['goes on', [claim(3), confirm(4, 3, { era: 3 }), claim(5), confirm(6, 5, { era: 3 })], 3],
    [
      'goes on over an owner that knows nothing of it',
      [claim(3), confirm(4, 3, { era: 3 }), claim(5), confirm(6, 5)],
      3,
    ],
    ['does not begin with what is void', [claim(1), claim(3), confirm(4, 3), confirm(5, 1, { era: 1 })], -1],
  ])('%s', (_what, entries, era) => {
    expect(foldJournal(entries).era).toBe(era);
  });

  it.each(['key', 'task'] as const)(
    'keeps marks of its own: a %s that was parked before may be parked again',
    (scope) => {
      const anew = [
        claim(1),
        confirm(2, 1),
        mark(3, 1, scope),
        claim(4),
        confirm(5, 4, { era: 4 }),
        mark(6, 4, scope),
      ];
      expect(foldJournal(anew).marks.map(({ id, era }) => [id, era])).toEqual([
        [3, -1],
        [6, 4],
      ]);
      const cleared: WrittenEntry = {
        kind: 'cleared',
        ...place,
        epoch: 4,
        mark: 3,
        how: 'redriven',
        upTo: 20,
        command: '',
        offset: 7,
      };
      const again = [...anew, cleared, claim(8), confirm(9, 8, { era: 4 }), mark(10, 8, scope)];
      // Of two owners' marks of one era the older counts.
      expect(foldJournal(again).marks.map(({ id }) => id)).toEqual([6]);
    },
  );
});

describe('a log that was truncated', () => {
  it.each<[string, readonly WrittenEntry[], object | undefined]>([
    ['is so for whoever comes next', [truncated(3, 1, 80, 100)], { from: 80, to: 100, offset: 3 }],
    ['is so in whole', [truncated(3, 1, 80, 100), truncated(4, 1, 70, 90)], { from: 70, to: 100, offset: 4 }],
    ['is so until somebody is confirmed', [truncated(3, 1, 80, 100), claim(4), confirm(5, 4)], undefined],
    [
      'is so although somebody claims it',
      [truncated(3, 1, 80, 100), claim(4)],
      { from: 80, to: 100, offset: 3 },
    ],
    [
      'is so whatever its owner states',
      [truncated(3, 1, 80, 100), confirm(4, 1, { reason: 'periodic' })],
      { from: 80, to: 100, offset: 3 },
    ],
    [
      'is what a claim says that was never confirmed',
      [claim(3), truncated(4, 3, 8, 9)],
      { from: 8, to: 9, offset: 4 },
    ],
  ])('%s', (_what, entries, expected) => {
    expect(foldJournal([claim(1), confirm(2, 1), ...entries]).truncated).toEqual(expected);
  });
});

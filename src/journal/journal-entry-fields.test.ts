import { describe, expect, it } from 'vitest';
import type { JournalEntry, MarkEntry, Verb } from './journal.ts';
import { decodeEntry, encodeEntry, isParkReason } from './journal-entry.ts';

const place = { group: 'g', partition: 3 } as const;

const mark: MarkEntry = {
  kind: 'mark',
  ...place,
  epoch: 4,
  key: 'k\xff',
  scope: 'key',
  from: 10,
  parkedFrom: 0,
  type: 'work',
  id: 'task-10',
  reason: 'gave-up',
  error: 'it broke',
  atMs: 5,
  command: '',
};

const verbs: Verb[] = [
  { name: 'park' },
  { name: 'hold' },
  { name: 'release' },
  { name: 'hold-type', type: 'work' },
  { name: 'release-type', type: 'work' },
  { name: 'skip', taskId: 'task-10', below: 0 },
  { name: 'redrive', mark: 0 },
  { name: 'discard', mark: 7 },
  { name: 'discard-task', mark: 7, offset: 0 },
];

const entries: JournalEntry[] = [
  { kind: 'claim', ...place, by: 'w' },
  { kind: 'confirm', ...place, epoch: 0, frontier: 0, topicId: '', reason: 'taken' },
  { kind: 'confirm', ...place, epoch: 4, frontier: 9, topicId: 't', reason: 'periodic' },
  mark,
  { kind: 'progress', ...place, epoch: 4, mark: 5, done: -1 },
  { kind: 'cleared', ...place, epoch: 4, mark: 5, how: 'redriven', upTo: -1, command: 'c' },
  { kind: 'cleared', ...place, epoch: 4, mark: 5, how: 'discarded', upTo: 8, command: '' },
  { kind: 'done', ...place, epoch: 4, command: 'c', outcome: 'skipped' },
  ...verbs.map(
    (verb): JournalEntry => ({ kind: 'command', ...place, id: 'c', verb, key: 'k', by: 'me', atMs: 0 }),
  ),
];

/** What each field must not be. */
const wrong: readonly unknown[] = [undefined, null, true, 1.5, -2, {}, [], ['x']];

describe.each(entries.map((entry): [string, JournalEntry] => [encodeEntry(entry), entry]))(
  '%s',
  (text, entry) => {
    it('is read as it was written', () => {
      expect(decodeEntry(text)).toEqual(entry);
    });

    it('is nothing when one of its fields is missing, or is not what it should be', () => {
      const fields = JSON.parse(text) as Record<string, unknown>;
      for (const name of Object.keys(fields)) {
        const type = typeof fields[name];
        for (const value of [...wrong, type === 'string' ? 7 : 'seven']) {
          const broken = JSON.stringify({ ...fields, [name]: value });
          expect(decodeEntry(broken), `${name} = ${JSON.stringify(value)}`).toBeUndefined();
        }
      }
    });
  },
);

it.each([
  '',
  'null',
  '7',
  '"text"',
  '{',
  '[]',
  '{"v":1}',
  '{"v":2,"kind":"claim","group":"g","partition":3,"by":"w"}',
])('what keylane did not write is nothing: %s', (text) => {
  expect(decodeEntry(text)).toBeUndefined();
});

it.each(['kind', 'verb', 'how', 'scope', 'reason'])(
  'a word of a later version is not guessed at: %s',
  (name) => {
    for (const entry of entries) {
      const fields = JSON.parse(encodeEntry(entry)) as Record<string, unknown>;
      if (name in fields) expect(decodeEntry(JSON.stringify({ ...fields, [name]: 'later' }))).toBeUndefined();
    }
  },
);

it.each<[string, unknown, string | undefined]>([
  ['the parked topic that its offset is of', 'topic-1', 'topic-1'],
  ['none, when a release before wrote it', undefined, undefined],
  ['none, when that is no id', 7, undefined],
])('a mark names %s', (_what, given, read) => {
  const fields = JSON.parse(encodeEntry(mark)) as Record<string, unknown>;
  const text = JSON.stringify({ ...fields, parkedTopicId: given });
  expect(decodeEntry(text)).toEqual(read === undefined ? mark : { ...mark, parkedTopicId: read });
});

it.each<[string, unknown]>([
  ['left out', undefined],
  ['no list', 'c-1'],
  ['no list of ids', ['c-1', 7]],
])('a confirmation whose accepted commands are %s has none', (_what, accepted) => {
  const plain = {
    kind: 'confirm',
    group: 'g',
    partition: 3,
    epoch: 7,
    frontier: 9,
    topicId: 't',
    reason: 'taken',
  } as const;
  const fields = JSON.parse(encodeEntry(plain)) as Record<string, unknown>;
  expect(decodeEntry(JSON.stringify({ ...fields, accepted }))).toEqual(plain);
});

it('a key that is not base64 is no key', () => {
  const fields = JSON.parse(encodeEntry(mark)) as Record<string, unknown>;
  expect(decodeEntry(JSON.stringify({ ...fields, key: '%%%' }))).toBeUndefined();
});

it.each(['gave-up', 'asked', 'undecodable', 'crash-loop', 'operator'])('%s is a reason to park', (reason) => {
  expect(isParkReason(reason)).toBe(true);
});

it.each(['toString', 'later', '', undefined, 7, ['asked']])('%s is no reason to park', (reason) => {
  expect(isParkReason(reason)).toBe(false);
});

describe('the error in a mark', () => {
  const errorOf = (error: string): string => {
    const read = decodeEntry(encodeEntry({ ...mark, error }));
    return read?.kind === 'mark' ? read.error : '';
  };

  it.each<[string, string, string]>([
    ['as it is, up to 200 characters', 'e'.repeat(200), 'e'.repeat(200)],
    ['cut after 200', 'e'.repeat(201), 'e'.repeat(200)],
    ['cut before a character that would be halved', `${'e'.repeat(199)}\u{1F600}!`, 'e'.repeat(199)],
    ['cut behind a whole one', `${'e'.repeat(198)}\u{1F600}!`, `${'e'.repeat(198)}\u{1F600}`],
    ['cut before the first of all halves', `${'e'.repeat(199)}\u{10000}!`, 'e'.repeat(199)],
    ['cut behind what lies above the halves', `${'e'.repeat(199)}\uE000!`, `${'e'.repeat(199)}\uE000`],
    ['cut behind what lies below them', `${'e'.repeat(199)}\uD7FF!`, `${'e'.repeat(199)}\uD7FF`],
  ])('is %s', (_how, given, read) => {
    expect(errorOf(given)).toBe(read);
  });
});

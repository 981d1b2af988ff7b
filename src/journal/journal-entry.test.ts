import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JournalEntry, MarkEntry, Verb } from './journal.ts';
import { decodeEntry, encodeEntry } from './journal-entry.ts';

const text = fc.string({ unit: 'binary', maxLength: 30, size: 'max' });
const laneKey = fc
  .uint8Array({ maxLength: 30, size: 'max' })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));
const count = fc.nat(2 ** 31);
const orNone = fc.oneof(fc.constant(-1), count);
const place = { group: text, partition: count };
const kindOf = <K extends string>(kind: K): fc.Arbitrary<K> => fc.constant(kind);

const verb: fc.Arbitrary<Verb> = fc.oneof(
  fc.record({ name: fc.constantFrom('park', 'hold', 'release') }),
  fc.record({ name: fc.constantFrom('hold-type', 'release-type'), type: text }),
  fc.record({ name: kindOf('skip'), taskId: text, below: count }),
  fc.record({ name: fc.constantFrom('redrive', 'discard'), mark: count }),
  fc.record({ name: kindOf('discard-task'), mark: count, offset: count }),
  fc.record({ name: kindOf('accept-loss'), below: count, topicId: text, statePin: text }),
);

const anyEntry: fc.Arbitrary<JournalEntry> = fc.oneof(
  fc.record({ kind: kindOf('claim'), ...place, by: text }),
  fc.record(
    {
      kind: kindOf('confirm'),
      ...place,
      epoch: count,
      frontier: count,
      topicId: text,
      reason: fc.constantFrom('taken', 'stopped', 'periodic'),
      era: count,
    },
    { requiredKeys: ['kind', 'group', 'partition', 'epoch', 'frontier', 'topicId', 'reason'] },
  ),
  fc.record({ kind: kindOf('truncated'), ...place, epoch: count, from: count, to: count }),
  fc.record({
    kind: kindOf('mark'),
    ...place,
    epoch: count,
    key: laneKey,
    scope: fc.constantFrom('key', 'task'),
    from: count,
    parkedFrom: count,
    type: text,
    id: text,
    reason: fc.constantFrom('gave-up', 'asked', 'undecodable', 'crash-loop', 'operator'),
    error: text,
    atMs: count,
    command: text,
  }),
  fc.record({ kind: kindOf('progress'), ...place, epoch: count, mark: count, done: orNone }),
  fc.record({
    kind: kindOf('cleared'),
    ...place,
    epoch: count,
    mark: count,
    how: fc.constantFrom('redriven', 'discarded'),
    upTo: orNone,
    command: text,
  }),
  fc.record({ kind: kindOf('command'), ...place, id: text, verb, key: laneKey, by: text, atMs: count }),
  fc.record({ kind: kindOf('done'), ...place, epoch: count, command: text, outcome: text }),
);

const mark: MarkEntry = {
  kind: 'mark',
  group: 'g'.repeat(20),
  partition: 767,
  epoch: 1_000_000_000,
  key: 'k'.repeat(36),
  scope: 'key',
  from: 1_000_000_000_000,
  parkedFrom: 1_000_000_000,
  type: 'recording.events',
  id: '0198f1c2-5d6e-7a40-8b1c-2f3a4b5c6d7e',
  reason: 'crash-loop',
  error: 'e'.repeat(10_000),
  atMs: 1_790_000_000_000,
  command: '0198f1c2-5d6e-7a40-8b1c-2f3a4b5c6d7e',
};

describe('an entry', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyEntry, (given) => {
        expect(decodeEntry(encodeEntry(given))).toEqual(given);
      }),
    );
  });

  const vectors = JSON.parse(
    readFileSync(new URL('../../test/golden/journal-entries.json', import.meta.url), 'utf8'),
  ) as { name: string; entry: JournalEntry; text: string }[]; // checked in, and of this shape

  it.each(vectors)('is written as it always was: $name', ({ entry, text: written }) => {
    expect(JSON.parse(encodeEntry(entry))).toEqual(JSON.parse(written));
    expect(decodeEntry(written)).toEqual(entry);
  });

  it('stays below 1 KB with a long error, and far below the journal limit of a record with the longest key and id', () => {
    expect(Buffer.byteLength(encodeEntry(mark))).toBeLessThan(1_024);
    const longest = {
      ...mark,
      key: '\u00ff'.repeat(1_024),
      id: '\u0000'.repeat(9_999),
      error: '\u0000'.repeat(9_999),
    };
    expect(Buffer.byteLength(encodeEntry(longest))).toBeLessThan(8_192);
  });

  it('cuts no character of an error in two', () => {
    const read = decodeEntry(encodeEntry({ ...mark, error: `${'e'.repeat(199)}😀` }));
    expect(read).toMatchObject({ error: 'e'.repeat(199) });
  });

  const claim = { v: 1, kind: 'claim', group: 'g', partition: 0, by: 'w' };
  const confirm = {
    v: 1,
    kind: 'confirm',
    group: 'g',
    partition: 0,
    epoch: 1,
    frontier: 7,
    topicId: '',
    reason: 'taken',
  };
  const command = {
    v: 1,
    kind: 'command',
    group: 'g',
    partition: 0,
    id: 'c',
    verb: 'hold',
    key: '',
    by: '',
    atMs: 0,
  };
  const marked = JSON.parse(encodeEntry(mark)) as Record<string, unknown>; // as it was just written

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', [1]],
    ['a later version', { ...claim, v: 2 }],
    ['another kind', { ...claim, kind: 'later' }],
    ['no group', { ...claim, group: undefined }],
    ['a negative partition', { ...claim, partition: -1 }],
    ['half a frontier', { ...confirm, frontier: 1.5 }],
    ['a frontier beyond numbers', { ...confirm, frontier: 2 ** 60 }],
    ['an unknown reason', { ...confirm, reason: 'because' }],
    ['a later verb', { ...command, verb: 'later' }],
    ['a verb without what it is about', { ...command, verb: 'redrive' }],
    ['a key that is not base64', { ...command, key: '***' }],
    ['a key that is none', { ...command, key: 7 }],
    ['a mark of another scope', { ...marked, scope: 'type' }],
    ['a mark for a later reason', { ...marked, reason: 'later' }],
    ['a mark without an error', { ...marked, error: undefined }],
    ['a mark that begins nowhere', { ...marked, from: -1 }],
    [
      'a clearing of a later way',
      {
        v: 1,
        kind: 'cleared',
        group: 'g',
        partition: 0,
        epoch: 1,
        mark: 2,
        how: 'later',
        upTo: 3,
        command: '',
      },
    ],
    [
      'progress below none',
      { v: 1, kind: 'progress', group: 'g', partition: 0, epoch: 1, mark: 2, done: -2 },
    ],
    ['an end without outcome', { v: 1, kind: 'done', group: 'g', partition: 0, epoch: 1, command: 'c' }],
  ])('that is %s says nothing', (_what, given) => {
    expect(decodeEntry(JSON.stringify(given))).toBeUndefined();
  });

  it.each(['', '{"v":1,'])('that is no JSON says nothing: %j', (given) => {
    expect(decodeEntry(given)).toBeUndefined();
  });

  it('never throws, whatever somebody wrote into the topic', () => {
    fc.assert(fc.property(fc.oneof(text, fc.json()), (given) => void decodeEntry(given)));
  });
});

import fc from 'fast-check';
import type { Verb, WrittenEntry } from '../../src/journal/journal.ts';

/** Writes the `n`th entry of a course, for one of the claims made so far. */
interface Step {
  readonly kind: 'claim' | 'confirm' | 'mark' | 'progress' | 'cleared' | 'command' | 'done';
  readonly epochIndex: number;
  readonly key: number;
  readonly target: number;
  readonly verb: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'claim',
    'confirm',
    'confirm',
    'mark',
    'mark',
    'progress',
    'cleared',
    'command',
    'done',
  ),
  epochIndex: fc.nat(3),
  key: fc.nat(2),
  target: fc.nat(20),
  verb: fc.nat(8),
});

/** Any course of entries of one group and partition, in log order: owners come and go, and zombies write on. */
export const journalCourse: fc.Arbitrary<WrittenEntry[]> = fc
  .array(step, { maxLength: 40, size: 'max' })
  .map((steps) => {
    const entries: WrittenEntry[] = [];
    const claims: number[] = [];
    for (const one of steps) {
      const entry = entryOf(one, entries.length, claims);
      if (entry.kind === 'claim') claims.push(entry.offset);
      entries.push(entry);
    }
    return entries;
  });

function entryOf(given: Step, offset: number, claims: readonly number[]): WrittenEntry {
  const place = { group: 'g', partition: 0, offset };
  const { kind, key, target } = given;
  const epoch = claims.at(-1 - given.epochIndex);
  if (kind === 'command')
    return { kind, ...place, id: `c${offset}`, verb: verbOf(given), key: `k${key}`, by: 'me', atMs: 0 };
  if (kind === 'claim' || epoch === undefined) return { kind: 'claim', ...place, by: 'w' };
  const command = `c${target}`;
  switch (kind) {
    case 'confirm':
      return { kind, ...place, epoch, frontier: offset, topicId: 't', reason: 'taken' };
    case 'mark': {
      const scope = key === 2 ? 'task' : 'key';
      const about = {
        scope,
        from: key,
        parkedFrom: 0,
        type: '',
        id: '',
        reason: 'asked',
        error: '',
      } as const;
      return { kind, ...place, epoch, key: `k${key}`, ...about, atMs: 0, command };
    }
    case 'progress':
      return { kind, ...place, epoch, mark: target, done: offset % 3 };
    case 'cleared':
      return { kind, ...place, epoch, mark: target, how: 'redriven', upTo: -1, command: '' };
    case 'done':
      return { kind, ...place, epoch, command, outcome: key === 0 ? 'gave-up' : 'discarded' };
  }
}

function verbOf({ verb, target, key }: Step): Verb {
  const verbs: readonly Verb[] = [
    { name: 'park' },
    { name: 'hold' },
    { name: 'release' },
    { name: 'hold-type', type: `t${key}` },
    { name: 'release-type', type: `t${key}` },
    { name: 'skip', taskId: 'x', below: 9 },
    { name: 'redrive', mark: target },
    { name: 'discard', mark: target },
    { name: 'discard-task', mark: target, offset: key },
  ];
  return verbs[verb] ?? { name: 'park' };
}

/** The rule as DESIGN words it, as slowly as it can be said. */
export function isVoid(one: WrittenEntry, all: readonly WrittenEntry[]): boolean {
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

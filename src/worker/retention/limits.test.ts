import { describe, expect, it } from 'vitest';
import { type QueueFacts, queueLimit, queuePin } from './queue-limit.ts';
import { isYounger, olderBelow, parkedLimit, timesToTry } from './side-limits.ts';

const done = (group: string, confirmed?: number, committed = confirmed): QueueFacts['groups'][number] => ({
  group,
  confirmed,
  committed,
  leaderEpoch: undefined,
});

describe('what may be deleted of the queue', () => {
  it.each<[what: string, facts: QueueFacts, limit: number]>([
    ['what is finished and old', { start: 2, end: 9, groups: [done('g', 7)], youngFrom: 5 }, 5],
    [
      'what is finished, where all is old',
      { start: 2, end: 9, groups: [done('g', 7)], youngFrom: undefined },
      7,
    ],
    ['nothing below the start', { start: 8, end: 9, groups: [done('g', 7)], youngFrom: undefined }, 8],
    [
      'what all groups have finished',
      { start: 0, end: 9, groups: [done('g', 7), done('h', 3)], youngFrom: 5 },
      3,
    ],
    ['what is in the journal', { start: 0, end: 9, groups: [done('g', 4, 7)], youngFrom: undefined }, 4],
    ['what is committed', { start: 0, end: 9, groups: [done('g', 7, 4)], youngFrom: undefined }, 4],
    ['nothing without a CONFIRM', { start: 1, end: 9, groups: [done('g', undefined, 7)], youngFrom: 9 }, 1],
    [
      'nothing without a commit',
      { start: 1, end: 9, groups: [{ ...done('g', 7), committed: undefined }], youngFrom: 9 },
      1,
    ],
    ['nothing of an empty log', { start: 7, end: 7, groups: [done('g', 7)], youngFrom: undefined }, 7],
  ])('%s', (_what, facts, limit) => expect(queueLimit(facts)).toBe(limit));
});

describe('what pins records of the queue', () => {
  it.each<[what: string, facts: QueueFacts, pin: ReturnType<typeof queuePin>]>([
    [
      'nothing, when all old ones are finished',
      { start: 2, end: 9, groups: [done('g', 5)], youngFrom: 5 },
      undefined,
    ],
    [
      'nothing, when a group will soon have it in the journal',
      { start: 2, end: 9, groups: [done('g', 3, 5)], youngFrom: 5 },
      undefined,
    ],
    [
      'the slowest group',
      { start: 2, end: 9, groups: [done('g', 6), done('h', 4), done('i', 5)], youngFrom: 8 },
      { group: 'h', committed: 4, from: 4, records: 4 },
    ],
    [
      'a group that has never been there',
      { start: 2, end: 9, groups: [done('g', 6), done('h')], youngFrom: undefined },
      { group: 'h', committed: undefined, from: 2, records: 7 },
    ],
    ['nothing in an empty log', { start: 7, end: 7, groups: [done('h')], youngFrom: undefined }, undefined],
    ['nothing while all is young', { start: 2, end: 9, groups: [done('h')], youngFrom: 2 }, undefined],
  ])('%s', (_what, facts, pin) => expect(queuePin(facts)).toEqual(pin));
});

describe('what may be deleted beside the queue', () => {
  it('is below the first record that is not older, or below the end as it was when all were', () => {
    expect(olderBelow({ start: 3, end: 8 }, 5)).toBe(5);
    expect(olderBelow({ start: 3, end: 8 }, undefined)).toBe(8);
  });

  it('is judged by logs that begin with a younger record, or are empty', () => {
    expect(isYounger({ start: 3, end: 8 }, 3)).toBe(true);
    expect(isYounger({ start: 3, end: 8 }, 4)).toBe(false);
    expect(isYounger({ start: 3, end: 8 }, undefined)).toBe(false);
    expect(isYounger({ start: 8, end: 8 }, undefined)).toBe(true);
    expect(isYounger({ start: 8, end: 8 }, 9)).toBe(true); // appended since
  });

  it('is looked for at ever older times, none of them before time began', () => {
    const times = timesToTry(100_000, 1_000).map(({ timeMs }) => timeMs);
    expect(times).toEqual([99_000, 98_750, 98_500, 98_000, 96_000, 92_000, 84_000, 68_000, 36_000]);
    expect(timesToTry(100_000, 30_000).map(({ multiple }) => multiple)).toEqual([1, 1.25, 1.5, 2]);
  });

  it.each<
    [
      log: [number, number],
      found: number | undefined,
      needed: number | undefined,
      below: number,
      records: number,
    ]
  >([
    [[2, 9], 6, undefined, 6, 0],
    [[2, 9], undefined, undefined, 9, 0],
    [[2, 9], 6, 4, 4, 2],
    [[2, 9], 6, 6, 6, 0],
    [[2, 9], 6, 7, 6, 0],
    [[2, 9], 6, 0, 2, 4],
    [[2, 9], 2, 0, 2, 0],
    [[2, 9], 6, 9, 6, 0],
    [[2, 9], 6, 10, 2, 4], // of another log: its copies may be anywhere
  ])('parked, of %j with %j: needed from %j', ([start, end], found, needed, below, records) => {
    const limit = parkedLimit({ start, end }, found, needed);
    expect(limit.below).toBe(below);
    expect(limit.pinned?.records ?? 0).toBe(records);
  });
});

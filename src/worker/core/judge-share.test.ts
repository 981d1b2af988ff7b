import { expect, it } from 'vitest';
import type { TopicPartition } from '../../kafka/port.ts';
import { differenceOf } from './judge-share.ts';

const all = (...partitions: number[]): TopicPartition[] =>
  partitions.map((partition) => ({ topic: 't', partition }));
const member = (owns: number[], shouldOwn: number[]) => ({
  owns: all(...owns),
  shouldOwn: all(...shouldOwn),
});

it.each([
  {
    what: 'nothing when it holds what it owns and should own',
    held: [0, 1],
    members: [member([2, 3], [2, 3]), member([0, 1], [0, 1])],
    difference: undefined,
  },
  {
    what: 'nothing when it waits for what others have to give up first',
    held: [0],
    members: [member([1, 2, 3], [2, 3]), member([0], [0, 1])],
    difference: undefined,
  },
  {
    what: 'what it was given',
    held: [0],
    members: [member([2, 3], [2, 3]), member([1, 0], [0, 1])],
    difference: 'was not told that it owns t/1, and is to give up nothing',
  },
  {
    what: 'what it was asked for',
    held: [3, 1, 0, 2],
    members: [member([0, 1, 2, 3], [0, 1]), member([], [2, 3])],
    difference: 'was not told that it owns nothing, and is to give up t/2, t/3',
  },
  {
    what: 'nothing when all it held was taken away: it will hear of that',
    held: [0, 1],
    members: [member([2, 3], [0, 1, 2, 3])],
    difference: undefined,
  },
  {
    what: 'that it holds nothing where somebody owns something: it may be that one',
    held: [],
    members: [member([0], [0]), member([], [])],
    difference: 'holds nothing',
  },
  {
    what: 'nothing when nobody owns anything yet',
    held: [],
    members: [member([], [0]), member([], [])],
    difference: undefined,
  },
  { what: 'nothing of a group that has no members', held: [0], members: [], difference: undefined },
])('a member misses $what', ({ held, members, difference }) => {
  expect(differenceOf(all(...held), members)).toBe(difference);
});

it('partitions of other topics are others', () => {
  const other = [{ topic: 'u', partition: 0 }];
  const members = [{ owns: [...all(0), ...other], shouldOwn: [...all(0), ...other] }];
  expect(differenceOf(all(0), members)).toBe('was not told that it owns u/0, and is to give up nothing');
});

import { expect, it } from 'vitest';
import type { GroupMember } from '../../kafka/admin.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import { judgeShare } from './judge-share.ts';

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
    difference: 'agrees',
  },
  {
    what: 'nothing when it waits for what others have to give up first',
    held: [0],
    members: [member([1, 2, 3], [2, 3]), member([0], [0, 1])],
    difference: 'agrees',
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
    difference: 'agrees',
  },
  {
    what: 'all it owns, as everybody owns something',
    held: [],
    members: [member([0], [0]), member([1], [1])],
    difference: 'holds nothing',
  },
  {
    what: 'nothing, as far as is known, where others have to give up first',
    held: [],
    members: [member([0, 1], [0]), member([], [1]), member([2], [2])],
    difference: 'waits',
  },
  {
    what: 'nothing when nobody owns anything yet',
    held: [],
    members: [member([], [0]), member([], [])],
    difference: 'agrees',
  },
  { what: 'nothing of a group that has no members', held: [0], members: [], difference: 'agrees' },
])('a member misses $what', ({ held, members, difference }) => {
  const share = judgeShare({ topic: 't', held: all(...held), members });
  expect(share.kind === 'differs' ? share.difference : share.kind).toBe(difference);
});

it('a member that holds nothing cannot tell whether it misses anything where somebody is to own nothing', () => {
  const judge = (...members: ReturnType<typeof member>[]) => judgeShare({ topic: 't', held: [], members });
  expect(judge(member([0], [0]), member([], []))).toMatchObject({ kind: 'differs', certain: false });
  expect(judge(member([0], [0]))).toMatchObject({ kind: 'differs', certain: true });
});

it('members of the group that work on another topic are nobody that a member could be', () => {
  const other = [{ topic: 'u', partition: 0 }];
  const worker = { owns: other, shouldOwn: other };
  const judge = (...members: GroupMember[]) => judgeShare({ topic: 't', held: [], members });
  expect(judge(worker, member([], []))).toEqual({ kind: 'agrees' });
  expect(judge(worker, { owns: [], shouldOwn: other }, member([0], [0]))).toMatchObject({
    kind: 'differs',
    certain: true,
  });
});

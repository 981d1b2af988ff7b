import { expect, test } from 'vitest';
import { claim, commit, type Given, judge, worked, written } from '../../../test/support/taking-rig.ts';
import type { WrittenEntry } from '../../journal/journal.ts';
import type { CommitState } from './commit-metadata.ts';
import type { TakingFinding, TakingVerdict } from './judge-taking.ts';
import { keyHash } from './key-hash.ts';

function accept(
  below: number,
  more: { id?: string; topicId?: string; statePin?: string } = {},
): WrittenEntry {
  const { id = 'c', topicId = 'topic', statePin = 'state' } = more;
  const verb = { name: 'accept-loss', below, topicId, statePin } as const;
  return written(id === 'c' ? 20 : 21, { kind: 'command', id, verb, key: '', by: 'ops', atMs: 0 });
}

const cut = written(12, { kind: 'truncated', epoch: 10, from: 80, to: 100 });
/** Its owner has come on since, and says so. */
const stated = (frontier: number, leaderEpoch: number): WrittenEntry => {
  const reason = 'periodic';
  return written(15, { kind: 'confirm', epoch: 10, frontier, topicId: 'topic', reason, leaderEpoch });
};
const foreign = (offset: number): TakingFinding['committed'] => ({ offset, metadata: '' });
const lane = (offset: number, attempts = 0): CommitState['lanes'][number] => {
  const failed = attempts > 0 ? 1_700_000_000_000 : undefined;
  return { hash: keyHash(`k${offset}`), offset, attempts, firstFailedAtMs: failed, starts: attempts };
};

/** Where work goes on, and what of what was known is kept. */
function goesOn(verdict: TakingVerdict): object {
  if (verdict.kind !== 'start') return verdict;
  const { frontier, doneBelow, lanes, anew, note } = verdict;
  return { at: frontier, doneBelow, lanes: lanes.map(({ offset }) => offset), anew, note: note?.kind };
}

const passed = { lanes: [], anew: undefined, note: 'loss-accepted' };

test.each<[string, Given, object]>([
  [
    'deleted records: behind them',
    { committed: commit({ frontier: 60 }), logStart: 70, journal: [...worked, accept(70)] },
    { ...passed, at: 70, doneBelow: 70 },
  ],
  [
    'with what was finished ahead; of keys with something unfinished below, what is left',
    {
      committed: commit({ frontier: 60, doneBelow: 100, lanes: [lane(60, 2), lane(75, 1)] }),
      logStart: 70,
      journal: [...worked, accept(70)],
    },
    { ...passed, at: 70, doneBelow: 100, lanes: [70, 75] },
  ],
  [
    'a rewind to what is gone: behind that',
    { committed: foreign(30), logStart: 40, journal: [...worked, accept(40)] },
    { ...passed, at: 40, doneBelow: 40 },
  ],
  [
    'an offset that somebody has set ahead is obeyed',
    { committed: foreign(80), journal: [...worked, accept(80)] },
    { ...passed, at: 80, doneBelow: 80 },
  ],
  [
    'one that lies beyond the end: at the end',
    { committed: foreign(80), logEnd: 70, journal: [...worked, accept(80)] },
    { ...passed, at: 70, doneBelow: 70, anew: true },
  ],
  [
    'a topic that was made anew: all of it runs',
    {
      committed: commit({ frontier: 60 }),
      topicId: 'new',
      logStart: 3,
      journal: [...worked, accept(50, { topicId: 'new' })],
    },
    { ...passed, at: 3, doneBelow: 3, anew: true },
  ],
  [
    'a lost state topic: by what the commit says',
    {
      journal: [accept(60, { statePin: 'new' })],
      statePin: 'new',
      committed: commit({ frontier: 60, doneBelow: 80, lanes: [lane(60)] }),
    },
    { ...passed, at: 60, doneBelow: 80, lanes: [60] },
  ],
  [
    'a lost state topic and a log that ends before the commit: it is of another topic, all of it runs',
    {
      journal: [accept(60, { statePin: 'new' })],
      statePin: 'new',
      committed: commit({ frontier: 60 }),
      logEnd: 9,
    },
    { ...passed, at: 0, doneBelow: 0, anew: true },
  ],
  [
    'a log that was cut off at its end: where it ended, with what is unfinished below',
    {
      committed: commit({ frontier: 60, doneBelow: 100, lanes: [lane(60), lane(90)] }),
      logEnd: 80,
      journal: [...worked, accept(100)],
    },
    { ...passed, at: 60, doneBelow: 80, lanes: [60], anew: true },
  ],
  [
    'the same when it has grown at once, and only its leader knows',
    {
      committed: commit({ frontier: 60, doneBelow: 100, lanes: [lane(60), lane(90)], leaderEpoch: 3 }),
      leaderEnds: new Map([[3, 80]]),
      journal: [...worked, accept(100)],
    },
    { ...passed, at: 60, doneBelow: 80, lanes: [60], anew: true },
  ],
  [
    'the same when the log has grown since: nothing of what came is passed over',
    { committed: commit({ frontier: 100 }), logEnd: 500, journal: [...worked, cut, accept(100)] },
    { ...passed, at: 80, doneBelow: 80, anew: true },
  ],
])('an accepted loss lets the partition go on: %s', (_what, given, expected) => {
  expect(goesOn(judge(given))).toEqual(expected);
});

test('attempts of a task that is gone are not those of the task behind it', () => {
  const committed = commit({ frontier: 60, doneBelow: 100, lanes: [lane(60, 2), lane(75, 1)] });
  expect(judge({ committed, logStart: 70, journal: [...worked, accept(70)] })).toMatchObject({
    lanes: [
      { hash: keyHash('k60'), offset: 70, attempts: 0, firstFailedAtMs: undefined, starts: 0 },
      { hash: keyHash('k75'), offset: 75, attempts: 1, starts: 1 },
    ],
    trusted: { epoch: 10, horizon: 120 },
  });
});

test('it is said what was lost, and who accepted it', () => {
  const journal = [...worked, accept(69), accept(75, { id: 'd' })];
  expect(judge({ committed: commit({ frontier: 60 }), logStart: 70, journal })).toMatchObject({
    note: { kind: 'loss-accepted', reason: 'data-loss', from: 60, to: 70, by: 'ops', command: 'd' },
  });
});

const done = written(30, { kind: 'done', epoch: 10, command: 'c', outcome: 'accepted' });

test.each<[string, Given, object]>([
  [
    'less was accepted',
    { committed: commit({ frontier: 60 }), logStart: 70, journal: [...worked, accept(69)] },
    { reason: 'data-loss', from: 60, to: 70 },
  ],
  [
    'it was accepted for a topic that is not there any more',
    {
      committed: commit({ frontier: 60 }),
      logStart: 70,
      journal: [...worked, accept(70, { topicId: 'old' })],
    },
    { reason: 'data-loss', from: 60, to: 70 },
  ],
  [
    'it was accepted under a state topic that is not there any more',
    {
      committed: commit({ frontier: 60 }),
      logStart: 70,
      journal: [...worked, accept(70, { statePin: 'old' })],
    },
    { reason: 'data-loss', from: 60, to: 70 },
  ],
  [
    'that command has ended: this is another loss',
    { committed: commit({ frontier: 60 }), logStart: 70, journal: [...worked, accept(70), done] },
    { reason: 'data-loss', from: 60, to: 70 },
  ],
  [
    'the topic was made anew, and what was accepted was lost of the old one',
    { committed: commit({ frontier: 60 }), topicId: 'new', journal: [...worked, accept(500)] },
    { reason: 'topic-recreated', from: 50, to: 50 },
  ],
  [
    'an offset was accepted, and what lies behind it is gone as well',
    { committed: foreign(80), logStart: 90, journal: [...worked, accept(80)] },
    { reason: 'data-loss', from: 80, to: 90 },
  ],
  [
    'the log was cut off and has grown since',
    { committed: commit({ frontier: 100 }), journal: [...worked, cut] },
    { reason: 'data-loss', from: 80, to: 100, truncated: true },
  ],
  [
    'it has grown since, and nobody but its leader knows that it was cut off',
    { committed: commit({ frontier: 100, leaderEpoch: 3 }), leaderEnds: new Map([[3, 80]]) },
    { reason: 'data-loss', from: 80, to: 100, truncated: true },
  ],
  [
    'what was finished ahead is gone, and others have taken its offsets',
    {
      committed: commit({ frontier: 60, doneBelow: 90, lanes: [lane(60)], leaderEpoch: 3 }),
      leaderEnds: new Map([[3, 85]]),
    },
    { reason: 'data-loss', from: 85, to: 90, truncated: true },
  ],
  [
    'more is gone than was seen when it was noticed',
    {
      committed: commit({ frontier: 100, leaderEpoch: 3 }),
      journal: [...worked, cut],
      leaderEnds: new Map([[3, 70]]),
    },
    { reason: 'data-loss', from: 70, to: 100, truncated: true },
  ],
  [
    'what the journal says is finished is gone, and there is no commit to go by',
    { journal: [...worked, stated(70, 3)], leaderEnds: new Map([[3, 65]]) },
    { reason: 'data-loss', from: 65, to: 70, truncated: true },
  ],
  [
    'the group was set back, but not to before what is gone',
    { committed: foreign(60), journal: [...worked, stated(70, 3)], leaderEnds: new Map([[3, 55]]) },
    { reason: 'data-loss', from: 55, to: 70, truncated: true },
  ],
  [
    'the log ends before what was finished ahead',
    { committed: commit({ frontier: 60, doneBelow: 90, lanes: [lane(60)] }), logEnd: 85 },
    { reason: 'data-loss', from: 85, to: 90, truncated: true },
  ],
])('the partition stops all the same: %s', (_what, given, expected) => {
  expect(judge(given)).toEqual({ kind: 'stop', ...expected });
});

test('a group that is set back to before the hole in its log needs nobody to accept that', () => {
  const given = { committed: foreign(40), journal: [...worked, cut] };
  expect(goesOn(judge(given))).toEqual({
    at: 40,
    doneBelow: 40,
    lanes: [],
    anew: true,
    note: 'rewind-obeyed',
  });
});

test('who took it then may end between the commit and its CONFIRM: the hole was judged', () => {
  const judged = { committed: commit({ frontier: 40, epoch: 20 }), journal: [...worked, cut, claim(20)] };
  expect(goesOn(judge(judged))).toEqual({ at: 40, doneBelow: 40, lanes: [], anew: true, note: undefined });
  const before = { committed: commit({ frontier: 40 }), journal: [...worked, cut, claim(20)] };
  expect(judge(before)).toMatchObject({ kind: 'stop', from: 80, to: 100 });
  const accepted = [...worked, cut, claim(20), accept(100)];
  expect(goesOn(judge({ ...judged, journal: accepted }))).toMatchObject({ at: 40, note: 'loss-accepted' });
});

test('an end that comes too early, of which leaders say nothing, is doubted', () => {
  const given = { committed: commit({ frontier: 60, doneBelow: 90, leaderEpoch: 3 }), logEnd: 85 };
  const stop = { kind: 'stop', reason: 'data-loss', from: 85, to: 90, truncated: true };
  expect(judge({ ...given, leaderEnds: new Map([[3, 90]]) })).toEqual({ ...stop, isDoubtful: true });
  expect(judge({ ...given, leaderEnds: new Map([[3, undefined]]) })).toEqual({ ...stop, isDoubtful: true });
  expect(judge({ ...given, leaderEnds: new Map([[3, 85]]) })).toEqual(stop);
  expect(judge(given)).toEqual(stop);
});

test('what a newer owner has committed is not passed over', () => {
  const given = { committed: commit({ frontier: 60, epoch: 95 }), topicId: 'new' };
  expect(judge({ ...given, journal: [...worked, accept(50, { topicId: 'new' })] })).toEqual({
    kind: 'superseded',
  });
});

test.each<[string, Given, object]>([
  [
    'its leader has all that was finished',
    { committed: commit({ frontier: 60, doneBelow: 90, leaderEpoch: 3 }), leaderEnds: new Map([[3, 90]]) },
    { frontier: 60, read: { leaderEpoch: 3, below: 90 } },
  ],
  [
    'its leader has never heard of the one before: a replica that is behind, which will say later',
    { committed: commit({ frontier: 60, leaderEpoch: 3 }) },
    { frontier: 60, read: { leaderEpoch: 3, below: 60 } },
  ],
  [
    'the group was set back to before what is gone: all from there on runs, whoever had those offsets before',
    { committed: foreign(50), journal: [...worked, stated(70, 3)], leaderEnds: new Map([[3, 55]]) },
    { frontier: 50, anew: true, note: { kind: 'rewind-obeyed' }, read: { leaderEpoch: 3, below: 50 } },
  ],
  [
    'an offset that was set ahead, and accepted: nobody has read what lies before it',
    {
      committed: foreign(80),
      journal: [...worked, stated(70, 3), accept(80)],
      leaderEnds: new Map([[3, 72]]),
    },
    { frontier: 80, read: undefined },
  ],
])('nothing is lost: %s', (_what, given, expected) => {
  expect(judge(given)).toMatchObject({ kind: 'start', ...expected });
});

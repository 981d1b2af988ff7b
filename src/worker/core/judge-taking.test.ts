import { expect, test } from 'vitest';
import {
  claim,
  commit,
  confirm,
  type Given,
  judge,
  ownEpoch,
  worked,
} from '../../../test/support/taking-rig.ts';
import type { TakingVerdict } from './judge-taking.ts';
import { keyHash } from './key-hash.ts';

const start = {
  kind: 'start',
  lanes: [],
  trusted: undefined,
  clean: false,
  read: undefined,
  note: undefined,
} as const;
const trusted = { epoch: 10, horizon: 120 };
const lane = { hash: keyHash('k'), offset: 65, attempts: 2, firstFailedAtMs: 1_700_000_000_000, starts: 1 };

test.each<[string, Given, TakingVerdict]>([
  [
    'nothing was ever done: from the log start, as if it had ended well',
    { journal: [], logStart: 7 },
    { ...start, frontier: 7, doneBelow: 7, clean: true },
  ],
  [
    'the newest confirmed owner committed: its commit counts, with what is done ahead',
    { committed: commit({ frontier: 60, doneBelow: 80, lanes: [lane] }) },
    { ...start, frontier: 60, doneBelow: 80, lanes: [lane], trusted },
  ],
  [
    'it ended well',
    { committed: commit({ frontier: 60, clean: true }) },
    { ...start, frontier: 60, doneBelow: 60, trusted, clean: true },
  ],
  [
    'an owner died between its taking commit and its CONFIRM: its commit counts',
    { journal: [...worked, claim(20)], committed: commit({ frontier: 70, epoch: 20 }) },
    { ...start, frontier: 70, doneBelow: 70, trusted: { epoch: 20, horizon: 120 } },
  ],
  [
    'the very first owner died there',
    { journal: [claim(20)], committed: commit({ frontier: 5, epoch: 20 }) },
    { ...start, frontier: 5, doneBelow: 5, trusted: { epoch: 20, horizon: 120 } },
  ],
  [
    'a replaced owner committed late: the newest CONFIRM counts instead',
    {
      journal: [...worked, claim(20), confirm(21, 20, 100)],
      committed: commit({ frontier: 150, epoch: 10 }),
    },
    {
      ...start,
      frontier: 100,
      doneBelow: 100,
      note: { kind: 'commit-untrusted', epoch: 10, offset: 150, used: 100 },
    },
  ],
  [
    'a commit of an epoch that the journal does not know',
    { committed: commit({ frontier: 60, epoch: 15 }) },
    {
      ...start,
      frontier: 50,
      doneBelow: 50,
      note: { kind: 'commit-untrusted', epoch: 15, offset: 60, used: 50 },
    },
  ],
  [
    'a commit under a newer claim than ours',
    { committed: commit({ frontier: 60, epoch: 95 }) },
    { kind: 'superseded' },
  ],
  [
    'an owner that was replaced said something after our claim: its commit may speak of that',
    { committed: commit({ frontier: 60 }), lastWord: ownEpoch + 1 },
    { kind: 'superseded' },
  ],
  [
    'somebody has claimed and taken it since our claim',
    { journal: [...worked, claim(95), confirm(96, 95, 60)], committed: commit({ frontier: 60 }) },
    { kind: 'superseded' },
  ],
  [
    'a claim of before that was never confirmed: what is committed under an older one does not count',
    {
      journal: [...worked, claim(20), confirm(21, 20, 100), claim(30)],
      committed: commit({ frontier: 150, epoch: 10 }),
    },
    {
      ...start,
      frontier: 100,
      doneBelow: 100,
      note: { kind: 'commit-untrusted', epoch: 10, offset: 150, used: 100 },
    },
  ],
  [
    'what it said before our claim is known',
    { committed: commit({ frontier: 60 }), lastWord: ownEpoch - 1 },
    { ...start, frontier: 60, doneBelow: 60, trusted },
  ],
  [
    'somebody set the group back: obeyed',
    { committed: { offset: 30, metadata: '' } },
    {
      ...start,
      frontier: 30,
      doneBelow: 30,
      note: { kind: 'rewind-obeyed', offset: 30, was: 50 },
    },
  ],
  [
    'somebody set it to where it is',
    { committed: { offset: 50, metadata: 'by hand' } },
    { ...start, frontier: 50, doneBelow: 50, note: { kind: 'rewind-obeyed', offset: 50, was: 50 } },
  ],
  [
    'an offset was set before the first worker: obeyed',
    { journal: [], committed: { offset: 30, metadata: '' } },
    {
      ...start,
      frontier: 30,
      doneBelow: 30,
      note: { kind: 'rewind-obeyed', offset: 30, was: undefined },
    },
  ],
  [
    'somebody set the group ahead of what was done: an operator must say so',
    { committed: { offset: 51, metadata: '' } },
    { kind: 'stop', reason: 'offset-ahead', from: 50, to: 51 },
  ],
  [
    'the committed offset is gone: never the latest, never 0, but the journal',
    { committed: undefined },
    { ...start, frontier: 50, doneBelow: 50, note: { kind: 'committed-offset-missing', used: 50 } },
  ],
  [
    'metadata damaged, offset ahead of the journal: the lower one',
    { committed: { offset: 60, metadata: 'kl1.x.y' } },
    { ...start, frontier: 50, doneBelow: 50, note: { kind: 'metadata-damaged', offset: 60, used: 50 } },
  ],
  [
    'metadata damaged, offset below the journal: the lower one',
    { committed: { offset: 40, metadata: 'kl1.x.y' } },
    { ...start, frontier: 40, doneBelow: 40, note: { kind: 'metadata-damaged', offset: 40, used: 40 } },
  ],
  [
    'metadata of a later release is not guessed at',
    { committed: { offset: 60, metadata: 'kl9.anything' } },
    { ...start, frontier: 50, doneBelow: 50, note: { kind: 'metadata-damaged', offset: 60, used: 50 } },
  ],
  [
    'metadata that belongs to another offset',
    { committed: { offset: 61, metadata: commit({ frontier: 60 })?.metadata ?? '' } },
    { ...start, frontier: 50, doneBelow: 50, note: { kind: 'metadata-damaged', offset: 61, used: 50 } },
  ],
  [
    'the log start has passed the committed offset: those records are gone',
    { committed: commit({ frontier: 60 }), logStart: 61 },
    { kind: 'stop', reason: 'data-loss', from: 60, to: 61 },
  ],
  [
    'a rewind to what is gone',
    { committed: { offset: 30, metadata: '' }, logStart: 40 },
    { kind: 'stop', reason: 'data-loss', from: 30, to: 40 },
  ],
  [
    'the log ends before what was done: its tail is gone',
    { committed: commit({ frontier: 60 }), logEnd: 59 },
    { kind: 'stop', reason: 'data-loss', from: 59, to: 60, truncated: true },
  ],
  [
    'the topic was deleted and made again',
    { committed: commit({ frontier: 60 }), topicId: 'other' },
    { kind: 'stop', reason: 'topic-recreated', from: 50, to: 50 },
  ],
  [
    'the state topic was deleted and made again',
    { journal: [], committed: commit({ frontier: 60 }), statePin: 'other' },
    { kind: 'stop', reason: 'state-topic-lost', from: 60, to: 60 },
  ],
  [
    'the journal was emptied under the same id',
    { journal: [], committed: commit({ frontier: 60 }) },
    { kind: 'stop', reason: 'state-topic-lost', from: 60, to: 60 },
  ],
])('%s', (_what, finding, verdict) => {
  expect(judge(finding)).toEqual(verdict);
});

test('a partition that is finished to its end is not lost', () => {
  expect(judge({ committed: commit({ frontier: 1_000 }), logStart: 1_000 })).toMatchObject({
    kind: 'start',
    frontier: 1_000,
  });
});

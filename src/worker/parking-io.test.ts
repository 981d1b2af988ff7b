import { describe, expect, it } from 'vitest';
import { itemOf } from '../../test/support/core-rig.ts';
import { readParkedCopy } from '../codec/parked-copy.ts';
import type { JournalEntry } from '../journal/journal.ts';
import type { LogEnds } from '../kafka/admin.ts';
import type { OutgoingRecord } from '../kafka/port.ts';
import { Lane } from './core/lane.ts';
import { type Copy, Parked } from './core/parked.ts';
import { PartitionState } from './core/partition-state.ts';
import type { StateJournal } from './journal/state-journal.ts';
import type { ParkedParts } from './parked-parts.ts';
import { ParkingIo } from './parking-io.ts';
import type { ParkedFeed, ParkedJob } from './reading/parked-feed.ts';

/** A journal and a parked topic of 2 partitions that take down what they are given. */
class Rig {
  readonly entries: JournalEntry[] = [];
  readonly copies: { partition: number; lane: string; id: string; record: OutgoingRecord }[] = [];
  readonly again: { partition: number; lane: string; id: string; record: OutgoingRecord }[] = [];
  readonly jobs: ParkedJob[] = [];
  readonly refused = new Set<string>();
  readonly asked: string[] = [];
  topicId: string | undefined = 'K';
  nowMs = 0;
  /** What passes while the journal appends. */
  appendMs = 0;
  readonly partition = new PartitionState(5);
  readonly io: ParkingIo;

  constructor() {
    this.partition.epoch = 40;
    const journal = {
      append: async (entry: JournalEntry) => {
        this.nowMs += this.appendMs;
        return 70 + this.entries.push(entry);
      },
    };
    const feed = {
      read: async (job: ParkedJob) => {
        this.jobs.push(job);
        return [];
      },
    };
    this.io = new ParkingIo({
      appendAgain: async (entry) => ({ offset: this.again.push(entry) }),
      parts: {} as unknown as ParkedParts, // none of these tasks has parts
      group: 'g',
      topic: { name: 'q.parked', partitions: 2 },
      journal: journal as unknown as StateJournal, // nothing else of it is used
      feed: feed as unknown as ParkedFeed, // nothing else of it is used
      append: async (entry) => {
        this.copies.push(entry);
        if (this.refused.has(entry.id)) throw new Error(`${entry.id} was refused`);
        return { offset: this.copies.length };
      },
      logEnds: async (partition): Promise<LogEnds> => {
        this.asked.push('ends');
        return { topic: 'q.parked', partition, start: 0, end: 30 + partition };
      },
      parkedTopicId: async () => {
        this.asked.push('id');
        return this.topicId;
      },
      taskId: ({ offset }) => `task-${offset}`,
      wallMs: () => 1_000.5,
      monotonicMs: () => this.nowMs,
      markWithinMs: 5_000,
    });
  }
}

function parkedOf(key: string, from: number): Parked {
  const parked = new Parked({ key, scope: 'key', from, stage: 'marking' });
  parked.mark = 71;
  return parked;
}

const cause = { reason: 'gave-up', error: new TypeError('it broke'), command: '' } as const;

describe('a mark', () => {
  it('is appended with what is known of the task, after the end of the parked topic was asked for', async () => {
    const rig = new Rig();
    const request = { parked: parkedOf('k', 9), item: itemOf(9, 'k'), cause, atMs: 7.9 };
    const place = { mark: 71, parkedFrom: 31, parkedTopicId: 'K' };
    expect(await rig.io.mark(rig.partition, request)).toEqual(place);
    expect(rig.entries).toEqual([
      {
        kind: 'mark',
        group: 'g',
        partition: 5,
        epoch: 40,
        key: 'k',
        scope: 'key',
        from: 9,
        parkedFrom: 31,
        parkedTopicId: 'K',
        type: itemOf(9, 'k').type,
        id: 'task-9',
        reason: 'gave-up',
        error: 'TypeError: it broke',
        atMs: 7,
        command: '',
      },
    ]);
  });

  it('of an operator names no task; many at once ask for the end once', async () => {
    const rig = new Rig();
    const byHand = { reason: 'operator', error: undefined, command: 'c-1' } as const;
    const requests = ['a', 'b', 'c'].map((key) => ({
      parked: parkedOf(key, 9),
      item: undefined,
      cause: byHand,
      atMs: 0,
    }));
    await Promise.all(requests.map((request) => rig.io.mark(rig.partition, request)));
    // The id first: with that of a topic made anew in between the mark would begin beyond its end.
    expect(rig.asked).toEqual(['id', 'ends']);
    expect(rig.entries).toMatchObject(
      ['a', 'b', 'c'].map((key) => ({ key, id: '', type: '', error: '', command: 'c-1' })),
    );
    await rig.io.mark(rig.partition, { parked: parkedOf('d', 9), item: undefined, cause: byHand, atMs: 0 });
    expect(rig.asked).toEqual(['id', 'ends', 'id', 'ends']);
  });

  it('names no topic where topics have no ids', async () => {
    const rig = new Rig();
    rig.topicId = undefined;
    const request = { parked: parkedOf('k', 9), item: undefined, cause, atMs: 0 };
    await rig.io.mark(rig.partition, request);
    expect(Object.keys(rig.entries[0] ?? {})).not.toContain('parkedTopicId');
  });
});

describe('a mark that was long on its way', () => {
  const request = { parked: parkedOf('k', 9), item: undefined, cause, atMs: 0 };

  it('counts as long as nothing can have been deleted that it speaks of, and else is written again', async () => {
    const rig = new Rig();
    rig.appendMs = 5_000;
    expect(await rig.io.mark(rig.partition, request)).toMatchObject({ mark: 71, parkedFrom: 31 });
    rig.appendMs = 5_001;
    await expect(rig.io.mark(rig.partition, request)).rejects.toThrow('written again');
    rig.appendMs = 0;
    expect(await rig.io.mark(rig.partition, request)).toMatchObject({ mark: 73, parkedFrom: 31 });
  });
});

describe('copies', () => {
  const parked = parkedOf('k', 9);
  const copy: Copy = {
    parked,
    lane: new Lane('k'),
    items: [9, 12, 14].map((offset) => itemOf(offset, 'k')),
    cause,
    attempts: 3,
  };

  it('are sent at once and in order, each naming the one before it; the cause goes with the first', async () => {
    const rig = new Rig();
    expect(await rig.io.copy(rig.partition, copy)).toEqual({ items: copy.items, lost: [] });
    expect(rig.copies.map(({ partition, lane, id }) => [partition, lane, id])).toEqual([
      [1, 'g/5/71', '71/9'],
      [1, 'g/5/71', '71/12'],
      [1, 'g/5/71', '71/14'],
    ]);
    const place = { topic: 'q.parked', partition: 1, offset: 0, timestampMs: 0 };
    expect(rig.copies.map(({ record }) => readParkedCopy({ ...place, ...record }))).toMatchObject([
      {
        offset: 9,
        previous: -1,
        reason: 'gave-up',
        attempts: 3,
        error: 'TypeError: it broke',
        epoch: 40,
        atMs: 1_000,
      },
      { offset: 12, previous: 9, reason: undefined, error: undefined },
      { offset: 14, previous: 12, reason: undefined, error: undefined },
    ]);
  });

  it('have failed when one of them has', async () => {
    const rig = new Rig();
    rig.refused.add('71/12');
    await expect(rig.io.copy(rig.partition, copy)).rejects.toThrow('71/12 was refused');
    expect(rig.copies).toHaveLength(3);
  });
});

it('what is written about a mark or a command carries the epoch', async () => {
  const rig = new Rig();
  const parked = parkedOf('k', 9);
  await rig.io.write(rig.partition, { kind: 'progress', parked, done: 12 });
  await rig.io.write(rig.partition, { kind: 'cleared', parked, how: 'redriven', upTo: 14, command: 'c-1' });
  await rig.io.write(rig.partition, { kind: 'done', command: 'c-2', verb: 'skip', outcome: 'skipped' });
  const place = { group: 'g', partition: 5, epoch: 40 };
  expect(rig.entries).toEqual([
    { kind: 'progress', ...place, mark: 71, done: 12 },
    { kind: 'cleared', ...place, mark: 71, how: 'redriven', upTo: 14, command: 'c-1' },
    { kind: 'done', ...place, command: 'c-2', outcome: 'skipped' },
  ]);
});

it('parked tasks are read where their copies are, for as long as the partition is worked on', async () => {
  const rig = new Rig();
  await rig.io.readParked(rig.partition, [{ mark: 71, after: -1, from: 31, count: 8, bytes: 100 }]);
  expect(rig.jobs).toMatchObject([{ partition: 5, parkedPartition: 1, wants: [{ mark: 71, from: 31 }] }]);
  expect(rig.jobs[0]?.isWanted()).toBe(false); // it is not running in this test
});

it('a delayed task is appended to its partition again as it is, under its id', async () => {
  const rig = new Rig();
  const item = itemOf(9, 'k');
  const headers = [['kl-not-before', Buffer.from('5')] as const];
  const delayed = { ...item, record: { ...item.record, value: Buffer.from('{}'), headers } };
  await rig.io.postpone(rig.partition, { lane: new Lane('k'), item: delayed });
  expect(rig.again).toEqual([
    {
      partition: 5,
      lane: 'k',
      id: 'task-9',
      record: { key: Buffer.from('k'), value: Buffer.from('{}'), headers },
    },
  ]);
});

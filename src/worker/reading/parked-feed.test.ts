import { describe, expect, it } from 'vitest';
import { ParkedFeedRig, want } from '../../../test/support/parked-feed-rig.ts';
import type { Reader } from '../../kafka/port.ts';

describe('parked tasks', () => {
  it('are found by their mark, as they were in the queue, and no others', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 10);
    rig.copy(8, 11);
    rig.copy(7, 12, { group: 'other' });
    rig.copy(7, 13, { partition: 5 });
    rig.cluster.write({ topic: 'q.parked', partition: 0 }, [
      { key: null, value: Buffer.from('?'), headers: [] },
    ]);
    rig.copy(7, 14);
    const [found] = await rig.feed.read(rig.job(want(7)));
    expect(found?.items.map(({ record }) => ({ ...record, timestampMs: 0 }))).toEqual(
      [10, 14].map((offset) => ({
        topic: 'q',
        partition: 3,
        offset,
        timestampMs: 0,
        key: Buffer.from('k'),
        value: Buffer.from(`v${offset}`),
        headers: [],
      })),
    );
    expect(found).toMatchObject({ mark: 7, next: 6, atEnd: true, lostBelow: 0 });
  });

  it('come in pieces of the size asked for, each once', async () => {
    const rig = new ParkedFeedRig();
    for (const offset of [1, 2, 3, 4, 5]) rig.copy(7, offset);
    expect(await rig.read(want(7, { count: 2 }))).toEqual([
      { offsets: [1, 2], next: 2, atEnd: false, lostBelow: 0 },
    ]);
    expect(await rig.read(want(7, { from: 2, after: 2, bytes: 1 }))).toEqual([
      { offsets: [3], next: 3, atEnd: false, lostBelow: 0 },
    ]);
    expect(await rig.read(want(7, { from: 3, after: 3 }))).toEqual([
      { offsets: [4, 5], next: 5, atEnd: true, lostBelow: 0 },
    ]);
    expect(await rig.read(want(7, { from: 5, after: 5 }))).toEqual([
      { offsets: [], next: 6, atEnd: true, lostBelow: 0 },
    ]);
    expect(rig.openCount).toBe(1);
  });

  it('are read on from where enough was found, without another start', async () => {
    const rig = new ParkedFeedRig();
    for (const offset of [1, 2, 3, 4, 5]) rig.copy(7, offset);
    const { starts } = rig.watchReader();
    const pieces = [
      want(7, { count: 2 }),
      want(7, { from: 2, after: 2, count: 1 }),
      want(7, { from: 4, after: 4 }),
    ];
    for (const piece of pieces) await rig.read(piece);
    expect(await rig.read(want(7, { from: 1, after: 1, count: 1 }))).toMatchObject([{ offsets: [2] }]);
    expect(starts).toEqual([0, 1]);
  });

  it('that came since an earlier read are found by the next one', async () => {
    const rig = new ParkedFeedRig();
    for (const offset of [1, 2, 3]) rig.copy(7, offset);
    expect(await rig.read(want(7, { count: 2 }))).toMatchObject([{ offsets: [1, 2], atEnd: false }]);
    rig.copy(7, 4);
    expect(await rig.read(want(7, { from: 2, after: 2 }))).toEqual([
      { offsets: [3, 4], next: 4, atEnd: true, lostBelow: 0 },
    ]);
    rig.copy(7, 5);
    expect(await rig.read(want(7, { from: 4, after: 4 }))).toMatchObject([{ offsets: [5], atEnd: true }]);
  });

  it('that were copied again count once, and remnants of a failed attempt not at all', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    // Of an attempt to copy 2, 3 and 4, the first did not get there; then all were copied again.
    rig.copy(7, 3, { previous: 2 });
    rig.copy(7, 4, { previous: 3 });
    rig.copy(7, 2);
    rig.copy(7, 3, { previous: 2 });
    rig.copy(7, 4, { previous: 3 });
    expect(await rig.read(want(7))).toMatchObject([{ offsets: [1, 2, 3, 4] }]);
  });

  it('of several marks are read in one go, from where the first of them begins', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    rig.copy(8, 2);
    rig.copy(7, 3);
    rig.copy(8, 4);
    expect(await rig.read(want(8, { from: 2 }), want(7, { count: 1 }))).toEqual([
      { offsets: [4], next: 4, atEnd: true, lostBelow: 0 },
      { offsets: [1], next: 1, atEnd: false, lostBelow: 0 },
    ]);
  });

  it('that are gone from the log are said to be lost; others are found all the same', async () => {
    const rig = new ParkedFeedRig();
    for (const offset of [1, 2, 3]) rig.copy(7, offset);
    rig.cluster.deleteRecords({ topic: 'q.parked', partition: 0 }, 2);
    expect(await rig.read(want(7, { from: 1 }), want(8, { from: 2 }))).toEqual([
      { offsets: [], next: 1, atEnd: false, lostBelow: 2 },
      { offsets: [], next: 3, atEnd: true, lostBelow: 0 },
    ]);
  });
});

it('parked tasks of a topic that was made anew, or cut off before them, are lost', async () => {
  const rig = new ParkedFeedRig();
  rig.copy(8, 1);
  expect(await rig.read(want(7, { from: 5 }), want(8, { from: 0 }), want(9, { from: 1 }))).toEqual([
    { offsets: [], next: 0, atEnd: false, lostBelow: 5 },
    { offsets: [1], next: 1, atEnd: true, lostBelow: 0 },
    { offsets: [], next: 1, atEnd: true, lostBelow: 0 },
  ]);
});

it('parked tasks whose mark is of another topic are lost, though offsets look right, and those copied since are found', async () => {
  const rig = new ParkedFeedRig();
  for (const offset of [1, 2, 3]) rig.copy(7, offset);
  rig.cluster.deleteRecords({ topic: 'q.parked', partition: 0 }, 1);
  const [lost] = await rig.feed.read(rig.job(want(7, { from: 2, topicId: 'before' })));
  expect(lost).toMatchObject({ items: [], next: 1, topicId: 'K', lostBelow: 2, atEnd: false });
  expect(rig.openCount).toBe(0);
  const [found] = await rig.feed.read(rig.job(want(7, { from: 1, topicId: 'K' })));
  expect(found).toMatchObject({ topicId: 'K', lostBelow: 0, atEnd: true });
  expect(found?.items.map(({ offset }) => offset)).toEqual([2, 3]);
  expect(await rig.read(want(8, { topicId: 'before' }))).toMatchObject([{ lostBelow: 1 }]);
});

it.each<[string | undefined, string | undefined]>([
  [undefined, 'K'],
  ['K', undefined],
])('a topic whose id is not known is taken for the same: %s, %s', async (ofMark, now) => {
  const rig = new ParkedFeedRig();
  rig.topicId = now;
  rig.copy(7, 1);
  expect(await rig.read(want(7, { topicId: ofMark }))).toMatchObject([{ offsets: [1], lostBelow: 0 }]);
});

it('parked tasks that came since the end was last asked for are not lost', async () => {
  const rig = new ParkedFeedRig();
  for (const offset of [1, 2, 3]) rig.copy(7, offset);
  expect(await rig.read(want(7, { count: 1 }))).toMatchObject([{ offsets: [1] }]);
  for (const offset of [4, 5]) rig.copy(8, offset);
  expect(await rig.read(want(8, { from: 4 }))).toMatchObject([{ offsets: [5], lostBelow: 0 }]);
});

describe('parked tasks with bodies in their records', () => {
  it('are read a few at once', async () => {
    const rig = new ParkedFeedRig();
    for (let offset = 0; offset < 60; offset += 1) rig.copy(7, offset, { bodyBytes: 500_000 });
    const { polls } = rig.watchReader();
    await rig.read(want(7, { count: 60, bytes: 100_000_000 }));
    expect(Math.min(...polls)).toBeLessThanOrEqual(4);
  });
});

describe('parts of parked tasks', () => {
  it('are passed over and count for nothing', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    rig.parts(5);
    rig.copy(7, 2);
    rig.parts(3);
    rig.copy(7, 3);
    expect(await rig.read(want(7, { count: 3, bytes: 2_000 }))).toEqual([
      { offsets: [1, 2, 3], next: 11, atEnd: false, lostBelow: 0 },
    ]);
  });

  it('are read a few at once, and small tasks behind them many at once', async () => {
    const rig = new ParkedFeedRig();
    rig.parts(60);
    for (let offset = 0; offset < 200; offset += 1) rig.copy(7, offset);
    const { polls } = rig.watchReader();
    await rig.read(want(7, { count: 200 }));
    expect(polls[0]).toBeLessThan(40);
    expect(Math.min(...polls)).toBeLessThanOrEqual(3);
    expect(polls.at(-1)).toBeGreaterThan(20);
  });

  it('are jumped over when there is much of them', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    rig.parts(40);
    rig.copy(7, 2);
    rig.parts(100);
    rig.copy(7, 3);
    const { starts } = rig.watchReader();
    expect(await rig.read(want(7, { count: 2 }))).toMatchObject([{ offsets: [1, 2] }]);
    expect(await rig.read(want(7, { from: 142, after: 2, count: 1 }))).toMatchObject([{ offsets: [3] }]);
    expect(starts).toEqual([0, 142]);
  });
});

describe('a job', () => {
  it('that brings nothing fails after 30 s, and the next one begins with a new reader', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    let closed = 0;
    const silent = {
      assign: async () => {},
      poll: async () => [],
      onReadable: () => {},
      onProblem: () => {},
      close: async () => {
        closed += 1;
      },
    };
    const { openReader } = rig;
    rig.openReader = async () => silent as unknown as Reader; // the rest is not called
    const failed = rig.read(want(7)).catch((error: unknown) => error);
    await rig.clock.advance(31_000);
    expect(await failed).toMatchObject({ message: expect.stringContaining('from offset 0 on') });
    expect(closed).toBe(1);
    rig.openReader = openReader;
    expect(await rig.read(want(7))).toMatchObject([{ offsets: [1] }]);
  });

  it('fails when no reader can be opened; the next one tries again', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    const { openReader } = rig;
    rig.openReader = () => Promise.reject(new Error('no broker answers'));
    await expect(rig.read(want(7))).rejects.toThrow('no broker answers');
    rig.openReader = openReader;
    expect(await rig.read(want(7))).toMatchObject([{ offsets: [1] }]);
  });

  it('waits for the one before it, and ends with the worker', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    const silent = {
      assign: async () => {},
      poll: async () => [],
      onReadable: () => {},
      onProblem: () => {},
      close: async () => {},
    };
    rig.openReader = async () => silent as unknown as Reader; // the rest is not called
    const jobs = Promise.allSettled([rig.read(want(7)), rig.read(want(7))]);
    await rig.clock.advance(0);
    expect(rig.openCount).toBe(1);
    await rig.feed.close();
    expect((await jobs).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(rig.clock.pendingCount).toBe(0);
  });

  it('ends early when nobody waits for it any more', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    const [found] = await rig.feed.read({ ...rig.job(want(7)), isWanted: () => false });
    expect(found?.items).toEqual([]);
  });
});

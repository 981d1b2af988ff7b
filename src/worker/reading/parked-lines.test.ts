import { describe, expect, it } from 'vitest';
import { ParkedFeedRig, want } from '../../../test/support/parked-feed-rig.ts';
import type { ParkedWant } from '../core/parked.ts';

const never = (): Promise<never> => new Promise(() => {});

/** A parked topic of two partitions, with tasks of mark 7 in each. */
function rigOfTwo(): ParkedFeedRig {
  const rig = new ParkedFeedRig(2);
  for (const parkedPartition of [0, 1]) {
    for (const offset of [1, 2, 3]) rig.copy(7, offset, { parkedPartition });
  }
  return rig;
}

function read(rig: ParkedFeedRig, parkedPartition: number, changes: Partial<ParkedWant> = {}) {
  const job = { ...rig.job(want(7, changes)), parkedPartition };
  return rig.feed.read(job).then(([found]) => found?.items.map(({ offset }) => offset));
}

/** The reader brings nothing of partition 0, as when that has no leader. */
function withoutLeader(rig: ParkedFeedRig): { mended: boolean; assigned: number[]; closed: number } {
  const state = { mended: false, assigned: [] as number[], closed: 0 };
  const { openReader } = rig;
  rig.openReader = async () => {
    const reader = await openReader();
    const assign = reader.assign.bind(reader);
    const close = reader.close.bind(reader);
    reader.assign = (positions) => {
      state.assigned.push(...positions.map(({ partition }) => partition));
      return assign(positions.filter(({ partition }) => partition !== 0 || state.mended));
    };
    reader.close = () => {
      state.closed += 1;
      return close();
    };
    return reader;
  };
  return state;
}

describe('a parked partition whose broker', () => {
  it.each(['beforeAppend', 'beforeEnds'] as const)(
    'does not answer (%s) keeps those of other partitions waiting no more',
    async (what) => {
      const rig = rigOfTwo();
      rig[what] = (partition) => (partition === 0 ? never() : Promise.resolve());
      void read(rig, 0);
      await rig.clock.advance(0);
      expect(await read(rig, 1)).toEqual([1, 2, 3]);
    },
  );

  it('brings nothing keeps only its own jobs waiting, and is asked by another reader when it has failed', async () => {
    const rig = rigOfTwo();
    const broken = withoutLeader(rig);
    const failed = read(rig, 0).catch((error: unknown) => error);
    await rig.clock.advance(10_000);
    expect(await read(rig, 1)).toEqual([1, 2, 3]);
    await rig.clock.advance(21_000);
    expect(await failed).toMatchObject({ message: expect.stringContaining('from offset 0 on') });
    expect(broken.closed).toBe(1);
    broken.mended = true;
    expect(await read(rig, 0)).toEqual([1, 2, 3]);
    expect(rig.openCount).toBe(2);
  });
});

it('several parked partitions are read at once by one reader, each record for whoever wants it', async () => {
  const rig = rigOfTwo();
  for (let offset = 4; offset < 400; offset += 1) {
    for (const parkedPartition of [0, 1]) rig.copy(7, offset, { parkedPartition });
  }
  const { starts } = rig.watchReader();
  const all = { count: 1_000 };
  const expected = Array.from({ length: 399 }, (_, at) => at + 1);
  expect(await Promise.all([read(rig, 0, all), read(rig, 1, all)])).toEqual([expected, expected]);
  expect(rig.openCount).toBe(1);
  expect(starts).toEqual([0, 0]);
});

it('what comes of a partition that nobody reads is not kept, and is there for the next job', async () => {
  const rig = rigOfTwo();
  for (let offset = 4; offset < 400; offset += 1) {
    for (const parkedPartition of [0, 1]) rig.copy(7, offset, { parkedPartition });
  }
  const { starts } = rig.watchReader();
  expect(await read(rig, 0, { count: 2 })).toEqual([1, 2]);
  expect(await read(rig, 1, { count: 300 })).toHaveLength(300);
  expect(await read(rig, 0, { from: 2, after: 2, count: 2 })).toEqual([3, 4]);
  expect(starts).toEqual([0, 0, 2]);
});

it('a reader that has failed for one partition is closed when the others have ended reading by it', async () => {
  const rig = rigOfTwo();
  const state = withoutLeader(rig);
  const failed = read(rig, 0).catch((error: unknown) => error);
  await rig.clock.advance(10_000);
  // Of partition 1 a record comes now and then: the end that was told is far.
  rig.toldEnd = 100;
  const other = read(rig, 1, { count: 5 });
  await rig.clock.advance(15_000);
  rig.copy(7, 4, { parkedPartition: 1 });
  await rig.clock.advance(10_000);
  expect(await failed).toBeInstanceOf(Error);
  expect(state.closed).toBe(0);
  rig.copy(7, 5, { parkedPartition: 1 });
  await rig.clock.advance(1_000);
  expect(await other).toEqual([1, 2, 3, 4, 5]);
  expect(state.closed).toBe(1);
  expect(rig.clock.pendingCount).toBe(0);
});

it('a feed that is closed ends the jobs of all parked partitions', async () => {
  const rig = rigOfTwo();
  rig.toldEnd = 100;
  const jobs = Promise.allSettled([read(rig, 0), read(rig, 1)]);
  await rig.clock.advance(100);
  await rig.feed.close();
  expect((await jobs).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(rig.clock.pendingCount).toBe(0);
});

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import type { Item } from './lane.ts';

/** One task a letter, its key the letter. */
function log(from: number, keys: string, bytes = 100): Item[] {
  return keys.split('').map((key, i) => itemOf(from + i, key, { bytes }));
}

/** Key k needs 1 to 3, which were dropped from memory; x, at 4, is done. The log goes on at 5. */
function fetching(): CoreRig {
  const rig = new CoreRig({ concurrency: 4, partitionBytes: 1_000, lookAheadCount: 1 });
  const partition = rig.take(0);
  rig.records(partition, [...log(0, 'kkkk', 200), ...log(4, 'x', 200)]);
  rig.fail(rig.runOf('k'), { delayMs: 10 });
  rig.finish(rig.runOf('x'));
  rig.pass(10);
  rig.finish(rig.runOf('k'));
  expect(partition.sweep).toMatchObject({ at: 1, below: 4 });
  return rig;
}

/** The same, and it was asked where the log starts, as 1 and 2 were missing twice. */
function asked(): CoreRig {
  const rig = fetching();
  for (let i = 0; i < 2; i += 1) rig.swept(rig.partition(0), log(3, 'k'));
  expect(rig.of('check-gap')).toMatchObject([{ of: 'sweep', found: 3 }]);
  return rig;
}

/** Three keys of which only the first record is here: z and k wait for their next ones, z's are being swept; y runs. */
function twoWaiting(keys = 'zzkkkyy'): CoreRig {
  const shared = { budgetBytes: 10_000 };
  const rig = new CoreRig({ concurrency: 4, partitionBytes: 1_000, lookAheadCount: 1 }, shared);
  const partition = rig.take(0);
  rig.records(partition, log(0, keys, 400));
  for (const key of ['z', 'k', 'y']) rig.fail(rig.runOf(key), { delayMs: 10 });
  rig.pass(10);
  for (const key of ['z', 'k']) rig.finish(rig.runOf(key));
  expect(partition.sweep).toMatchObject({ at: 1, below: 2 });
  return rig;
}

function sweeps(rig: CoreRig): number[] {
  return rig.of('sweep').map(({ reading }) => reading.offset);
}

describe('a key whose next record is gone', () => {
  it('stops its partition when the log has been cut off there: what is lost is to be accepted', () => {
    const rig = asked();
    rig.tell((core, at) => core.sweepGapChecked(at, rig.partition(0), { start: 3, found: 3 }));
    expect(rig.reports('partition-halted')).toEqual([
      { kind: 'partition-halted', partition: 0, reason: 'data-loss', from: 1, to: 3 },
    ]);
    expect([rig.reports('key-held'), rig.of('stop-sweep').length]).toEqual([[], 1]);
  });

  it('is told from one whose record is where the log starts', () => {
    const rig = fetching();
    rig.tell((core, at) => core.sweepStalled(at, rig.partition(0), 1));
    expect([rig.reports('partition-halted'), sweeps(rig), rig.of('stop-sweep')]).toEqual([[], [1, 1], []]);
  });

  it('is told from one whose record was found: the sweep goes on where the log starts now', () => {
    const rig = new CoreRig({ concurrency: 4, partitionBytes: 100, lookAheadCount: 0 });
    const partition = rig.take(0);
    rig.records(partition, log(0, 'zxyk'));
    for (const key of ['x', 'y']) rig.finish(rig.runOf(key));
    for (const key of ['z', 'k']) rig.fail(rig.runOf(key), { delayMs: 10 });
    rig.pass(10);
    expect(partition.sweep).toMatchObject({ at: 0, below: 4 });
    rig.swept(partition, log(0, 'z'));
    rig.tell((core, at) => core.sweepStalled(at, partition, 3));
    expect([rig.reports('partition-halted'), sweeps(rig)]).toEqual([[], [0, 3]]);
    rig.swept(partition, log(3, 'k'));
    expect(rig.runningKeys).toEqual(['z', 'k']);
  });

  it('is held although others wait for records that the sweep has found', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 1, found: 3 }));
    expect(sweeps(rig).at(-1)).toBe(3); // nothing was deleted: the sweep goes on
    rig.swept(partition, log(3, 'k'));
    expect(rig.reports('key-held')).toMatchObject([{ key: 'k', offset: 1 }]);
  });
});

describe('a key that begins to wait for a record which a sweep has passed', () => {
  it('is not taken for lost: it is swept again', () => {
    const rig = twoWaiting();
    const partition = rig.partition(0);
    rig.finish(rig.runOf('y'));
    rig.swept(partition, log(1, 'z'));
    expect(partition.sweep).toMatchObject({ at: 3, below: 7 }); // for k and for y
    rig.swept(partition, log(3, 'k', 1_000));
    // From here on there is no room: 4 is passed, and wanted before the sweep has ended.
    rig.swept(partition, log(4, 'k'));
    rig.finish(rig.runOf('k'));
    rig.swept(partition, log(5, 'yy'));
    expect(rig.reports('key-held')).toEqual([]);
    expect(sweeps(rig)).toEqual([1, 3, 4]);
    rig.swept(partition, log(4, 'k'));
    expect(rig.runOf('k').item.offset).toBe(4);
  });
});

describe('the answer to what became of offsets that a sweep misses', () => {
  it('ends the sweep when there is nothing behind them', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, log(1, 'kk'));
    for (let i = 0; i < 2; i += 1) rig.swept(partition, log(9, 'k'));
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 0, found: 9 }));
    expect(rig.of('stop-sweep')).toHaveLength(1);
    expect(rig.runOf('k').item.offset).toBe(1);
  });

  it.each([
    ['to another question', 2],
    ['that comes a second time', 3],
  ])('does not count when it is one %s', (what, found) => {
    const rig = asked();
    const partition = rig.partition(0);
    if (what === 'that comes a second time')
      rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 0, found: 3 }));
    const before = rig.effects.length;
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 9, found }));
    expect(rig.effects.slice(before)).toEqual([]);
  });

  it('does not count when the sweep was begun anew meanwhile', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.sweepStalled(at, partition, 0));
    rig.swept(partition, log(3, 'k')); // missing once
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 9, found: 3 }));
    expect(rig.reports('key-held')).toEqual([]);
    rig.swept(partition, log(1, 'k'));
    expect(rig.runOf('k').item.offset).toBe(1);
  });

  it('is waited for: what is read meanwhile does not count', () => {
    const rig = asked();
    rig.swept(rig.partition(0), log(1, 'kkk'));
    expect(rig.runningKeys).toEqual([]);
  });
});

describe('a partition that is being given up', () => {
  it('sweeps no more, whatever is still answered', () => {
    const rig = asked();
    const partition = rig.partition(0);
    rig.records(partition, log(5, 'y', 100)); // so that it is not given up at once
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    const before = rig.effects.length;
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 3, found: 3 }));
    rig.tell((core, at) => core.sweepStalled(at, partition, 3));
    rig.swept(partition, log(1, 'kkk'));
    expect(rig.effects.slice(before)).toEqual([]);
    expect(rig.runningKeys).toEqual(['y']);
  });

  it('opens no sweep for what its handlers leave', () => {
    const rig = new CoreRig({ concurrency: 4, partitionBytes: 1_000, lookAheadCount: 1 });
    const partition = rig.take(0);
    rig.records(partition, log(0, 'kkk', 400));
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.finish(rig.runOf('k')); // the others were dropped
    expect(rig.of('sweep')).toEqual([]);
    expect(partition.commitState('').frontier).toBe(1);
  });

  it('is not disturbed by a sweep that has ended before', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, log(1, 'kkk'));
    const before = rig.effects.length;
    rig.tell((core, at) => core.sweepStalled(at, partition, 3));
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 3, found: 3 }));
    expect(rig.effects.slice(before)).toEqual([]);
  });
});

describe('what a sweep brings', () => {
  it('is kept while there is room: the key runs on without another sweep', () => {
    const rig = fetching();
    rig.swept(rig.partition(0), log(1, 'k'));
    rig.swept(rig.partition(0), log(2, 'kk'));
    expect(rig.partition(0).bufferedBytes).toBe(300);
    for (let i = 0; i < 3; i += 1) rig.finish(rig.runOf('k'));
    expect([sweeps(rig), rig.of('await-key')]).toEqual([[1], []]);
  });

  it('is all it brings once there is no room and nobody waits: the rest follows when it is needed', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.records(partition, log(5, 'h'));
    rig.fail(rig.runOf('h'), { delayMs: 50_000 }); // waits further on, and not for a record
    rig.settle();
    rig.swept(partition, log(1, 'k', 1_000)); // fills the partition
    expect([partition.sweep, rig.of('stop-sweep').length]).toEqual([undefined, 1]);
    rig.pass(100);
    expect(rig.core.state.commitUnderWay).toBe(false); // nothing new is to be said
    rig.finish(rig.runOf('k'));
    expect(sweeps(rig)).toEqual([1, 2]);
    rig.swept(partition, log(2, 'k', 2_000));
    expect(rig.runOf('k').item.offset).toBe(2); // what runs dry is kept in any case
  });

  it('goes on without room for as long as a key waits for what is next', () => {
    const rig = twoWaiting();
    const partition = rig.partition(0);
    rig.finish(rig.runOf('y'));
    rig.swept(partition, log(1, 'z'));
    rig.swept(partition, log(3, 'k', 1_000));
    rig.swept(partition, log(4, 'kyy'));
    expect([sweeps(rig), rig.runOf('y').item.offset]).toEqual([[1, 3], 6]);
  });

  it('is not kept without room for a key whose next record it has passed', () => {
    const rig = twoWaiting('zzkkkkyy');
    const partition = rig.partition(0);
    rig.finish(rig.runOf('y'));
    rig.swept(partition, log(1, 'z'));
    rig.swept(partition, log(3, 'k', 1_000));
    rig.swept(partition, log(4, 'k'));
    rig.finish(rig.runOf('k'));
    rig.budget.take(10_000);
    rig.swept(partition, log(5, 'k'));
    expect(partition.bufferedBytes).toBe(100); // that of z, which runs
  });

  it('is kept for a key that is held and has none, and does not start it', () => {
    const rig = twoWaiting('zzkkyk');
    const partition = rig.partition(0);
    rig.fail(rig.runOf('y'), { delayMs: 50_000 });
    rig.records(partition, log(6, 'w'));
    rig.records(partition, log(7, 'v', 1_000)); // takes from y what it has
    for (const key of ['w', 'v']) rig.finish(rig.runOf(key));
    rig.swept(partition, log(1, 'z'));
    rig.swept(partition, log(3, 'ky'));
    expect(rig.runningKeys).toEqual(['z', 'k']);
    const before = sweeps(rig).length;
    rig.swept(partition, log(5, 'k'));
    rig.pass(50_000);
    expect(rig.runningKeys).toEqual(['z', 'k', 'y']);
    expect(sweeps(rig)).toHaveLength(before);
  });

  it('is kept for a key that is held up to its look-ahead', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, log(1, 'k'));
    rig.fail(rig.runOf('k'), { delayMs: 50_000 });
    rig.swept(partition, log(2, 'kk'));
    expect(partition.bufferedBytes).toBe(100);
  });

  it.each([
    ['takes the place of what lies further ahead when the process holds all it may', 10_000, 300, 100],
    ['takes it when the partition holds half of its share', 0, 400, 100],
    ['leaves it what it has while there is more room', 0, 300, 400],
  ])('%s', (_what, taken, bytes, kept) => {
    const rig = twoWaiting();
    const partition = rig.partition(0);
    rig.end(rig.runOf('y'), { kind: 'discard', reason: '' });
    rig.records(partition, log(7, 'k', bytes)); // from the tail, and k needs 3 first
    rig.budget.take(taken);
    const before = partition.bufferedBytes;
    rig.swept(partition, log(1, 'z'));
    expect(partition.sweep?.at).toBe(3);
    expect(partition.bufferedBytes - before).toBe(kept - bytes);
  });
});

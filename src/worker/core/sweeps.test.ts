import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import type { Item } from './lane.ts';

/** Tasks of one key, offset by offset. */
function line(from: number, count: number, key: string, bytes = 100): Item[] {
  return Array.from({ length: count }, (_, i) => itemOf(from + i, key, { bytes }));
}

describe('a sweep', () => {
  /** A key whose records at 1 and 2 were dropped, and which has come to need them. */
  function fetching(): CoreRig {
    const rig = new CoreRig({ concurrency: 2, partitionBytes: 1_000, lookAheadCount: 1 });
    const partition = rig.take(0);
    rig.records(partition, [...line(0, 3, 'k', 800), itemOf(3, 'other', { bytes: 100 })]);
    rig.finish(rig.runOf('other'));
    rig.fail(rig.runOf('k'), { delayMs: 10 });
    rig.pass(10);
    rig.finish(rig.runOf('k'));
    expect(partition.sweep).toMatchObject({ at: 1, below: 3 });
    return rig;
  }

  it('brings what is missing', () => {
    const rig = fetching();
    rig.swept(rig.partition(0), line(1, 2, 'k', 800));
    expect(rig.runOf('k').item.offset).toBe(1);
  });

  it('that finds the log start beyond what it was to bring stops the partition, and says so', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.sweepStalled(at, partition, 2));
    expect(rig.reports('partition-halted')).toMatchObject([{ reason: 'data-loss', from: 1, to: 2 }]);
    expect([partition.phase, rig.of('stop-sweep').length]).toEqual(['halted', 1]);
    expect(partition.commitState('')).toMatchObject({ frontier: 1, lanes: [{ offset: 1 }] });
  });

  it('that passes a task without finding it holds the key as lost', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 })]);
    expect(rig.of('sweep').at(-1)?.reading.offset).toBe(1);
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 })]);
    expect(rig.of('check-gap')).toMatchObject([{ of: 'sweep', found: 2 }]);
    expect(rig.reports('key-held')).toEqual([]);
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 0, found: 2 }));
    expect(rig.of('sweep').at(-1)?.reading.offset).toBe(2);
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 })]);
    expect(rig.reports('key-held')).toMatchObject([{ key: 'k', reason: 'data-loss', offset: 1 }]);
  });

  it('reads again what its reader has left out', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 }), itemOf(3, 'other')]);
    rig.swept(partition, line(1, 2, 'k', 800));
    expect(rig.runOf('k').item.offset).toBe(1);
    expect(rig.reports('key-held')).toEqual([]);
  });

  it('takes nothing that was asked for before its latest order', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    const before = rig.of('sweep').at(-1)?.reading;
    if (before === undefined) throw new Error('nothing is swept');
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 })]);
    rig.tell((core, at) => core.swept(at, before, [itemOf(2, 'k', { bytes: 800 })]));
    rig.tell((core, at) => core.swept(at, before, line(1, 2, 'k', 800)));
    expect(rig.of('check-gap')).toEqual([]);
    expect(rig.runningKeys).not.toContain('k');
    rig.swept(partition, line(1, 2, 'k', 800));
    expect(rig.runOf('k').item.offset).toBe(1);
  });

  it('that brings nothing is begun anew where it stands, also while it was asked about a gap', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 })]);
    rig.swept(partition, [itemOf(2, 'k', { bytes: 800 })]);
    rig.tell((core, at) => core.sweepStalled(at, partition, 0));
    expect(rig.of('sweep').at(-1)?.reading.offset).toBe(1);
    rig.swept(partition, line(1, 2, 'k', 800));
    expect(rig.runOf('k').item.offset).toBe(1);
  });

  it('hands nothing on that was fetched for an earlier position', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(0, 'k')]);
    expect(rig.running).toEqual([]);
    expect(partition.sweep?.at).toBe(1);
  });

  it('brings a stretch and not one record at a time when what lies further ahead fills the memory', () => {
    const rig = new CoreRig({ concurrency: 2, partitionBytes: 1_000, lookAheadCount: 1 });
    const partition = rig.take(0);
    rig.records(partition, [...line(0, 11, 'k'), itemOf(11, 'other')]);
    rig.finish(rig.runOf('other'));
    rig.fail(rig.runOf('k'), { delayMs: 10 });
    rig.pass(10);
    rig.finish(rig.runOf('k'));
    expect(partition.sweep).toMatchObject({ at: 1, below: 11 });
    // These come before the sweep has brought anything, and there is room for them.
    rig.records(partition, line(12, 10, 'k'));
    let read = 0;
    while (partition.commitState('').frontier < 22) {
      const { sweep } = partition;
      if (sweep === undefined) {
        rig.finish(rig.runOf('k'));
        continue;
      }
      const swept = Array.from({ length: Math.min(10, sweep.below - sweep.at) }, (_, i) => sweep.at + i);
      read += swept.length;
      rig.swept(
        partition,
        swept.map((offset) => itemOf(offset, offset === 11 ? 'other' : 'k', { bytes: 100 })),
      );
    }
    // The first sweep has room for one of the ten it reads; after it each record is read once. One at a time it were 55.
    expect(read).toBeLessThanOrEqual(40);
  });

  it('ends with its partition', () => {
    const rig = fetching();
    const partition = rig.partition(0);
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.of('stop-sweep')).toHaveLength(1);
    rig.swept(partition, line(1, 2, 'k'));
    expect([rig.running, rig.budget.usedBytes]).toEqual([[], 0]);
  });
});

import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import type { PartitionState } from './partition-state.ts';

function keys(count: number, prefix = 'key '): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Many keys with one task of 100 bytes each: more than a commit can list. */
function fill(rig: CoreRig, number: number, count: number): PartitionState {
  const partition = rig.take(number);
  rig.records(partition, itemsOf(0, keys(count, `key ${number} `), { bytes: 100 }));
  expect(partition.full).toBe(true);
  return partition;
}

function runningOf(rig: CoreRig, partition: PartitionState): number {
  return rig.running.filter((run) => run.partition === partition).length;
}

describe('a full partition of a process that holds all it may', () => {
  it('keeps of the keys that may start the one whose turn is next', () => {
    const rig = new CoreRig({ concurrency: 10_000 }, { budgetBytes: 80_000 });
    const partition = fill(rig, 0, 800);
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect(partition.bufferedBytes).toBe((rig.running.length + 1) * 100);
    const next = rig.running.length;
    for (const run of rig.running.slice(0, 50)) rig.finish(run);
    expect(rig.running.some(({ item }) => item.offset === next)).toBe(true);
  });

  it('keeps all when another one has let go of enough', () => {
    const rig = new CoreRig({ concurrency: 10_000 }, { budgetBytes: 230_000 });
    const [large, small] = [fill(rig, 0, 1_500), fill(rig, 1, 800)];
    expect(rig.core.wantedCount()).toBeGreaterThan(0);
    expect(large.bufferedBytes).toBe((runningOf(rig, large) + 1) * 100);
    expect(small.bufferedBytes).toBe(80_000);
  });

  it('gets back what it let go in one sweep, not key by key, and later sweeps are no longer than they have to be', () => {
    const rig = new CoreRig({ concurrency: 10_000 }, { budgetBytes: 80_000 });
    const partition = fill(rig, 0, 800);
    rig.core.wantedCount();
    const all = itemsOf(0, keys(800, 'key 0 '), { bytes: 100 });
    for (let steps = 0; partition.commitState('').frontier < 800 && steps < 10_000; steps += 1) {
      const [run] = rig.running;
      if (run !== undefined) rig.finish(run);
      else if (partition.sweep !== undefined) rig.swept(partition, all.slice(partition.sweep.at));
      else rig.settle();
    }
    expect(rig.of('sweep').length).toBeLessThan(4);
    expect([partition.commitState('').frontier, rig.budget.usedBytes]).toEqual([800, 0]);
    rig.records(partition, itemsOf(800, ['k', 'k', 'x', 'x'], { bytes: 20_000 }));
    rig.fail(rig.runOf('k'), { delayMs: 10 });
    expect(rig.core.wantedCount()).toBeGreaterThan(0); // the second one of k is let go
    rig.pass(10);
    expect(partition.sweep).toMatchObject({ at: 800, below: 802 });
  });
});

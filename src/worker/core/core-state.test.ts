import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import type { TypePolicy } from './type-policy.ts';

describe('what a core knows', () => {
  it('counts what runs, also while it no longer counts: it has its slot until it ends', () => {
    const rig = new CoreRig({ concurrency: 2 });
    rig.records(rig.take(0), itemsOf(0, ['a', 'b', 'c']));
    expect(rig.core.state.runningCount).toBe(2);
    rig.tell((core, at) => core.lost(at, [0]));
    expect(rig.core.state.runningCount).toBe(2);
    rig.finish(rig.runOf('a'));
    expect(rig.core.state.runningCount).toBe(1);
  });

  it('asks once what holds for a type, whatever names its records carry', () => {
    const asked: string[] = [];
    const typePolicy = (recorded: string): TypePolicy => {
      asked.push(recorded);
      const retry = {
        minDelayMs: 200,
        maxDelayMs: 60_000,
        giveUpAfterMs: 86_400_000,
        maxAttempts: undefined,
      };
      return { name: 'new', retry, concurrency: 2, rateLimit: undefined };
    };
    const rig = new CoreRig({ typePolicy });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a'], { type: 'old' }));
    rig.records(partition, itemsOf(1, ['b', 'c'], { type: 'new' }));
    expect(rig.runningKeys).toEqual(['a', 'b']);
    rig.finish(rig.runOf('a'));
    expect(rig.runningKeys).toEqual(['b', 'c']);
    expect(asked).toEqual(['old', 'new']);
  });
});

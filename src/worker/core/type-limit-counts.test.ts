import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lane } from './lane.ts';
import { PartitionState } from './partition-state.ts';
import { limitOf, TypeLimit } from './type-limits.ts';

const retry = { minDelayMs: 100, maxDelayMs: 100, giveUpAfterMs: 1e9, maxAttempts: undefined };

describe('what a limit has free', () => {
  const partition = new PartitionState(0);
  const unlimited = { name: 'job', retry, concurrency: Number.POSITIVE_INFINITY, rateLimit: undefined };
  const rated = { ...unlimited, rateLimit: { count: 3, perMs: 100 } };

  it('is what no start in the last stretch of time and no one called has taken, and no more than slots', () => {
    const steps = fc.array(fc.record({ pauseMs: fc.nat(60), starts: fc.nat(2) }), {
      maxLength: 40,
      size: 'max',
    });
    fc.assert(
      fc.property(steps, fc.nat(2), fc.nat(6), (given, calledCount, runningCount) => {
        const limit = new TypeLimit({ ...rated, concurrency: 6 });
        limit.waiting.set(new Lane('waits'), partition);
        for (let i = 0; i < calledCount; i += 1) limit.called.set(new Lane(`called ${i}`), partition);
        const startsMs: number[] = [];
        const found: unknown[] = [];
        const expected: unknown[] = [];
        let nowMs = 1_000;
        for (const { pauseMs, starts } of given) {
          nowMs += pauseMs;
          for (let i = 0; i < starts && isFree(); i += 1) {
            startsMs.push(nowMs);
            limit.started(new Lane('starts'), nowMs);
          }
          const within = recent();
          const slots = 6 - runningCount - calledCount;
          found.push([nowMs, limit.free(runningCount, nowMs)]);
          expected.push([nowMs, Math.min(slots, 3 - within.length - calledCount)]);
        }
        expect(found).toEqual(expected);
        function recent(): number[] {
          return startsMs.filter((at) => at > nowMs - 100);
        }
        function isFree(): boolean {
          return recent().length < 3;
        }
      }),
    );
  });

  it('is not counted where nothing is limited', () => {
    expect(limitOf(unlimited)).toBeUndefined();
    expect(limitOf(rated)?.free(0, 0)).toBe(3);
    expect(limitOf({ ...unlimited, concurrency: 2 })?.free(0, 0)).toBe(2);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGivenUp, type RetryPolicy, retryDelayMs } from './retry.ts';

const policy: RetryPolicy = {
  minDelayMs: 200,
  maxDelayMs: 60_000,
  giveUpAfterMs: 86_400_000,
  maxAttempts: undefined,
};

describe('the pause before the next try', () => {
  it('doubles up to the maximum, spread by a fifth either way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.maxSafeNat(), (attempts, offset) => {
        const plain = Math.min(60_000, 200 * 2 ** Math.min(attempts - 1, 30));
        const delayMs = retryDelayMs(policy, attempts, offset);
        expect(delayMs).toBeGreaterThanOrEqual(Math.floor(plain * 0.8));
        expect(delayMs).toBeLessThanOrEqual(Math.ceil(plain * 1.2));
      }),
    );
  });

  it('differs from task to task, and is the same for the same task', () => {
    const delays = Array.from({ length: 100 }, (_, offset) => retryDelayMs(policy, 5, offset));
    expect(new Set(delays).size).toBeGreaterThan(80);
    expect(delays).toEqual(Array.from({ length: 100 }, (_, offset) => retryDelayMs(policy, 5, offset)));
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    expect(mean / 3_200).toBeGreaterThan(0.95);
    expect(mean / 3_200).toBeLessThan(1.05);
  });

  it.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [8, 25_600],
    [9, 51_200],
    [10, 60_000],
    [2_000, 60_000],
  ])('after failure %i is %i ms in the mean of many tasks', (attempts, expected) => {
    const delays = Array.from({ length: 1_000 }, (_, offset) => retryDelayMs(policy, attempts, offset));
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
    expect(mean / expected).toBeGreaterThan(0.99);
    expect(mean / expected).toBeLessThan(1.01);
  });

  it('uses the whole spread, to either side', () => {
    const delays = Array.from({ length: 1_000 }, (_, offset) => retryDelayMs(policy, 3, offset));
    expect(Math.min(...delays)).toBeLessThan(645);
    expect(Math.max(...delays)).toBeGreaterThan(955);
  });

  it('of tasks that fail together is apart each time anew: who was first does not stay first', () => {
    const firsts = Array.from({ length: 12 }, (_, i) => {
      const delays = Array.from({ length: 10 }, (_, offset) => retryDelayMs(policy, i + 1, offset));
      return delays.indexOf(Math.min(...delays));
    });
    expect(new Set(firsts).size).toBeGreaterThan(3);
  });

  it('is none when none is wanted, however often the task has failed', () => {
    const eager = { ...policy, minDelayMs: 0 };
    expect([1, 2, 5_000].map((attempts) => retryDelayMs(eager, attempts, 7))).toEqual([0, 0, 0]);
  });
});

describe('a task is given up', () => {
  it.each([
    ['not before the time is up', policy, { attempts: 900, firstFailedAtMs: 0, nowMs: 86_399_999 }, false],
    ['when the time is up', policy, { attempts: 1, firstFailedAtMs: 0, nowMs: 86_400_000 }, true],
    [
      'not before the last attempt',
      { ...policy, maxAttempts: 3 },
      { attempts: 2, firstFailedAtMs: 0, nowMs: 5 },
      false,
    ],
    [
      'with the last attempt',
      { ...policy, maxAttempts: 3 },
      { attempts: 3, firstFailedAtMs: 0, nowMs: 5 },
      true,
    ],
    [
      'by time before the last attempt',
      { ...policy, maxAttempts: 3 },
      { attempts: 1, firstFailedAtMs: 0, nowMs: 86_400_000 },
      true,
    ],
    ['not when the clock went back', policy, { attempts: 5, firstFailedAtMs: 10, nowMs: 0 }, false],
  ])('%s', (_what, given, failure, expected) => {
    expect(isGivenUp(given, failure)).toBe(expected);
  });
});

import { expect, it } from 'vitest';
import { endsWithin } from './ends-within.ts';
import { ManualClock } from './manual-clock.ts';

it('is true when the work ends in time, and leaves no timer behind', async () => {
  const clock = new ManualClock();
  let end = (): void => {};
  const waiting = endsWithin(new Promise<void>((resolve) => (end = resolve)), 100, clock);
  await clock.advance(99);
  end();
  expect(await waiting).toBe(true);
  expect(clock.pendingCount).toBe(0);
});

it('is false when the time is over first', async () => {
  const clock = new ManualClock();
  const waiting = endsWithin(new Promise(() => {}), 100, clock);
  await clock.advance(100);
  expect(await waiting).toBe(false);
});

it('rejects as the work does, and leaves no timer behind', async () => {
  const clock = new ManualClock();
  await expect(endsWithin(Promise.reject(new Error('no')), 100, clock)).rejects.toThrow('no');
  expect(clock.pendingCount).toBe(0);
});

it('does not hear of work that fails later', async () => {
  const clock = new ManualClock();
  let fail = (_error: Error): void => {};
  const waiting = endsWithin(new Promise((_, reject) => (fail = reject)), 100, clock);
  await clock.advance(100);
  fail(new Error('late'));
  await clock.advance(0); // vitest fails of a rejection that nobody hears
  expect(await waiting).toBe(false);
});

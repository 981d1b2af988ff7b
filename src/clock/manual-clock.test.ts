import { expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';

it('stands still until it is moved, and fires timers in the order they are due', async () => {
  const clock = new ManualClock(1_000);
  const fired: string[] = [];
  clock.setTimer(30, () => fired.push(`late at ${clock.monotonicMs()}`));
  clock.setTimer(10, () => fired.push(`early at ${clock.monotonicMs()}`));
  clock.setTimer(10, () => fired.push('early too'));
  clock.setTimer(20, () => fired.push('cleared')).clear();
  await clock.advance(9);
  expect([clock.wallMs(), fired, clock.pendingCount]).toEqual([1_009, [], 3]);
  await clock.advance(100);
  expect(fired).toEqual(['early at 1010', 'early too', 'late at 1030']);
  expect([clock.monotonicMs(), clock.pendingCount]).toEqual([1_109, 0]);
});

it('lets promises settle between timers, and fires timers that timers set', async () => {
  const clock = new ManualClock(0);
  const steps: string[] = [];
  clock.setTimer(10, () => {
    steps.push('timer');
    void Promise.resolve().then(() => {
      steps.push('promise');
      clock.setTimer(5, () => steps.push(`set by it, at ${clock.monotonicMs()}`));
    });
  });
  clock.setTimer(12, () => steps.push('next timer'));
  await clock.advance(20);
  expect(steps).toEqual(['timer', 'promise', 'next timer', 'set by it, at 15']);
});

import { expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { pause } from './pause.ts';

it('ends when its time is over', async () => {
  const clock = new ManualClock();
  let isOver = false;
  const waiting = pause({ clock, ms: 100 }).then(() => {
    isOver = true;
  });
  await clock.advance(99);
  expect(isOver).toBe(false);
  await clock.advance(1);
  await waiting;
});

it('ends with its signal, also one that was aborted before, and leaves no timer behind', async () => {
  const clock = new ManualClock();
  const given = new AbortController();
  const waiting = pause({ clock, ms: 100, signal: given.signal });
  given.abort();
  await waiting;
  await pause({ clock, ms: 100, signal: given.signal });
  expect(clock.pendingCount).toBe(0);
});

it('ends when it is woken, and is among those that can be woken only while it lasts', async () => {
  const clock = new ManualClock();
  const wakers = new Set<() => void>();
  const waiting = [pause({ clock, ms: 100, wakers }), pause({ clock, ms: 200, wakers })];
  expect(wakers.size).toBe(2);
  await clock.advance(100);
  expect(wakers.size).toBe(1);
  for (const wake of wakers) wake();
  await Promise.all(waiting);
  expect([wakers.size, clock.pendingCount]).toEqual([0, 0]);
});

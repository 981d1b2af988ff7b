import { expect, it } from 'vitest';
import { missedOf, numberGoal, timesGoal } from './goals.ts';

const times = Array.from({ length: 100 }, (_, i) => i + 1);
const show = (value: number): string => value.toFixed(2);

it.each([
  [{ p95: 95 }, true, 'p95 95, max 100 ms (half 50, n 100); goal: p95 at most 95 ms, met'],
  [{ p95: 94 }, false, 'p95 95, max 100 ms (half 50, n 100); goal: p95 at most 94 ms, MISSED'],
  [{ max: 100 }, true, 'p95 95, max 100 ms (half 50, n 100); goal: max at most 100 ms, met'],
  [{ max: 99 }, false, 'p95 95, max 100 ms (half 50, n 100); goal: max at most 99 ms, MISSED'],
])('times under the bound %o say so, and whether they are: %s', (bound, isMet, text) => {
  expect(timesGoal('pause', times, bound)).toEqual({ name: 'pause', isMet, text });
});

it('a goal of which nothing was measured is missed', () => {
  expect(timesGoal('pause', [], { max: 100 }).isMet).toBe(false);
  expect(timesGoal('pause', [Number.POSITIVE_INFINITY], { p95: 100 }).isMet).toBe(false);
  expect(numberGoal('ratio', Number.NaN, { bound: { atLeast: 0.95 }, show }).isMet).toBe(false);
  expect(numberGoal('ratio', Number.NaN, { bound: { atMost: 2 }, show }).isMet).toBe(false);
});

it.each([
  [{ atLeast: 0.95 }, 0.95, '0.95; goal: at least 0.95, met'],
  [{ atLeast: 0.95 }, 0.94, '0.94; goal: at least 0.95, MISSED'],
  [{ atMost: 2 }, 2, '2.00; goal: at most 2.00, met'],
  [{ atMost: 2 }, 2.1, '2.10; goal: at most 2.00, MISSED'],
])('a number under the bound %o: %d', (bound, value, text) => {
  expect(numberGoal('ratio', value, { bound, show }).text).toBe(text);
});

it('only what was missed is listed, with where and what', () => {
  const goals = [timesGoal('pause', [10], { max: 10 }), timesGoal('gap', [11], { max: 10 })];
  expect(missedOf(goals, 'classic')).toEqual([
    'classic: gap: p95 11, max 11 ms (half 11, n 1); goal: max at most 10 ms, MISSED',
  ]);
});

import { expect, it } from 'vitest';
import { SharedBudget } from './shared-budget.ts';

it('closes when it is full, and opens again only well below its limit', () => {
  const budget = new SharedBudget(1_000);
  budget.take(999);
  expect([budget.open, budget.roomBytes]).toEqual([true, 1]);
  budget.take(1);
  expect([budget.open, budget.roomBytes]).toEqual([false, 0]);
  budget.release(249);
  expect(budget.open).toBe(false);
  budget.release(1);
  expect([budget.open, budget.usedBytes]).toEqual([true, 750]);
});

it('is a gate, never a wall: what is here already is counted though it does not fit', () => {
  const budget = new SharedBudget(1_000);
  budget.take(5_000);
  expect([budget.open, budget.roomBytes, budget.usedBytes]).toEqual([false, 0, 5_000]);
  budget.release(4_500);
  expect([budget.open, budget.roomBytes]).toEqual([true, 500]);
});

import { describe, expect, it } from 'vitest';
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

describe('workers that found it closed', () => {
  /** A full budget that both workers have asked for, and that is open again. */
  function askedForByBoth(): { budget: SharedBudget; first: object; second: object } {
    const budget = new SharedBudget(1_000);
    const [first, second] = [{}, {}];
    budget.take(1_000);
    expect([budget.admits(first, 100), budget.admits(second, 200)]).toEqual([false, false]);
    budget.release(1_000);
    return { budget, first, second };
  }

  it('are let in in the order they came, and before one who did not have to wait', () => {
    const { budget, first, second } = askedForByBoth();
    const third = {};
    expect([budget.admits(third, 300), budget.admits(second, 300)]).toEqual([false, false]);
    expect(budget.admits(first, 300)).toBe(true);
    expect(budget.admits(third, 300)).toBe(false);
    expect(budget.admits(second, 300)).toBe(true);
    expect([budget.admits(third, 300), budget.admits(first, 300)]).toEqual([true, true]);
  });

  it('take their places also while it is open for those before them', () => {
    const { budget, first, second } = askedForByBoth();
    const third = {};
    expect([budget.admits(third, 300), budget.admits(first, 300)]).toEqual([false, true]);
    budget.take(1_000);
    expect(budget.admits(first, 400)).toBe(false);
    budget.release(1_000);
    expect([budget.admits(second, 500), budget.admits(first, 500)]).toEqual([true, false]);
    expect([budget.admits(third, 500), budget.admits(first, 500)]).toEqual([true, true]);
  });

  it('keep their turn until they use it', () => {
    const { budget, first, second } = askedForByBoth();
    expect([budget.wouldAdmit(first, 300), budget.wouldAdmit(second, 300)]).toEqual([true, false]);
    expect([budget.wouldAdmit(first, 300), budget.admits(second, 300)]).toEqual([true, false]);
    expect([budget.admits(first, 300), budget.wouldAdmit(second, 300)]).toEqual([true, true]);
  });

  it('keep their place when they ask again while it is closed', () => {
    const budget = new SharedBudget(1_000);
    const [first, second] = [{}, {}];
    budget.take(1_000);
    for (const worker of [first, second, first]) budget.admits(worker, 100);
    budget.release(1_000);
    expect([budget.admits(second, 100), budget.admits(first, 100)]).toEqual([false, true]);
  });

  it('are waited for no longer when they have not asked for more than a second', () => {
    const { budget, second } = askedForByBoth();
    expect(budget.admits(second, 1_100)).toBe(false);
    expect(budget.admits(second, 1_101)).toBe(true);
  });

  it('have lost their place when they come back after they were forgotten', () => {
    const { budget, first, second } = askedForByBoth();
    expect(budget.admits({}, 1_150)).toBe(false); // the second one is still waited for
    budget.take(1_000);
    expect(budget.admits(first, 1_160)).toBe(false);
    budget.release(1_000);
    expect([budget.admits(first, 1_160), budget.admits(second, 1_160)]).toEqual([false, true]);
  });
});

describe('memory for contents', () => {
  it('waits for records for a while, and no longer than that when nothing else with content is here', () => {
    const budget = new SharedBudget(1_000);
    const worker = {};
    budget.take(900);
    expect(budget.reserve(worker, 400, 0)).toBeUndefined();
    expect([budget.wantsRoom, budget.open, budget.roomBytes]).toEqual([true, false, 0]);
    expect(budget.reserve(worker, 400, 900)).toBeUndefined();
    // Nobody asks for long: nothing is kept back, and the wait counts all the same.
    budget.admits({}, 1_950);
    expect([budget.wantsRoom, budget.roomBytes]).toEqual([false, 100]);
    expect(budget.reserve(worker, 400, 1_999)).toBeUndefined();
    expect(budget.wantsRoom).toBe(true);
    expect(budget.reserve(worker, 400, 2_000)).toEqual({ bytes: 400, light: false });
    expect([budget.wantsRoom, budget.usedBytes]).toEqual([false, 1_300]);
  });

  it('does not go beside other contents that leave no room, however long it waits', () => {
    const budget = new SharedBudget(1_000);
    const first = budget.reserve({}, 300, 0);
    const worker = {};
    for (const nowMs of [0, 900, 1_800, 2_700, 3_600])
      expect(budget.reserve(worker, 300, nowMs)).toBeUndefined();
    if (first !== undefined) budget.giveBack(first);
    expect(budget.reserve(worker, 300, 3_700)).toBeDefined();
  });

  it('leaves records half of the budget, whatever runs', () => {
    const budget = new SharedBudget(1_000);
    budget.reserve({}, 5_000, 0);
    expect(budget.roomBytes).toBe(500);
  });

  it('of little is not kept from those of much, and takes more than its share only where nobody waits', () => {
    const budget = new SharedBudget(6_400);
    const workers = {};
    const light = (): boolean => budget.reserve(workers, 100, 0) !== undefined;
    expect([light(), light(), light(), light(), light()]).toEqual([true, true, true, true, true]);
    budget.reserve({}, 2_800, 0);
    expect(budget.reserve({}, 2_800, 0)).toBeUndefined();
    expect(light()).toBe(false);
  });

  it('for more of what runs goes past those that wait to start, one at a time beyond the limit', () => {
    const budget = new SharedBudget(1_000);
    budget.reserve({}, 300, 0);
    expect(budget.reserve({}, 300, 0)).toBeUndefined();
    const extend = (bytes: number) => budget.extend({ who: {}, attempt: { company: {} }, bytes }, 0);
    const more = extend(2_000);
    expect(more).toMatchObject({ bytes: 2_000 });
    const waits = { who: {}, attempt: { company: {} }, bytes: 2_000 };
    expect([budget.extend(waits, 0), budget.extend(waits, 0)]).toEqual([undefined, undefined]);
    if (more !== undefined) budget.giveBack(more);
    expect([budget.usedBytes, budget.extend(waits, 0)?.bytes]).toEqual([300, 2_000]);
    expect(extend(10)).toBeUndefined();
  });
});

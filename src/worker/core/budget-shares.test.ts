import { describe, expect, it } from 'vitest';
import { SharedBudget } from './shared-budget.ts';

/** Light is what has 100 bytes at most; 400 are the light ones' own, 2,800 all heavy ones', and 3,200 content's. */
const LIMIT = 6_400;

function budgetWith({ records = 0, heavy = 0, light = 0 }): SharedBudget {
  const budget = new SharedBudget(LIMIT);
  budget.take(records);
  if (heavy > 0) budget.reserveAnyway(heavy);
  for (let n = 0; n < light; n += 1) budget.reserveAnyway(100);
  return budget;
}

describe('a light one', () => {
  it.each<[what: string, here: Parameters<typeof budgetWith>[0], goes: boolean, wants: boolean]>([
    [
      'goes within the share of the light ones, whatever else is here',
      { records: LIMIT, light: 3 },
      true,
      false,
    ],
    ['goes beyond it up to half of all, which contents may have', { heavy: 2_700, light: 4 }, true, false],
    ['does not go beyond that, and no record has to leave for it', { heavy: 2_701, light: 4 }, false, false],
    ['goes beyond its share into what is left of all', { records: 5_900, light: 4 }, true, false],
    ['waits for records to leave where nothing is left', { records: 5_901, light: 4 }, false, true],
  ])('%s', (_what, here, goes, wants) => {
    const budget = budgetWith(here);
    expect(budget.reserve({}, 100, 0) !== undefined).toBe(goes);
    expect(budget.wantsRoom).toBe(wants);
  });

  it('does not go beyond its share while a heavy one waits', () => {
    const budget = budgetWith({ heavy: 2_000, light: 4 });
    expect(budget.reserve({}, 1_000, 0)).toBe(undefined);
    expect(budget.reserve({}, 100, 0)).toBe(undefined);
  });
});

describe('a heavy one', () => {
  it.each<[what: string, here: Parameters<typeof budgetWith>[0], bytes: number, goes: boolean]>([
    ['goes up to what all heavy ones may have', { heavy: 1_000 }, 1_800, true],
    ['does not go beyond that', { heavy: 1_000 }, 1_801, false],
    ['goes when it fits beside the records and the share of the light ones', { records: 4_000 }, 2_000, true],
    ['does not go when it does not', { records: 4_001 }, 2_000, false],
    ['goes beside light ones that have more than their share', { records: 3_500, light: 5 }, 2_400, true],
    ['does not go into what those have', { records: 3_501, light: 5 }, 2_400, false],
  ])('%s', (_what, here, bytes, goes) => {
    expect(budgetWith(here).reserve({}, bytes, 0) !== undefined).toBe(goes);
  });
});

describe('more for a task that runs', () => {
  const ask = (budget: SharedBudget, bytes: number, who = {}) =>
    budget.extend({ who, attempt: { company: {} }, bytes }, 0);

  it.each<[records: number, bytes: number, beyond: true | undefined]>([
    [3_200, 3_200, undefined],
    [3_201, 3_200, true],
    [0, 3_201, true],
  ])('beside %i bytes of records, %i bytes: beyond what there is is %s', (records, bytes, beyond) => {
    expect(ask(budgetWith({ records }), bytes)?.beyond).toBe(beyond);
  });

  it('goes beyond what there is for one at a time; the others wait in turn', () => {
    const budget = budgetWith({ heavy: 3_000 });
    const first = ask(budget, 1_000);
    expect(first?.beyond).toBe(true);
    const [second, third] = [{}, {}];
    expect([ask(budget, 500, second), ask(budget, 100, third)]).toEqual([undefined, undefined]);
    if (first !== undefined) budget.giveBack(first);
    expect(budget.usedBytes).toBe(3_000);
    expect(ask(budget, 100, third)).toBe(undefined);
    expect(ask(budget, 500, second)?.beyond).toBe(true);
    expect(ask(budget, 100, third)).toBe(undefined);
  });
});

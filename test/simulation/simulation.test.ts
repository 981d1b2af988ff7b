import { describe, expect, it } from 'vitest';
import { scenarioOf, simulate } from './simulate.ts';
import { mutants } from './world.ts';

const RUNS = 400;

describe('the worker core under simulation', () => {
  it(`keeps order and loses nothing through ${RUNS} seeded schedules`, () => {
    const counts: Record<string, number> = {};
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const result = simulate(scenarioOf(seed));
      expect(result.violations, `npm run simulate -- --runs 1 --seed ${seed}`).toEqual([]);
      for (const [name, count] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + count;
    }
    // A simulation in which nothing went wrong would prove nothing.
    for (const name of [
      'crash',
      'expelled',
      'revoke',
      'sweep',
      'pause',
      'stood still',
      'check-gap',
      'records lost by a reader',
      'abort',
      'report task-failed',
    ]) {
      expect(counts[name] ?? 0, name).toBeGreaterThan(20);
    }
  });

  it('repeats a schedule exactly from its seed', () => {
    expect(simulate(scenarioOf(17))).toEqual(simulate(scenarioOf(17)));
  });

  it.each(mutants.filter((mutant) => mutant !== 'none'))('notices the broken engine %s', (mutant) => {
    const seeds = Array.from({ length: 200 }, (_, i) => i + 1);
    expect(seeds.some((seed) => simulate(scenarioOf(seed, mutant)).violations.length > 0)).toBe(true);
  });
});

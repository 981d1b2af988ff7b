import { describe, expect, it } from 'vitest';
import { scenarioOf } from '../../test/simulation/scenario.ts';
import { simulate } from '../../test/simulation/simulate.ts';
import { CrashWorld } from '../../test/support/crash-world/crash-world.ts';

/** Short simulations, a schedule a test. They run last, on what all other tests have let live. */
const SCHEDULES = 30;
const CRASH_SCHEDULES = 12;

describe('the simulation', () => {
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    it(`seed ${seed}`, () => {
      expect(simulate(scenarioOf(seed)).violations).toEqual([]);
    });
  }
});

/** As in `crash-loops.test.ts`, which takes too long to be run for every mutant. */
describe('processes that die', () => {
  for (let seed = 1; seed <= CRASH_SCHEDULES; seed += 1) {
    it(`seed ${seed}`, () => {
      const world = new CrashWorld({
        seed,
        processes: 1 + (seed % 3),
        queues: 1 + (seed % 2),
        partitions: 1 + ((seed >> 1) % 3),
        tasks: 100,
        keys: 40,
        killers: seed % 4,
        kills: 3,
        config: { suspectsAtOnce: 1 + (seed % 5), concurrency: 2 + (seed % 7) },
      });
      world.run(200_000);
      expect(world.rules.violations).toEqual([]);
      expect(Math.max(0, ...world.rules.crashesOf.values())).toBeLessThanOrEqual(3);
    });
  }
});

import { expect, it } from 'vitest';
import { SeededRandom } from '../../checker/seeded-random.ts';
import { mutants } from './mutants.ts';
import { runSchedule, type Schedule } from './schedule.ts';
import { withoutSomeLeaders } from './untold.ts';

const RUNS = 25;
const MOST_RUNS = 100;

it('nothing goes that a group still needs, and all that none needs does', async () => {
  const sums: Record<string, number> = {};
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const { violations, counts } = await runSchedule(seed);
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  // Runs that exercised nothing prove nothing.
  const least = { tasks: 1_000, runs: 2_500, purges: 100, setBack: 20, obeyed: 20, crashes: 30, freezes: 30 };
  const missing = Object.entries(least).filter(([name, count]) => (sums[name] ?? 0) < count);
  expect({ missing, sums }).toEqual({ missing: [], sums });
});

it('what some leaders do not tell keeps records, and not for ever', async () => {
  let purges = 0;
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const chance = new SeededRandom(seed);
    const { violations, counts } = await runSchedule(seed, (driver) => withoutSomeLeaders(driver, chance));
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    purges += counts.purges;
  }
  expect(purges).toBeGreaterThan(100);
});

it.each(Object.entries(mutants))(
  'is found when it %s',
  { timeout: 300_000 },
  async (_name, { around, found }) => {
    let failed: Schedule | undefined;
    for (let seed = 1; seed <= MOST_RUNS && failed === undefined; seed += 1) {
      const schedule = await runSchedule(seed, around);
      // It may do more that is wrong, and that first.
      if (schedule.violations.some((violation) => found.test(violation))) failed = schedule;
    }
    expect(failed).toBeDefined();
  },
);

import { expect, it } from 'vitest';
import type { CrashPlan } from '../../../test/support/crash-world/crash-plan.ts';
import { CrashWorld } from '../../../test/support/crash-world/crash-world.ts';

function planOf(seed: number): CrashPlan {
  return {
    seed,
    processes: 1 + (seed % 3),
    queues: 1 + (seed % 2),
    partitions: 1 + ((seed >> 1) % 3),
    tasks: 150,
    keys: 60,
    killers: seed % 4,
    kills: 3,
    config: { suspectsAtOnce: 1 + (seed % 5), concurrency: 2 + (seed % 7) },
  };
}

it('processes that die and are killed: who kills is given up after three crashes, and nobody else is', () => {
  let crashes = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const world = new CrashWorld(planOf(seed));
    world.run(200_000);
    expect(world.rules.violations, `seed ${seed}`).toEqual([]);
    expect(Math.max(0, ...world.rules.crashesOf.values()), `seed ${seed}`).toBeLessThanOrEqual(3);
    crashes += world.rules.crashes;
  }
  // A world in which nobody died would prove nothing.
  expect(crashes).toBeGreaterThan(100);
});

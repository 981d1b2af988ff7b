import { heal } from './healing.ts';
import type { Scenario } from './scenario.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import { stepOnce } from './steps.ts';
import { World } from './world.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly starts: number;
  readonly reruns: number;
  /** How often each kind of thing happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** How often which event followed which, as `TransitionReport` adds them up. */
  readonly transitions: Uint32Array;
}

/** Runs one schedule to its end: chance decides what happens next, then everything heals and must drain. */
export function simulate(scenario: Scenario, trace?: (line: string) => void): SimulationResult {
  const world = new World(scenario, trace);
  for (let i = 0; i < scenario.workers; i += 1) world.workers.push(new SimulatedWorker(world));
  world.group.assignFree();
  try {
    for (let step = 0; step < scenario.steps && world.isClean; step += 1) stepOnce(world);
    if (world.isClean) heal(world);
  } catch (error) {
    world.reference.fail(`the core threw: ${error instanceof Error ? error.stack : String(error)}`);
  }
  const { violations, starts, reruns } = world.reference;
  return {
    seed: scenario.seed,
    violations,
    starts,
    reruns,
    counts: world.counts,
    transitions: world.transitions.counts,
  };
}

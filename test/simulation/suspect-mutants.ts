import type { Scenario } from './scenario.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** Starts of a suspect that end with their process: then it is given up. Two, so that it was alone at the last crash. */
const SUSPECT_STARTS = 2;
const NEVER = 1_000;

export function suspectStartsOf({ condemns, mutant }: Scenario): number {
  if (!condemns) return NEVER;
  return mutant === 'condemned-beside-others' ? SUSPECT_STARTS - 1 : SUSPECT_STARTS;
}

/** Others start beside the one that is to run alone, and before a commit says that it has ended. */
export function openGate({ core, suspectGate, world }: SimulatedWorker): void {
  if (world.scenario.mutant !== 'alone-beside-others') return;
  for (const suspect of core.state.suspects.underWay.values()) {
    if (suspect.stage !== 'quieting' && suspect.stage !== 'writing') suspectGate.open(suspect);
  }
}

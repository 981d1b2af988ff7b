import type { Effect, Run, Verdict } from '../../src/worker/core/effects.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** The error of a task that is given up in an outage. */
const FORGED = 'forged';

/** Breaks how the end of a handler is heard. */
export function mutateVerdict(
  { core, world }: SimulatedWorker,
  run: Run,
  verdict: Verdict | undefined,
): Verdict | undefined {
  if (verdict?.kind !== 'retry') return verdict;
  const { outage } = core.state.type(run.item.type);
  switch (world.scenario.mutant) {
    case 'outage-unnoticed':
      outage.succeeded();
      return verdict;
    case 'attempts-counted-in-outage':
      if (!outage.down) return verdict;
      run.lane.attempts += 1;
      run.lane.firstFailedAtMs ??= world.nowMs;
      return verdict;
    case 'given-up-in-outage':
      return outage.down ? { kind: 'give-up', error: FORGED } : verdict;
    default:
      return verdict;
  }
}

/** What was given up in an outage looks like a task that has failed too often. */
export function withoutAsking(effect: Effect): Effect {
  if (effect.kind !== 'mark' || effect.mark.cause.error !== FORGED) return effect;
  const cause = { ...effect.mark.cause, reason: 'gave-up' } as const;
  return { ...effect, mark: { ...effect.mark, cause } };
}

/** No probe is waited for. */
export function beforeTick({ core, world }: SimulatedWorker): void {
  if (world.scenario.mutant !== 'probes-at-once') return;
  for (const type of core.state.types.values()) type.probe = undefined;
}

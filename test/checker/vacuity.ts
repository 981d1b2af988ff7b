import type { Figures } from './check-history.ts';

/** The least that a run must have put the engine through to prove anything. */
export type Minimum = Partial<
  Pick<
    Figures,
    | 'acked'
    | 'finished'
    | 'kills'
    | 'killsDuringRebalance'
    | 'brokerRestarts'
    | 'reruns'
    | 'rebalances'
    | 'commits'
    | 'stops'
  >
>;

/** What a run failed to exercise; a run that shows anything here has proved nothing and fails. */
export function checkVacuity(figures: Figures, minimum: Minimum): string[] {
  const names = Object.keys(minimum) as (keyof Minimum)[]; // Object.keys forgets the names
  return names
    .filter((name) => figures[name] < (minimum[name] ?? 0))
    .map((name) => `${name}: ${figures[name]}, needs at least ${minimum[name]}`);
}

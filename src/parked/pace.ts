import type { Clock } from '../clock/clock.ts';
import { pause } from '../clock/pause.ts';

/** How many commands are sent at once, and the rest in between. */
export interface Pace {
  readonly count: number;
  /** Resolves when the next turn is due; early when the signal is aborted. */
  pause(signal: AbortSignal): Promise<void>;
}

/** Without a limit: what the producer packs into a few requests, so that a stop in between is heard. */
const AT_ONCE = 500;
const TURNS_PER_SECOND = 10;

export function paceOf(clock: Clock, perSecond: number | undefined): Pace {
  if (perSecond === undefined) return { count: AT_ONCE, pause: () => Promise.resolve() };
  const count = Math.min(AT_ONCE, Math.max(1, Math.round(perSecond / TURNS_PER_SECOND)));
  const turnMs = (count * 1_000) / perSecond;
  let dueMs = clock.monotonicMs();
  return {
    count,
    pause: (signal) => {
      // Time lost on the brokers is not made up for: the limit holds in every second.
      dueMs = Math.max(dueMs + turnMs, clock.monotonicMs());
      return pause({ clock, ms: dueMs - clock.monotonicMs(), signal });
    },
  };
}

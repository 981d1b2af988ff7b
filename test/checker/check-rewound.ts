import { type CheckOptions, type CheckReport, checkEvents } from './check-history.ts';
import type { LogEvent } from './events.ts';

/** Somebody has set a group's offsets back while it had no member: in every partition, to these. */
export interface Rewind {
  /** When the group was empty, and before they were set. */
  readonly at: number;
  readonly to: ReadonlyMap<number, number>;
}

/**
 * A run in which offsets were set back is two: what was finished before counts for nothing afterwards. The second one has
 * the tasks from there on, each of which has to run again (or for the first time), and is checked like any other.
 */
export function checkRewound(
  events: readonly LogEvent[],
  rewind: Rewind,
  options: CheckOptions,
): CheckReport {
  const whole = checkEvents(events, options);
  const before = checkEvents(
    events.filter((event) => isProducers(event) || event.at < rewind.at),
    options,
  );
  const passed = passedBy(events, rewind);
  const after = checkEvents(
    events.filter((event) => (isProducers(event) ? !passed.has(event.id) : event.at >= rewind.at)),
    options,
  );
  // What was not committed before is at or above where the second run begins.
  const violations = before.violations.filter(({ property }) => property !== 'P2 unseen');
  return {
    violations: [...violations, ...after.violations],
    figures: whole.figures,
    kills: [...before.kills, ...after.kills],
  };
}

type OfProducer = Extract<LogEvent, { event: 'enqueue-called' | 'enqueue-acked' | 'enqueue-failed' }>;

function isProducers(event: LogEvent): event is OfProducer {
  return (
    event.event === 'enqueue-called' || event.event === 'enqueue-acked' || event.event === 'enqueue-failed'
  );
}

/** Tasks that lie before the place where the group begins again. */
function passedBy(events: readonly LogEvent[], { to }: Rewind): ReadonlySet<string> {
  const passed = new Set<string>();
  for (const event of events) {
    if (event.event === 'enqueue-acked' && event.offset < (to.get(event.partition) ?? 0))
      passed.add(event.id);
  }
  return passed;
}

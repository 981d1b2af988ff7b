/**
 * What can happen to a partition, as the pairs of the report name it. "late" = to an assignment that is over, in a
 * process that lives on.
 */
export const simulatedEvents = [
  // the group
  'assigned',
  'revoked',
  'released',
  'stopping',
  'lost',
  'expelled',
  'superseded',
  'crashed',
  'stood still',
  // taking
  'claimed',
  'inspected',
  'confirmed',
  'taking failed',
  'late taking answer',
  // commits
  'commit sent',
  'commit acked',
  'commit refused',
  'commit unheard',
  'commit fenced',
  'late commit answer',
  'overtaken',
  // reading
  'records',
  'late records',
  'records of before',
  'record missed',
  'gap checked',
  'swept',
  'paused',
  'resumed',
  // handlers
  'started',
  'finished',
  'failed',
  'late end',
  'down',
  'up',
  'key freed',
  // parking
  'marked',
  'mark failed',
  'part copied',
  'copy left',
  'copied',
  'copy failed',
  'moved',
  'move failed',
  'written',
  'write failed',
  'parked read',
  'parked read failed',
  'late parking answer',
  'parked',
  'redrive began',
  'redriven',
  'redrive failed',
  'parked discarded',
  // what is lost
  'records deleted',
  'halted',
  'loss accepted',
  // operators and suspects
  'commanded',
  'heard command',
  'held',
  'skipped',
  'killed',
  'condemned',
  // time
  'ticked',
] as const;

export type SimulatedEvent = (typeof simulatedEvents)[number];

const indexOf = new Map<string, number>(simulatedEvents.map((event, i) => [event, i]));
const size = simulatedEvents.length;

/** Counts which event followed which on the same partition, whatever process it happened in. */
export class Transitions {
  readonly #counts = new Uint32Array(size * size);
  readonly #last = new Map<number, number>();

  note(partition: number, event: SimulatedEvent): void {
    const next = indexOf.get(event) ?? 0;
    const last = this.#last.get(partition);
    this.#last.set(partition, next);
    if (last === undefined) return;
    const at = last * size + next;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** How often each pair was seen, to be added up over runs. */
  get counts(): Uint32Array {
    return this.#counts;
  }
}

/** A sum over runs. */
export class TransitionReport {
  readonly #counts = new Float64Array(size * size);

  add(counts: ArrayLike<number>): void {
    for (let i = 0; i < this.#counts.length; i += 1) {
      this.#counts[i] = (this.#counts[i] ?? 0) + (counts[i] ?? 0);
    }
  }

  get counts(): Float64Array {
    return this.#counts;
  }

  count(from: SimulatedEvent, to: SimulatedEvent): number {
    return this.#counts[(indexOf.get(from) ?? 0) * size + (indexOf.get(to) ?? 0)] ?? 0;
  }

  /** Pairs that were seen, and all there could be. */
  get covered(): number {
    return this.#counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  }

  get possible(): number {
    return size * size;
  }

  /** What never followed an event, by that event. */
  neverSeen(): Map<SimulatedEvent, SimulatedEvent[]> {
    const missing = new Map<SimulatedEvent, SimulatedEvent[]>();
    for (const from of simulatedEvents) {
      const never = simulatedEvents.filter((to) => this.count(from, to) === 0);
      if (never.length > 0) missing.set(from, never);
    }
    return missing;
  }
}

import type { RetentionPin, RetentionPins } from './retention-health.ts';

/** So many pins are told one by one; of the others only how much it is in all. */
const WORST_COUNT = 10;

export const NO_PINS: RetentionPins = {
  partitions: 0,
  queuePartitions: 0,
  records: 0,
  bytes: 0,
  worst: [],
};

/** What is pinned, and when it was told last: all of it at once, when something of it is new, and again once in a while. */
export class PinBook {
  readonly #repeatMs: number;
  #known = new Set<string>();
  #told: { readonly pins: RetentionPins; readonly names: string; readonly atMs: number } | undefined;
  #current = NO_PINS;

  constructor(repeatMs: number) {
    this.#repeatMs = repeatMs;
  }

  /** Whether what there is now is to be told. */
  isDue(found: readonly RetentionPin[], nowMs: number): boolean {
    if (found.length === 0) return false;
    const toldAtMs = this.#told?.atMs ?? Number.NEGATIVE_INFINITY;
    return nowMs - toldAtMs >= this.#repeatMs || found.some((pin) => !this.#known.has(nameOf(pin)));
  }

  /** That is all there is now; it was just told, in these words, or not. */
  note(found: readonly RetentionPin[], told: RetentionPins | undefined, nowMs: number): void {
    this.#known = new Set(found.map(nameOf));
    if (told !== undefined) this.#told = { pins: told, names: namesOf(found), atMs: nowMs };
    if (found.length === 0) this.#told = undefined;
    this.#current = told ?? this.#merge(found);
  }

  get current(): RetentionPins {
    return this.#current;
  }

  /** How old and how large it is was asked for when it was told. */
  #merge(found: readonly RetentionPin[]): RetentionPins {
    if (this.#told === undefined) return sumOf(found);
    const { pins, names } = this.#told;
    const known = new Map(pins.worst.map((pin) => [subjectOf(pin), pin]));
    const worst = worstOf(found).map((pin) => {
      const before = known.get(subjectOf(pin));
      if (before === undefined) return pin;
      return { ...pin, ageMs: Math.max(before.ageMs, pin.ageMs), bytes: before.bytes };
    });
    return { ...sumOf(found), bytes: names === namesOf(found) ? pins.bytes : undefined, worst };
  }
}

/** Those with the most records. */
function worstOf(found: readonly RetentionPin[]): readonly RetentionPin[] {
  return [...found].sort((a, b) => b.records - a.records).slice(0, WORST_COUNT);
}

export function sumOf(found: readonly RetentionPin[]): RetentionPins {
  const records = found.reduce((sum, pin) => sum + pin.records, 0);
  const bytes = found.reduce<number | undefined>((sum, pin) => add(sum, pin.bytes), 0);
  const queuePartitions = found.filter(({ by }) => by.kind === 'task' || by.kind === 'group').length;
  return { partitions: found.length, queuePartitions, records, bytes, worst: worstOf(found) };
}

function add(sum: number | undefined, bytes: number | undefined): number | undefined {
  return sum === undefined || bytes === undefined ? undefined : sum + bytes;
}

function nameOf({ topic, partition }: RetentionPin): string {
  return `${topic}/${partition}`;
}

function subjectOf(pin: RetentionPin): string {
  return `${nameOf(pin)} ${pin.by.kind} ${pin.offset}`;
}

function namesOf(found: readonly RetentionPin[]): string {
  return found.map(subjectOf).sort().join();
}

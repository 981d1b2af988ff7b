import { createHash } from 'node:crypto';

/** When a run is to fail: before the chunk is stored, or after it, which makes the next run meet what it finds. */
export type FailurePoint = 'before-storing' | 'after-storing';

/** The failure that a handler throws because the demonstration asked for it. */
export class PlannedFailureError extends Error {
  override readonly name = 'PlannedFailureError';
}

/** About one chunk in nine fails at first, and one in three of those fails twice. */
const FAILING_IN = 9;
const TWICE_IN = 3;

/** Failures decided beforehand by a seed: the same seed fails the same chunks of the same captures, on any machine. */
export class FailurePlan {
  readonly #planned = new Map<string, FailurePoint[]>();

  constructor(
    seed: number,
    chunks: Iterable<{ readonly id: string; readonly capture: string; readonly sequence: number }>,
  ) {
    for (const { id, capture, sequence } of chunks) {
      const points = pointsFor(`${seed}/${capture}/${sequence}`);
      if (points.length > 0) this.#planned.set(id, points);
    }
  }

  static none(): FailurePlan {
    return new FailurePlan(0, []);
  }

  /** Whether this run of a task is to fail; each planned failure happens once. */
  next(id: string): FailurePoint | undefined {
    return this.#planned.get(id)?.shift();
  }
}

function pointsFor(name: string): FailurePoint[] {
  const bytes = createHash('sha256').update(name).digest();
  const [whether, howOften, first, second] = bytes;
  if (whether === undefined || howOften === undefined || first === undefined || second === undefined)
    return [];
  if (whether % FAILING_IN !== 0) return [];
  const points = [pointOf(first)];
  if (howOften % TWICE_IN === 0) points.push(pointOf(second));
  return points;
}

function pointOf(byte: number): FailurePoint {
  return byte % 2 === 0 ? 'before-storing' : 'after-storing';
}

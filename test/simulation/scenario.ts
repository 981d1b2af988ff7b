/** Ways to break the engine on purpose, so that the simulation shows it would notice. */
export const mutants = [
  'none',
  'commit-plus-one',
  'drop-one',
  'drop-swept',
  'swap-two',
  'two-at-once',
  'ignored-revoke',
  'ack-twice',
  'old-epoch',
  'commit-by-its-offset',
  'fold-all-partitions',
  'no-range',
  'start-unacked',
  'confirm-without-ack',
  'zombie-commit-trusted',
  'position-of-a-former-assignment',
  'inspect-before-the-answer',
] as const;

export type Mutant = (typeof mutants)[number];

export interface Scenario {
  readonly seed: number;
  readonly partitions: number;
  readonly keys: number;
  readonly steps: number;
  /** Chances that a step enqueues, and that a handler which could end does. */
  readonly enqueueRate: number;
  readonly endRate: number;
  /** The tasks of one key take so long that they outlive their partition. */
  readonly slowKey: string | undefined;
  readonly workers: number;
  /** Bytes; small ones make lanes drop and sweep. */
  readonly budgetBytes: number;
  readonly concurrency: number;
  readonly commitIntervalMs: number;
  /** Crashes, expulsions and refused or doubtful requests happen. */
  readonly faults: boolean;
  /** A commit may arrive after a newer one: then what is finished runs again, and nothing else may happen. */
  readonly overtaking: boolean;
  readonly mutant: Mutant;
}

/** A scenario that follows from its seed alone. */
export function scenarioOf(seed: number, mutant: Mutant = 'none'): Scenario {
  const mix = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  return {
    seed,
    partitions: 1 + (mix % 3),
    keys: 2 + ((mix >>> 3) % 7),
    steps: 400 + ((mix >>> 6) % 400),
    enqueueRate: [0.18, 0.3][(mix >>> 8) % 2] ?? 0.18,
    endRate: [1, 1, 0.25][(mix >>> 22) % 3] ?? 1,
    slowKey: (mix >>> 24) % 3 === 0 ? 'key-0' : undefined,
    workers: 1 + ((mix >>> 10) % 3),
    budgetBytes: [600, 1_500, 100_000][(mix >>> 12) % 3] ?? 600,
    commitIntervalMs: (mix >>> 27) % 2 === 0 ? 50 : 250,
    concurrency: 1 + ((mix >>> 14) % 6),
    faults: (mix >>> 17) % 4 !== 0,
    overtaking: (mix >>> 20) % 2 === 0,
    mutant,
  };
}

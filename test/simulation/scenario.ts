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
  'last-word-unheard',
  'copy-before-mark',
  'finished-before-copy',
  'copies-reversed',
  'cleared-unwritten',
  'progress-unwritten',
  'marks-forgotten',
  'redrive-reversed',
  'queue-beside-redrive',
  'dedupe-across-marks',
  'parked-end-too-early',
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
  /** Chance that a failing handler gives up, and what becomes of its task. */
  readonly giveUpRate: number;
  readonly afterGiveUp: 'parkKey' | 'parkTask' | 'wait';
  /** Chance that in a step an operator acts. */
  readonly operatorRate: number;
  /** Some tasks end their process, and nothing else does. */
  readonly killers: boolean;
  /** Crashes, expulsions and refused or doubtful requests happen. */
  readonly faults: boolean;
  /** A commit may arrive after a newer one: then what is finished runs again, and nothing else may happen. */
  readonly overtaking: boolean;
  /** Chance that a commit of a worker that was expelled does not reach the coordinator. */
  readonly cutOff: number;
  /** Chance that who takes a partition waits long for what it reads. */
  readonly slowAnswers: number;
  readonly mutant: Mutant;
}

const faulty = { faults: true, killers: false, operatorRate: 0 } as const;
const parking = { faults: true, giveUpRate: 0.6, operatorRate: 0.06, killers: false } as const;

/** Worlds in which a mutant matters. */
const worldOf: Partial<Record<Mutant, Partial<Scenario>>> = {
  'commit-by-its-offset': faulty,
  'zombie-commit-trusted': { ...faulty, overtaking: true },
  'inspect-before-the-answer': { ...faulty, overtaking: false, workers: 1, endRate: 1, slowKey: undefined },
  'last-word-unheard': {
    ...parking,
    overtaking: true,
    workers: 2,
    operatorRate: 0.12,
    cutOff: 0,
    slowAnswers: 0.5,
  },
  'progress-unwritten': {
    ...parking,
    overtaking: false,
    operatorRate: 0.12,
    afterGiveUp: 'parkKey',
    keys: 2,
  },
  'cleared-unwritten': { ...parking, overtaking: false },
  'dedupe-across-marks': parking,
};

/** A scenario that follows from its seed alone. */
export function scenarioOf(seed: number, mutant: Mutant = 'none'): Scenario {
  const mix = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  const second = Math.imul(mix ^ 0x27d4eb2f, 0x85ebca6b) >>> 0;
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
    giveUpRate: [0, 0.3, 0.6][second % 3] ?? 0,
    afterGiveUp: (['parkKey', 'parkKey', 'parkTask', 'wait'] as const)[(second >>> 4) % 4] ?? 'parkKey',
    operatorRate: [0, 0.02, 0.06][(second >>> 8) % 3] ?? 0,
    killers: (second >>> 12) % 4 === 0,
    faults: (mix >>> 17) % 4 !== 0,
    overtaking: (mix >>> 20) % 2 === 0,
    cutOff: (second >>> 16) % 2 === 0 ? 0.9 : 0.2,
    slowAnswers: (second >>> 18) % 4 === 0 ? 0.5 : 0,
    ...worldOf[mutant],
    mutant,
  };
}

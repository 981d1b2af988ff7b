import type { AfterGiveUp } from '../../src/worker/core/type-policy.ts';
import type { Mutant } from './mutant-list.ts';
import { type SimulatedType, typesOf } from './task-types.ts';

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
  /** Some tasks hold memory beside their records. */
  readonly contents: boolean;
  readonly concurrency: number;
  readonly commitIntervalMs: number;
  /** Chance that a failing handler gives up, and what becomes of its task. */
  readonly giveUpRate: number;
  readonly afterGiveUp: AfterGiveUp;
  /** Some tasks are large: their parts are copied before them. */
  readonly largeTasks: boolean;
  /** What types its tasks have; the plain one comes first. */
  readonly types: readonly SimulatedType[];
  /** Chance that in a step an operator acts. */
  readonly operatorRate: number;
  /** Chance that in a step a worker is told to stop. */
  readonly stopRate: number;
  /** Chance that in a step all handlers of a type begin to fail. */
  readonly outageRate: number;
  /** Some tasks end their process, and nothing else does. */
  readonly killers: boolean;
  /**
   * Who ends one process after the other is given up. Only where nothing but tasks ends them: one that runs alone when its
   * process is killed or cut off would look as if it had ended it, and overtaken commits leave out starts and ends.
   */
  readonly condemns: boolean;
  /** Crashes, expulsions and refused or doubtful requests happen. */
  readonly faults: boolean;
  /** A commit may arrive after a newer one: then what is finished runs again, and nothing else may happen. */
  readonly overtaking: boolean;
  /** Chance that a commit of a worker that was expelled does not reach the coordinator. */
  readonly cutOff: number;
  /** Nothing else disturbs the group than that it expels workers. */
  readonly onlyExpels: boolean;
  /** Chance that who takes a partition waits long for what it reads. */
  readonly slowAnswers: number;
  /** Chance that in a step a quarter of an hour passes. */
  readonly longPauses: number;
  /** Chance that in a step somebody deletes records that are not done. */
  readonly lossRate: number;
  readonly mutant: Mutant;
}

const faulty = { faults: true, killers: false, operatorRate: 0 } as const;
const parking = { faults: true, giveUpRate: 0.6, operatorRate: 0.06, killers: false } as const;

interface Traits extends Omit<Scenario, 'types' | 'condemns' | 'longPauses' | 'mutant'> {
  /** Tasks are of several types. */
  readonly variety: boolean;
  /** Some tasks need no order, and are not to run before a time. */
  readonly delays: boolean;
}

const plain = { variety: false, delays: false, stopRate: 0, outageRate: 0 } as const;
const varied = { variety: true, operatorRate: 0 } as const;
const stopping = { stopRate: 0.01, operatorRate: 0 } as const;
const failing = { outageRate: 0.02, variety: true, workers: 1, operatorRate: 0, killers: false } as const;
const delayed = { delays: true, operatorRate: 0, killers: false } as const;
const weighty = { contents: true, operatorRate: 0, killers: false } as const;
/** A mutant shows in the worlds that it was made for. */
const calm = { lossRate: 0 } as const;
const losing = { lossRate: 0.006, operatorRate: 0 } as const;
const crashing = { killers: true, overtaking: false, afterGiveUp: 'parkKey', workers: 1 } as const;

/** Worlds in which a mutant matters. */
const worldOf: Partial<Record<Mutant, Partial<Traits>>> = {
  'commit-by-its-offset': faulty,
  'copy-before-parts': { largeTasks: true },
  'zombie-commit-trusted': { ...faulty, ...plain, overtaking: true },
  // Somebody takes what another is still at work on.
  'ignored-revoke': { workers: 3, endRate: 0.25, slowKey: 'key-0', overtaking: false },
  'inspect-before-the-answer': { ...faulty, overtaking: false, workers: 1, endRate: 1, slowKey: undefined },
  'last-word-unheard': {
    ...parking,
    ...plain,
    overtaking: false,
    workers: 2,
    operatorRate: 0.12,
    giveUpRate: 1,
    cutOff: 0,
    slowAnswers: 1,
    endRate: 1,
    slowKey: undefined,
    commitIntervalMs: 50,
    onlyExpels: true,
    keys: 8,
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
  'parked-end-as-told': parking,
  'limit-by-recorded-name': varied,
  'one-more-at-once': varied,
  'rate-of-half-the-time': varied,
  'hold-of-one-name': { variety: true, operatorRate: 0.06 },
  'policy-of-another-type': varied,
  'moved-unwritten': delayed,
  'copy-due-at-once': delayed,
  'stop-unheard': stopping,
  'last-commit-unsent': { ...stopping, overtaking: false },
  'outage-unnoticed': failing,
  'attempts-counted-in-outage': failing,
  'probes-at-once': failing,
  'given-up-in-outage': failing,
  'alone-beside-others': {
    ...crashing,
    ...plain,
    faults: false,
    operatorRate: 0,
    keys: 14,
    partitions: 2,
    concurrency: 6,
    enqueueRate: 0.3,
    endRate: 1,
  },
  'condemned-beside-others': crashing,
  'loss-unseen-by-owners': losing,
  'loss-unnoticed': losing,
  'accepted-by-nobody': losing,
  'loss-passed-over': losing,
  'content-half-counted': { ...weighty, concurrency: 6 },
  'content-given-back-late': weighty,
  'nobody-called-for-memory': weighty,
};

/** A scenario that follows from its seed alone. */
export function scenarioOf(seed: number, mutant: Mutant = 'none'): Scenario {
  const { variety, delays, ...traits } = {
    ...traitsOf(seed),
    ...(mutant === 'none' ? {} : calm),
    ...worldOf[mutant],
  };
  const types = typesOf(hash(seed ^ 0x165667b1), { variety, delays, afterGiveUp: traits.afterGiveUp });
  const condemns = traits.killers && !traits.overtaking;
  return {
    ...traits,
    ...(traits.outageRate > 0 ? crowded(traits) : {}),
    steps: condemns ? 2 * traits.steps : traits.steps, // it takes three crashes
    condemns,
    types,
    longPauses: delays ? 0.01 : 0,
    mutant,
  };
}

function traitsOf(seed: number): Traits {
  const mix = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  const third = hash(mix ^ 0x85ebca77);
  const second = Math.imul(mix ^ 0x27d4eb2f, 0x85ebca6b) >>> 0;
  return {
    seed,
    largeTasks: seed % 2 === 1,
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
    onlyExpels: false,
    variety: (third >>> 1) % 3 !== 0,
    delays: (third >>> 5) % 3 === 0,
    stopRate: [0, 0.003, 0.01][(third >>> 9) % 3] ?? 0,
    outageRate: (third >>> 12) % 3 === 0 ? 0.02 : 0,
    lossRate: (third >>> 19) % 4 === 0 ? 0.004 : 0,
    contents: (third >>> 16) % 2 === 0,
  };
}

/** It takes many keys to tell what is down from tasks that fail. */
function crowded({
  keys,
  workers,
  concurrency,
}: Pick<Traits, 'keys' | 'workers' | 'concurrency'>): Partial<Scenario> {
  return {
    keys: keys + 24,
    workers: Math.min(2, workers),
    concurrency: Math.max(4, concurrency),
    enqueueRate: 0.3,
    endRate: 1,
    slowKey: undefined,
  };
}

function hash(value: number): number {
  return Math.imul(value ^ (value >>> 15), 0x9e3779b1) >>> 0;
}

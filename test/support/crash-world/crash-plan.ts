import type { CoreConfig } from '../../../src/worker/core/core-state.ts';

export interface CrashPlan {
  readonly seed: number;
  readonly processes: number;
  /** Queues; each process has a worker of each. */
  readonly queues: number;
  readonly partitions: number;
  readonly tasks: number;
  readonly keys: number;
  readonly killers: number;
  /** Kills from outside, by chance. They spare a process in which one suspect runs alone: nobody could tell them apart. */
  readonly kills: number;
  readonly config: Partial<CoreConfig>;
}

const baseConfig: Omit<CoreConfig, 'scope'> = {
  taskId: () => undefined,
  afterGiveUp: () => 'wait',
  concurrency: 8,
  commitIntervalMs: 200,
  drainMs: 1_000,
  startAhead: { min: 2, max: 64 },
  suspectsAtOnce: 4,
  suspectStarts: 2,
  retry: { minDelayMs: 10, maxDelayMs: 100, giveUpAfterMs: Number.POSITIVE_INFINITY, maxAttempts: undefined },
  probe: { minMs: 10, maxMs: 50 },
  partitionBytes: 1_000_000,
  lookAheadCount: 2,
  trackedTasks: 100_000,
  listedTasks: 10_000,
  confirmIntervalMs: 3_600_000,
};

/** Of the worker that each process has of a queue. */
export function configOf(plan: CrashPlan, queue: number): CoreConfig {
  return { ...baseConfig, scope: `q${queue}`, ...plan.config };
}

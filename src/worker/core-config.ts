import { readNotBefore } from '../codec/not-before.ts';
import { readHead } from '../codec/read-record.ts';
import type { Retention } from '../options/retention.ts';
import type { TaskRegistry } from '../tasks/task-registry.ts';
import { HORIZON_MAX } from './core/commit-metadata.ts';
import type { CoreConfig } from './core/core-state.ts';
import type { SharedBudget } from './core/shared-budget.ts';
import { contentBytes } from './reading/content-bytes.ts';
import type { ResolvedWorkerOptions } from './worker-options.ts';

/** The core's view of the options. */
export function coreConfig(
  options: ResolvedWorkerOptions,
  scope: string,
  {
    registry,
    budget,
    retention,
  }: {
    readonly registry: TaskRegistry;
    readonly budget: SharedBudget;
    readonly retention: Pick<Retention, 'confirmIntervalMs'>;
  },
): CoreConfig {
  const nameOf = (recorded: string): string => registry.forRecord(recorded)?.type ?? recorded;
  return {
    scope,
    taskId: (item) => {
      const read = readHead(item.record);
      return read.kind === 'task' ? read.head.id : undefined;
    },
    notBeforeMs: (item) =>
      registry.forRecord(item.type)?.unordered === true ? readNotBefore(item.record) : undefined,
    afterGiveUp: (recorded) => options.ofType(nameOf(recorded)).afterGiveUp,
    contentBytes: ({ record }) => contentBytes(record, (recorded) => registry.forRecord(recorded)?.body),
    concurrency: options.concurrency,
    commitIntervalMs: options.commitIntervalMs,
    drainMs: options.rebalance.drainMs,
    startAhead: { min: 32, max: HORIZON_MAX },
    suspectsAtOnce: Math.max(1, Math.min(32, options.concurrency >> 1)),
    suspectStarts: 2,
    retry: options.ofType('').retry,
    typePolicy: (recorded) => {
      const name = nameOf(recorded);
      const { retry, concurrency, rateLimit } = options.ofType(name);
      return { name, retry, concurrency, rateLimit };
    },
    // Within 10 s of its return a dependency is noticed and everything goes on.
    probe: { minMs: 200, maxMs: 5_000 },
    partitionBytes: Math.max(1024 * 1024, Math.floor(budget.limitBytes / 8)),
    lookAheadCount: 2,
    trackedTasks: 500_000,
    listedTasks: 10_000,
    confirmIntervalMs: retention.confirmIntervalMs,
  };
}

import type { Clock } from '../../clock/clock.ts';
import type { Admin } from '../../kafka/admin.ts';
import type { KafkaDriver } from '../../kafka/driver.ts';
import type { Retention } from '../../options/retention.ts';
import type { Emitter } from '../../telemetry/emitter.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { StateJournal } from '../journal/state-journal.ts';
import type { WorkerEvents } from '../worker-events.ts';
import type { FreshCommits } from './fresh-commits.ts';
import { PurgeRounds, type PurgeTopics } from './purge-round.ts';
import { Purger } from './purger.ts';
import { lookForOldTasks } from './time-alarm.ts';
import { UploadTimeouts } from './upload-timeouts.ts';

interface RetentionDeps {
  readonly driver: Pick<KafkaDriver, 'embedded'>;
  readonly group: string;
  readonly groups: readonly string[];
  readonly retention: Retention;
  readonly topics: PurgeTopics;
  readonly journal: StateJournal;
  readonly commits: FreshCommits;
  readonly commitIntervalMs: number;
  /** Those of the worker. */
  readonly partitions: () => Iterable<PartitionState>;
  readonly admin: () => Promise<Admin>;
  readonly clock: Clock;
  readonly events: Emitter<WorkerEvents>;
  readonly logger: Logger;
}

/** What looks after finished tasks while a worker runs. The embedded cluster deletes what it likes by itself. */
export function openPurger(
  deps: RetentionDeps,
): { readonly purger: Purger; readonly uploads: UploadTimeouts } | undefined {
  const { retention, topics, journal, clock, logger, commits } = deps;
  if (deps.driver.embedded !== undefined) return undefined;
  const { queue, state, parked, parts } = topics;
  const uploads = new UploadTimeouts(retention.uploadTimeoutMs, (metMs, declaredMs) =>
    logger.warn(
      `a producer of '${queue.name}' gives uploads ${metMs} ms, and this worker's queue says ${declaredMs}: declare the same uploadTimeoutMs everywhere`,
    ),
  );
  const rounds =
    retention.kind === 'keep-finished'
      ? new PurgeRounds({
          ...deps,
          retention,
          commitMs: deps.commitIntervalMs * 2 + 10_000,
          uploadTimeoutMs: () => uploads.longestMs,
          monotonicMs: () => clock.monotonicMs(),
        })
      : { run: lookForOldTasks({ topic: queue.name, retention }) };
  const times = retention.kind === 'keep-finished' ? [queue, state, parked, parts] : [queue, state];
  const purger = new Purger({
    retention,
    topics: times.map(({ name }) => name),
    round: (round) => rounds.run(round),
    brokerNowMs: () => journal.brokerNowMs(),
    running: () => [...deps.partitions()].filter(({ phase }) => phase === 'running'),
    admin: deps.admin,
    clock,
    events: deps.events,
    onStop: () => commits.close(),
  });
  return { purger, uploads };
}

/** What no mark speaks of in the parked topic may be deleted when it is that old, and somewhat older. */
export function needlessAfterMs(retention: Retention): number {
  if (retention.kind !== 'keep-finished') return Number.POSITIVE_INFINITY;
  return retention.keepFinishedMs + retention.uploadTimeoutMs;
}

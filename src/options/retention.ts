import { z } from 'zod';
import { option } from './parse-options.ts';

/**
 * How long what is finished is kept: for rewinds, and to look back. Unfinished tasks are not meant, except by `timeMs`. The
 * same in every producer and worker of the queue. See docs/retention.md.
 */
export type RetentionOptions =
  | {
      /**
       * Workers delete records whose tasks every group of `groups` has finished, once they are older than this, in
       * milliseconds by the brokers' clocks: at least 1,000, default 86,400,000 (a day). Unfinished tasks are kept for as
       * long as it takes. Longer: a group can be set back further, and disks hold more. Kafka: DeleteRecords, so workers need
       * Delete on the queue's topics.
       */
      readonly keepFinishedMs: number;
      readonly timeMs?: never;
    }
  | {
      /**
       * Kafka deletes records older than this, in milliseconds, *finished or not*; at least 1,000. For clusters that insist on
       * a limit, and for principals that may not delete. Much longer than the longest time that workers may be away or
       * behind; shorter loses tasks. `retention-alarm` tells when an unfinished task is half as old. Kafka: retention.ms.
       */
      readonly timeMs: number;
      readonly keepFinishedMs?: never;
    };

/** What follows from the options about age, for all that keep or delete. */
interface Ages {
  /** From the append of an upload's first part to that of its manifest, at most. */
  readonly uploadTimeoutMs: number;
  /** How often a worker writes down in the journal, beside its commits, what is finished. */
  readonly confirmIntervalMs: number;
  /** How often a worker looks for what can be deleted, or may soon be lost. */
  readonly purgeIntervalMs: number;
}

/** Records are deleted by their owners, some time after their tasks were finished. */
export interface KeepFinished extends Ages {
  readonly kind: 'keep-finished';
  readonly keepFinishedMs: number;
}

/** Records are deleted by Kafka, by their age alone. */
export interface KeepForTime extends Ages {
  readonly kind: 'keep-for-time';
  readonly timeMs: number;
  /** Kafka deletes whole segments: what it keeps beyond `timeMs`. Kafka: segment.ms of the queue's topic. */
  readonly segmentMs: number;
  /** Longer than any manifest that names them. Kafka: retention.ms of the parts topic. */
  readonly partsMs: number;
}

export type Retention = KeepFinished | KeepForTime;

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const TEN_YEARS_MS = 3_650 * DAY_MS;

export const DEFAULT_KEEP_FINISHED_MS = DAY_MS;
export const DEFAULT_UPLOAD_TIMEOUT_MS = 30 * MINUTE_MS;
/** Shorter ones leave nothing for the brokers' clocks to differ by. */
export const LEAST_UPLOAD_TIMEOUT_MS = SECOND_MS;

/** Kafka's own segment.ms. */
const LONGEST_SEGMENT_MS = 7 * DAY_MS;

const age = (cure: string): z.ZodOptional<z.ZodInt> =>
  option(
    z.int().min(SECOND_MS).max(TEN_YEARS_MS).optional(),
    'must be a whole number of milliseconds, at least 1,000 and at most ten years',
    cure,
  );

/** The one declaration of {@link RetentionOptions}. */
export const retentionOptions = z
  .strictObject({
    keepFinishedMs: age('Leave retention out for a day (86,400,000).'),
    timeMs: age("Give Kafka's retention.ms, much longer than workers may be away."),
  })
  .refine(({ keepFinishedMs, timeMs }) => (keepFinishedMs === undefined) !== (timeMs === undefined), {
    params: {
      rule: 'must be { keepFinishedMs } or { timeMs }, and not both',
      cure: 'Leave it out for { keepFinishedMs: 86_400_000 }, a day.',
    },
  });

/** Everything that follows from checked options. */
export function resolveRetention(
  { keepFinishedMs, timeMs }: z.output<typeof retentionOptions>,
  uploadTimeoutMs: number,
): Retention {
  if (timeMs === undefined) {
    const keepMs = keepFinishedMs ?? DEFAULT_KEEP_FINISHED_MS;
    return {
      kind: 'keep-finished',
      keepFinishedMs: keepMs,
      purgeIntervalMs: between(SECOND_MS, Math.round(keepMs / 4), MINUTE_MS),
      uploadTimeoutMs,
      confirmIntervalMs: between(SECOND_MS, keepMs, HOUR_MS),
    };
  }
  const segmentMs = Math.min(LONGEST_SEGMENT_MS, timeMs);
  return {
    kind: 'keep-for-time',
    timeMs,
    segmentMs,
    // A manifest lives up to a segment longer than its time, and its first part is older by as much as the upload took.
    partsMs: timeMs + segmentMs + uploadTimeoutMs + partsMarginMs(uploadTimeoutMs),
    uploadTimeoutMs,
    // What the journal says is to be in the log still when a commit is found damaged.
    confirmIntervalMs: between(SECOND_MS, Math.round(timeMs / 4), HOUR_MS),
    purgeIntervalMs: between(SECOND_MS, Math.round(timeMs / 4), MINUTE_MS),
  };
}

/** How much longer than needed parts are kept: brokers' clocks differ, and deleting takes its time. */
export function partsMarginMs(uploadTimeoutMs: number): number {
  return Math.min(10 * MINUTE_MS, Math.floor(uploadTimeoutMs / 3));
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}

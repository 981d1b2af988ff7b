import type { RetryPolicy } from './retry.ts';

/** So many starts in any stretch of time. */
export interface RateLimit {
  readonly count: number;
  readonly perMs: number;
}

/** What becomes of a task that is not tried any more. */
export type AfterGiveUp = 'parkKey' | 'parkTask' | 'wait';

/** What holds for the tasks of one type. */
export interface TypePolicy {
  /** The type's present name, whatever name a record carries. */
  readonly name: string;
  readonly retry: RetryPolicy;
  /** Tasks of it under way at once in this worker. */
  readonly concurrency: number;
  readonly rateLimit: RateLimit | undefined;
}

/** How a failing task is tried again. */
export interface RetryPolicy {
  /** First pause, milliseconds. */
  readonly minDelayMs: number;
  /** Longest pause, milliseconds. */
  readonly maxDelayMs: number;
  /** Give up this long after the first failure. */
  readonly giveUpAfterMs: number;
  /** Give up after this many failed attempts; undefined = only by time. */
  readonly maxAttempts: number | undefined;
}

/**
 * Pause before the next attempt: doubled each time up to the maximum, spread by up to 20 % either way so that keys which
 * failed together do not come back together. The spread follows from the offset, so a schedule can be replayed.
 */
export function retryDelayMs(policy: RetryPolicy, failedAttempts: number, offset: number): number {
  const plain = Math.min(policy.maxDelayMs, policy.minDelayMs * 2 ** Math.min(failedAttempts - 1, 30));
  const spread = (Math.imul(offset + failedAttempts * 7919, 0x9e3779b1) >>> 0) / 2 ** 32;
  return Math.round(plain * (0.8 + 0.4 * spread));
}

/** Whether a task that just failed for the n-th time is given up. */
export function isGivenUp(
  policy: RetryPolicy,
  failure: { readonly attempts: number; readonly firstFailedAtMs: number; readonly nowMs: number },
): boolean {
  if (policy.maxAttempts !== undefined && failure.attempts >= policy.maxAttempts) return true;
  return failure.nowMs - failure.firstFailedAtMs >= policy.giveUpAfterMs;
}

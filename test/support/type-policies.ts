import type { RateLimit, TypePolicy } from '../../src/worker/core/type-policy.ts';

interface Limits {
  readonly concurrency?: number;
  readonly rateLimit?: RateLimit;
}

const retry = { minDelayMs: 100, maxDelayMs: 100, giveUpAfterMs: 1e9, maxAttempts: undefined };

/** Policies by type; types named `old ...` are aliases. */
export function limiting(limits: Readonly<Record<string, Limits>>) {
  return (recorded: string): TypePolicy => {
    const name = recorded.replace(/^old /, '');
    const { concurrency = Number.POSITIVE_INFINITY, rateLimit } = limits[name] ?? {};
    return { name, retry, concurrency, rateLimit };
  };
}

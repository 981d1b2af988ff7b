import { z } from 'zod';
import { option } from '../options/parse-options.ts';
import type { RetryPolicy } from './core/retry.ts';
import type { AfterGiveUp, RateLimit } from './core/type-policy.ts';
import type { Classify } from './running/classify.ts';

/** How a failing task is tried again. It is retried in place: its key waits, other keys go on. */
export interface RetryOptions {
  /** First pause, milliseconds; doubled each time, spread by 20 %. Default 200; never above `maxDelayMs`. */
  readonly minDelayMs?: number | undefined;
  /** Longest pause, milliseconds. Default 60,000; never below `minDelayMs`. */
  readonly maxDelayMs?: number | undefined;
  /** Give up this long after the first failure, milliseconds. Default 24 hours. */
  readonly giveUpAfterMs?: number | undefined;
  /** Give up after this many failed tries as well. Default: only by time. */
  readonly maxAttempts?: number | undefined;
  /**
   * Says what an error that a handler threw means for its task. Undefined leaves it to the next one: a type's is asked
   * before the worker's, and without an answer the task is tried again. Not asked about errors that decide by themselves
   * (`RetryLaterError`, `ParkError`, `DiscardError`), nor when the work no longer counts. If it throws, `hook-failed`
   * says so and the task is tried again.
   */
  readonly classify?: Classify | undefined;
}

/** What differs for the tasks of one type. */
export interface TypeOptions {
  /** What is left out is as in the worker's `retry`. */
  readonly retry?: RetryOptions | undefined;
  /** Default: the worker's. */
  readonly afterGiveUp?: AfterGiveUp | undefined;
  /**
   * Tasks of this type under way at once in this worker. Default: as many as there are slots. Lower: spares what they
   * use; other types go on in the slots that are left.
   */
  readonly concurrency?: number | undefined;
  /**
   * At most `count` starts of this type in any `perMs` milliseconds, in this worker; retries are starts, too. Default:
   * no limit. With n workers the type starts n times as often.
   */
  readonly rateLimit?: RateLimit | undefined;
}

const ms = (least: number) =>
  z
    .int()
    .min(least)
    .max(2 ** 31 - 1);

/** The first and the longest one, milliseconds. */
const PAUSES = { minDelayMs: 200, maxDelayMs: 60_000 };
const PAUSE = 'a whole number of milliseconds >= 1';

const retry = {
  minDelayMs: option(ms(1).optional(), PAUSE, 'Leave it out for 200.'),
  maxDelayMs: option(ms(1).optional(), PAUSE, 'Leave it out for 60,000.'),
  giveUpAfterMs: option(ms(1).optional(), PAUSE, 'Leave it out for 24 hours.'),
  maxAttempts: option(
    z.int().min(1).optional(),
    'a whole number >= 1',
    'Leave it out to give up by time only.',
  ),
  classify: option(
    z.custom<Classify>((value) => typeof value === 'function').optional(),
    'a function from the error and the context to a verdict',
    "Return 'retry', 'park', 'discard', { retryLaterMs } or undefined.",
  ),
};

/** Worker and types take the same. */
export const retrySchema = z.strictObject(retry);

export const afterGiveUpSchema = option(
  z.enum(['parkKey', 'parkTask', 'wait']).optional(),
  "'parkKey', 'parkTask' or 'wait'",
  "Leave it out for 'parkKey'.",
);

const typeSchema = z.strictObject({
  retry: retrySchema.optional(),
  afterGiveUp: afterGiveUpSchema,
  concurrency: option(
    z.int().min(1).max(10_000).optional(),
    'a whole number from 1 to 10,000',
    "Leave it out for the worker's.",
  ),
  rateLimit: option(
    z.strictObject({ count: z.int().min(1).max(1_000_000), perMs: ms(1) }).optional(),
    '{ count: 1 to 1,000,000, perMs: a whole number of milliseconds >= 1 }',
    'Leave it out for no limit.',
  ),
});

/** One entry for each type there is, all of them optional. */
export function typesSchema(types: readonly string[]) {
  return z.strictObject(Object.fromEntries(types.map((type) => [type, typeSchema.optional()]))).prefault({});
}

type GivenRetry = z.output<typeof retrySchema>;
type GivenType = z.output<typeof typeSchema>;

/** What holds for a type, everything filled in. */
export interface ResolvedType {
  readonly retry: RetryPolicy;
  /** The functions to ask, in order. */
  readonly classify: readonly Classify[];
  readonly afterGiveUp: AfterGiveUp;
  readonly concurrency: number;
  readonly rateLimit: RateLimit | undefined;
}

/** The worker's options and those of one type, the latter first. */
export function resolveType(
  worker: { readonly retry: GivenRetry; readonly afterGiveUp?: AfterGiveUp | undefined },
  type: GivenType = {},
): ResolvedType {
  const own = type.retry ?? {};
  const common = worker.retry;
  return {
    retry: {
      minDelayMs: own.minDelayMs ?? common.minDelayMs ?? PAUSES.minDelayMs,
      maxDelayMs: own.maxDelayMs ?? common.maxDelayMs ?? PAUSES.maxDelayMs,
      giveUpAfterMs: own.giveUpAfterMs ?? common.giveUpAfterMs ?? 86_400_000,
      maxAttempts: own.maxAttempts ?? common.maxAttempts,
    },
    classify: [own.classify, common.classify].filter((classify) => classify !== undefined),
    afterGiveUp: type.afterGiveUp ?? worker.afterGiveUp ?? 'parkKey',
    concurrency: type.concurrency ?? Number.POSITIVE_INFINITY,
    rateLimit: type.rateLimit,
  };
}

/** What is wrong between two options that may come from different places. */
interface PauseProblem {
  readonly path: readonly string[];
  readonly rule: string;
  readonly cure: string;
}

/** First pauses that are longer than the longest one. */
export function pauseProblems(
  common: GivenRetry,
  types: Readonly<Record<string, GivenType | undefined>>,
): readonly PauseProblem[] {
  const problems = [pauseProblem(['retry'], common, {})];
  for (const [type, differing] of Object.entries(types)) {
    if (differing?.retry !== undefined)
      problems.push(pauseProblem(['types', type, 'retry'], differing.retry, common));
  }
  return problems.filter((problem) => problem !== undefined);
}

/** Told of what was given here: of the first pause, unless only the longest was. */
function pauseProblem(at: readonly string[], own: GivenRetry, common: GivenRetry): PauseProblem | undefined {
  if (own.minDelayMs === undefined && own.maxDelayMs === undefined) return undefined;
  const from = (name: keyof typeof PAUSES): { ms: number; whose: string } => {
    if (own[name] !== undefined) return { ms: own[name], whose: '' };
    if (common[name] !== undefined) return { ms: common[name], whose: ' for the whole worker' };
    return { ms: PAUSES[name], whose: ' by default' };
  };
  const [first, longest] = [from('minDelayMs'), from('maxDelayMs')];
  if (first.ms <= longest.ms) return undefined;
  const which = ({ ms, whose }: typeof first): string => `which is ${ms.toLocaleString('en-US')}${whose}`;
  return own.minDelayMs !== undefined
    ? {
        path: [...at, 'minDelayMs'],
        rule: `must not be above maxDelayMs, ${which(longest)}`,
        cure: 'Lower it, or raise maxDelayMs.',
      }
    : {
        path: [...at, 'maxDelayMs'],
        rule: `must not be below minDelayMs, ${which(first)}`,
        cure: 'Raise it, or lower minDelayMs.',
      };
}

import { TaskAbortedError } from '../../errors/control-errors.ts';
import type { Verdict } from '../core/effects.ts';
import { verdictOf } from '../core/verdict.ts';
import type { TaskContext } from './task-context.ts';

/**
 * What is to become of a task whose handler threw: `'retry'` as usual, `'park'` as if it had thrown a `ParkError`,
 * `'discard'` as if it had thrown a `DiscardError`, or another try after a pause, as with a `RetryLaterError`.
 */
export type FailureVerdict =
  | 'retry'
  | 'park'
  | 'discard'
  | {
      /** The pause, milliseconds. */
      readonly retryLaterMs: number;
      /** Whether this try counts towards giving up. Default false. */
      readonly countAttempt?: boolean | undefined;
    };

export type Classify = (error: unknown, ctx: TaskContext) => FailureVerdict | undefined;

/** How what a handler threw is to be taken: the first answer counts. */
export function classifyError(
  error: unknown,
  {
    classify,
    context,
    onThrown,
  }: {
    readonly classify: readonly Classify[];
    readonly context: TaskContext;
    readonly onThrown: (error: unknown) => void;
  },
): Verdict {
  const plain = verdictOf(error);
  if (plain.kind !== 'retry' || plain.delayMs !== undefined || isVoid(context)) return plain;
  for (const ask of classify) {
    try {
      const verdict = verdictFrom(ask(error, context), error);
      if (verdict !== undefined) return verdict;
    } catch (thrown) {
      onThrown(thrown);
      return plain;
    }
  }
  return plain;
}

/** What the handler did no longer counts. */
function isVoid({ signal }: TaskContext): boolean {
  const { reason }: { reason?: unknown } = signal;
  return reason instanceof TaskAbortedError && reason.reason !== 'timeout';
}

function verdictFrom(answer: FailureVerdict | undefined, error: unknown): Verdict | undefined {
  switch (answer) {
    case undefined:
      return undefined;
    case 'retry':
      return { kind: 'retry', delayMs: undefined, countAttempt: true, error };
    case 'park':
      return { kind: 'give-up', error };
    case 'discard':
      return { kind: 'discard', reason: error instanceof Error ? error.message : String(error) };
    default:
      return retryLater(answer, error);
  }
}

function retryLater(answer: unknown, error: unknown): Verdict {
  const delayMs = typeof answer === 'object' && answer !== null && Reflect.get(answer, 'retryLaterMs');
  if (typeof delayMs !== 'number' || !Number.isFinite(delayMs) || delayMs < 0) {
    throw new TypeError(
      "classify must return 'retry', 'park', 'discard', { retryLaterMs: a number >= 0 } or undefined",
    );
  }
  return {
    kind: 'retry',
    delayMs,
    countAttempt: Reflect.get(answer as object, 'countAttempt') === true,
    error,
  };
}

import { isControlError } from '../../errors/control-errors.ts';
import type { Verdict } from './effects.ts';

/** How what a handler threw is to be taken. */
export function verdictOf(error: unknown): Verdict {
  if (isControlError(error, 'RETRY_LATER')) {
    const { delayMs, countAttempt } = error as { delayMs: number; countAttempt: boolean }; // told by its code
    return { kind: 'retry', delayMs, countAttempt, error };
  }
  if (isControlError(error, 'DISCARD')) {
    const { reason } = error as { reason: string }; // told by its code
    return { kind: 'discard', reason };
  }
  if (isControlError(error, 'PARK')) return { kind: 'give-up', error };
  return { kind: 'retry', delayMs: undefined, countAttempt: true, error };
}

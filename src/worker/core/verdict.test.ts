import { describe, expect, it } from 'vitest';
import { DiscardError, ParkError, RetryLaterError } from '../../errors/control-errors.ts';
import { verdictOf } from './verdict.ts';

describe('what a handler threw', () => {
  it('is a failure that counts and is tried again after the pause of its retry policy', () => {
    const error = new Error('it broke');
    expect(verdictOf(error)).toEqual({ kind: 'retry', delayMs: undefined, countAttempt: true, error });
  });

  it.each([undefined, null, 'text', 7, {}, { code: 'PARK' }])('may be anything: %s', (error) => {
    expect(verdictOf(error)).toEqual({ kind: 'retry', delayMs: undefined, countAttempt: true, error });
  });

  it('asks for a pause as long as it says, and counts as a try only when it says so', () => {
    const later = new RetryLaterError(700);
    expect(verdictOf(later)).toEqual({ kind: 'retry', delayMs: 700, countAttempt: false, error: later });
    const counted = new RetryLaterError(0, { countAttempt: true });
    expect(verdictOf(counted)).toEqual({ kind: 'retry', delayMs: 0, countAttempt: true, error: counted });
  });

  it('says that no work is needed any more, and why', () => {
    expect(verdictOf(new DiscardError('paid already'))).toEqual({ kind: 'discard', reason: 'paid already' });
  });

  it('says that trying again is useless', () => {
    const error = new ParkError('no such account');
    expect(verdictOf(error)).toEqual({ kind: 'give-up', error });
  });

  it('is told by its code when another installed copy of the package made it', () => {
    const foreign = {
      [Symbol.for('keylane.error')]: true,
      code: 'RETRY_LATER',
      delayMs: 5,
      countAttempt: true,
    };
    expect(verdictOf(foreign)).toEqual({ kind: 'retry', delayMs: 5, countAttempt: true, error: foreign });
  });
});

import { describe, expect, it } from 'vitest';
import { DiscardError, ParkError, RetryLaterError, TaskAbortedError } from '../../errors/control-errors.ts';
import type { Verdict } from '../core/effects.ts';
import { type Classify, classifyError } from './classify.ts';
import type { TaskContext } from './task-context.ts';

const failure = new Error('boom');

/** What becomes of an error, and what the functions asked threw. */
function judge(
  error: unknown,
  classify: readonly Classify[],
  signal: AbortSignal = new AbortController().signal,
): { verdict: Verdict; thrown: unknown[] } {
  const thrown: unknown[] = [];
  const context = { id: '1', signal } as TaskContext; // all that is looked at here
  const verdict = classifyError(error, { classify, context, onThrown: (what) => thrown.push(what) });
  return { verdict, thrown };
}

describe('the answer', () => {
  it.each<[ReturnType<Classify>, Verdict]>([
    ['retry', { kind: 'retry', delayMs: undefined, countAttempt: true, error: failure }],
    ['park', { kind: 'give-up', error: failure }],
    ['discard', { kind: 'discard', reason: 'boom' }],
    [{ retryLaterMs: 5 }, { kind: 'retry', delayMs: 5, countAttempt: false, error: failure }],
    [
      { retryLaterMs: 0, countAttempt: true },
      { kind: 'retry', delayMs: 0, countAttempt: true, error: failure },
    ],
    [undefined, { kind: 'retry', delayMs: undefined, countAttempt: true, error: failure }],
  ])('%j is what becomes of the task', (answer, verdict) => {
    expect(judge(failure, [() => answer])).toEqual({ verdict, thrown: [] });
  });
});

it('the first function that says something decides, and is told the error and the context', () => {
  const asked: unknown[] = [];
  const first: Classify = (error, { id }) => void asked.push([error, id]);
  expect(judge(failure, [first, () => 'park', () => 'discard']).verdict).toEqual({
    kind: 'give-up',
    error: failure,
  });
  expect(asked).toEqual([[failure, '1']]);
});

it('errors that decide by themselves are not classified', () => {
  const never: Classify = () => {
    throw new Error('was asked');
  };
  const later = new RetryLaterError(7);
  const parked = new ParkError('no use');
  expect(judge(later, [never]).verdict).toMatchObject({ kind: 'retry', delayMs: 7 });
  expect(judge(parked, [never]).verdict).toEqual({ kind: 'give-up', error: parked });
  expect(judge(new DiscardError('old'), [never]).verdict).toEqual({ kind: 'discard', reason: 'old' });
});

it('a timeout is classified; what no longer counts is not', () => {
  const timeout = new TaskAbortedError('timeout');
  expect(judge(timeout, [() => 'park'], AbortSignal.abort(timeout)).verdict.kind).toBe('give-up');
  const lost = new TaskAbortedError('partition-lost');
  expect(judge(failure, [() => 'park'], AbortSignal.abort(lost)).verdict.kind).toBe('retry');
});

it.each<[string, unknown]>([
  ['a word that there is not', 'prak'],
  ['a pause below zero', { retryLaterMs: -1 }],
  ['a promise', Promise.resolve('park')],
])('%s is an error of its own, and the task is tried again', (_what, answer) => {
  const { verdict, thrown } = judge(failure, [() => answer as 'park', () => 'discard']);
  expect(verdict).toMatchObject({ kind: 'retry', delayMs: undefined, countAttempt: true, error: failure });
  expect(thrown).toEqual([expect.any(TypeError)]);
});

it('a function that throws is reported, and the task is tried again', () => {
  const bug = new Error('bug');
  const { verdict, thrown } = judge(failure, [
    () => {
      throw bug;
    },
  ]);
  expect([verdict.kind, thrown]).toEqual(['retry', [bug]]);
});

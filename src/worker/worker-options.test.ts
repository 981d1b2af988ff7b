import { expect, it } from 'vitest';
import { OptionsError } from '../errors/options-error.ts';
import { resolveWorkerOptions } from './worker-options.ts';

const types = ['recording.events', 'mail.send'];

function problems(given: unknown): OptionsError['problems'] {
  try {
    resolveWorkerOptions(given, types);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  throw new Error('they were taken');
}

const plain = { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined };

it('without options every type is alike', () => {
  expect(resolveWorkerOptions(undefined, types).ofType('mail.send')).toEqual({
    retry: plain,
    classify: [],
    afterGiveUp: 'parkKey',
    concurrency: Number.POSITIVE_INFINITY,
    rateLimit: undefined,
  });
});

it("a type's options go before the worker's, one by one", () => {
  const ofWorker = (): undefined => undefined;
  const ofType = (): undefined => undefined;
  const options = resolveWorkerOptions(
    {
      retry: { minDelayMs: 5, maxAttempts: 9, classify: ofWorker },
      afterGiveUp: 'wait',
      types: {
        'mail.send': {
          retry: { maxAttempts: 3, classify: ofType },
          afterGiveUp: 'parkTask',
          concurrency: 2,
          rateLimit: { count: 10, perMs: 1_000 },
        },
      },
    },
    types,
  );
  expect(options.ofType('mail.send')).toEqual({
    retry: { ...plain, minDelayMs: 5, maxAttempts: 3 },
    classify: [ofType, ofWorker],
    afterGiveUp: 'parkTask',
    concurrency: 2,
    rateLimit: { count: 10, perMs: 1_000 },
  });
  expect(options.ofType('recording.events')).toMatchObject({
    retry: { ...plain, minDelayMs: 5, maxAttempts: 9 },
    classify: [ofWorker],
    afterGiveUp: 'wait',
  });
});

it('a type that the queue does not have is refused, with the one that was probably meant', () => {
  expect(problems({ types: { 'mail.sned': { concurrency: 1 } } })).toMatchObject([
    { path: 'types.mail.sned', rule: 'is not an option', cure: "Did you mean 'mail.send'?" },
  ]);
  expect(problems({ types: { invoices: {} } })).toMatchObject([
    { path: 'types.invoices', cure: 'Known options: recording.events, mail.send.' },
  ]);
});

it.each([
  [{ afterGiveUp: 'park' }, 'afterGiveUp'],
  [{ retry: { classify: 'retry' } }, 'retry.classify'],
  [{ types: { 'mail.send': { concurrency: 0 } } }, 'types.mail.send.concurrency'],
  [{ types: { 'mail.send': { rateLimit: { count: 1 } } } }, 'types.mail.send.rateLimit.perMs'],
  [{ types: { 'mail.send': { retry: { minDelay: 1 } } } }, 'types.mail.send.retry.minDelay'],
])('%j is refused, at %s', (given, path) => {
  expect(problems(given)).toMatchObject([{ path }]);
});

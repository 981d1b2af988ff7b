import { expect, it } from 'vitest';
import { OptionsError } from '../errors/options-error.ts';
import { resolveWorkerOptions } from './worker-options.ts';

const queue = { types: ['recording.events', 'mail.send'], queue: 'q', groups: ['q'] };

function problems(given: unknown): OptionsError['problems'] {
  try {
    resolveWorkerOptions(given, queue);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  throw new Error('they were taken');
}

const plain = { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined };

it('without options every type is alike', () => {
  expect(resolveWorkerOptions(undefined, queue).ofType('mail.send')).toEqual({
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
    queue,
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

it.each<[string, unknown, { path: string; rule: string; value: string }]>([
  [
    "the worker's own",
    { retry: { minDelayMs: 500, maxDelayMs: 100 } },
    { path: 'retry.minDelayMs', rule: 'must not be above maxDelayMs, which is 100', value: '500' },
  ],
  [
    'the default longest one',
    { retry: { minDelayMs: 60_001 } },
    {
      path: 'retry.minDelayMs',
      rule: 'must not be above maxDelayMs, which is 60,000 by default',
      value: '60001',
    },
  ],
  [
    'one below the default first one',
    { retry: { maxDelayMs: 199 } },
    { path: 'retry.maxDelayMs', rule: 'must not be below minDelayMs, which is 200 by default', value: '199' },
  ],
  [
    "a type's longest one below the worker's first one",
    { retry: { minDelayMs: 500 }, types: { 'mail.send': { retry: { maxDelayMs: 499 } } } },
    {
      path: 'types.mail.send.retry.maxDelayMs',
      rule: 'must not be below minDelayMs, which is 500 for the whole worker',
      value: '499',
    },
  ],
  [
    "a type's first one above its longest one",
    { types: { 'mail.send': { retry: { minDelayMs: 8, maxDelayMs: 7 } } } },
    {
      path: 'types.mail.send.retry.minDelayMs',
      rule: 'must not be above maxDelayMs, which is 7',
      value: '8',
    },
  ],
])('a first pause that is longer than the longest is refused: %s', (_what, given, problem) => {
  expect(problems(given)).toEqual([{ ...problem, cure: expect.stringMatching(/^(Raise|Lower) it, or/) }]);
});

it("a worker's pauses that do not fit are said once, not again for each type", () => {
  const given = { retry: { minDelayMs: 2, maxDelayMs: 1 }, types: { 'mail.send': { concurrency: 1 } } };
  expect(problems(given)).toMatchObject([{ path: 'retry.minDelayMs' }]);
});

it('pauses that are all alike are taken', () => {
  expect(resolveWorkerOptions({ retry: { minDelayMs: 5, maxDelayMs: 5 } }, queue).ofType('x').retry).toEqual({
    ...plain,
    minDelayMs: 5,
    maxDelayMs: 5,
  });
});

it('the group has to be one that the queue declares', () => {
  const one = { ...queue, groups: ['billing'] };
  expect(resolveWorkerOptions({ group: 'billing' }, one).group).toBe('billing');
  expect(() => resolveWorkerOptions({ group: 'other' }, one)).toThrow(
    /group: must be one of the queue's groups \(billing\), .*'other'.* Add 'other' to groups: .* in every process/s,
  );
  expect(() => resolveWorkerOptions({}, one)).toThrow(/'q'/);
});

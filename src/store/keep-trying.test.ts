import { expect, it } from 'vitest';
import { keepTrying } from './keep-trying.ts';

const never = new AbortController().signal;
const mayPass = (): boolean => true;

/** A request that nobody answers. */
const unanswered = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

it('tries again when nobody has answered, also when that took all the time there was', async () => {
  let tries = 0;
  const answered = keepTrying(
    async (signal) => {
      tries += 1;
      return tries < 3 ? await unanswered(signal) : tries;
    },
    { forMs: 20, eachMs: 20, signal: never, mayPass },
  );
  expect(await answered).toBe(3);
});

it('gives each try longer than the one before: it may have been on its way', async () => {
  const lasted: number[] = [];
  const failed = keepTrying(
    async (signal) => {
      const from = performance.now();
      try {
        return await unanswered(signal);
      } finally {
        lasted.push(performance.now() - from);
      }
    },
    { forMs: 20, eachMs: 40, signal: never, mayPass },
  );
  await expect(failed).rejects.toThrow('nothing came of it in 160 ms');
  // Timers may be early by a millisecond, and late by anything.
  expect(lasted.map((ms, nth) => ms >= 40 * 2 ** nth - 2)).toEqual([true, true, true]);
});

it('does not try again what cannot pass', async () => {
  let tries = 0;
  const failed = keepTrying(
    () => {
      tries += 1;
      return Promise.reject(new Error('no'));
    },
    { forMs: 10_000, eachMs: 1_000, signal: never, mayPass: () => false },
  );
  await expect(failed).rejects.toThrow('no');
  expect(tries).toBe(1);
});

it('ends with its signal, in a try and in a pause', async () => {
  const inTry = new AbortController();
  const trying = keepTrying(unanswered, { forMs: 9_000, eachMs: 9_000, signal: inTry.signal, mayPass });
  inTry.abort(new Error('enough'));
  await expect(trying).rejects.toThrow('enough');

  const inPause = new AbortController();
  const pausing = keepTrying(
    () => {
      setImmediate(() => inPause.abort(new Error('enough')));
      return Promise.reject(new Error('no'));
    },
    { forMs: 9_000, eachMs: 9_000, signal: inPause.signal, mayPass },
  );
  await expect(pausing).rejects.toThrow('enough');
});

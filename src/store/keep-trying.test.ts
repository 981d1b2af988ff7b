import { expect, it } from 'vitest';
import { ManualClock } from '../clock/manual-clock.ts';
import { keepTrying } from './keep-trying.ts';

const never = new AbortController().signal;
const mayPass = (): boolean => true;

/** A request that nobody answers. */
const unanswered = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

it('tries again when nobody has answered, also when that took all the time there was', async () => {
  const clock = new ManualClock();
  let tries = 0;
  const answered = keepTrying(
    async (signal) => {
      tries += 1;
      return tries < 3 ? await unanswered(signal) : tries;
    },
    { forMs: 1_000, eachMs: 1_000, signal: never, mayPass, clock },
  );
  await clock.advance(60_000);
  expect(await answered).toBe(3);
  expect(clock.pendingCount).toBe(0);
});

it('gives each try longer than the one before: it may have been on its way', async () => {
  const clock = new ManualClock();
  const lasted: number[] = [];
  const failed = keepTrying(
    async (signal) => {
      const fromMs = clock.monotonicMs();
      try {
        return await unanswered(signal);
      } finally {
        lasted.push(clock.monotonicMs() - fromMs);
      }
    },
    { forMs: 1_000, eachMs: 1_000, signal: never, mayPass, clock },
  ).catch((error: unknown) => error);
  await clock.advance(60_000);
  expect(await failed).toMatchObject({ message: 'nothing came of it in 4000 ms' });
  expect(lasted).toEqual([1_000, 2_000, 4_000]);
});

it('goes on for as long as it may, with pauses that grow up to 5 s', async () => {
  const clock = new ManualClock(0);
  const triedAt: number[] = [];
  const failed = keepTrying(
    () => {
      triedAt.push(clock.monotonicMs());
      return Promise.reject(new Error('no'));
    },
    { forMs: 17_000, eachMs: 1_000, signal: never, mayPass, clock },
  ).catch((error: unknown) => error);
  await clock.advance(60_000);
  expect(await failed).toMatchObject({ message: 'no' });
  expect(triedAt).toEqual([0, 200, 600, 1_400, 3_000, 6_200, 11_200, 16_200]);
});

it('does not try again what cannot pass', async () => {
  const clock = new ManualClock();
  let tries = 0;
  const failed = keepTrying(
    () => {
      tries += 1;
      return Promise.reject(new Error('no'));
    },
    { forMs: 10_000, eachMs: 1_000, signal: never, mayPass: () => false, clock },
  );
  await expect(failed).rejects.toThrow('no');
  expect([tries, clock.pendingCount]).toEqual([1, 0]);
});

it('ends with its signal, in a try and in a pause', async () => {
  const clock = new ManualClock();
  const inTry = new AbortController();
  const trying = keepTrying(unanswered, {
    forMs: 9_000,
    eachMs: 9_000,
    signal: inTry.signal,
    mayPass,
    clock,
  });
  inTry.abort(new Error('enough'));
  await expect(trying).rejects.toThrow('enough');

  const inPause = new AbortController();
  const pausing = keepTrying(() => Promise.reject(new Error('no')), {
    forMs: 9_000,
    eachMs: 9_000,
    signal: inPause.signal,
    mayPass,
    clock,
  }).catch((error: unknown) => error);
  await clock.advance(100);
  inPause.abort(new Error('enough'));
  expect(await pausing).toMatchObject({ message: 'enough' });
  expect(clock.pendingCount).toBe(0);
});

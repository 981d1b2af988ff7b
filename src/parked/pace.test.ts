import { expect, it } from 'vitest';
import { ManualClock } from '../clock/manual-clock.ts';
import { paceOf } from './pace.ts';

/** When each of some commands is sent, ms from the first. */
async function sendTimes(perSecond: number | undefined, count: number, appendMs = 0): Promise<number[]> {
  const clock = new ManualClock(0);
  const { signal } = new AbortController();
  const pace = paceOf(clock, perSecond);
  const times: number[] = [];
  let done = false;
  const sending = (async () => {
    while (times.length < count) {
      for (let n = 0; n < pace.count && times.length < count; n += 1) times.push(clock.monotonicMs());
      if (appendMs > 0) await new Promise<void>((resolve) => clock.setTimer(appendMs, resolve));
      await pace.pause(signal);
    }
    done = true;
  })();
  while (!done) await clock.advance(50);
  await sending;
  return times;
}

it('a slow pace is one command at a time', async () => {
  expect(await sendTimes(2, 4)).toEqual([0, 500, 1_000, 1_500]);
});

it('a fast pace is a tenth of a second at a time', async () => {
  const times = await sendTimes(100, 40);
  expect(times.filter((ms) => ms === 0)).toHaveLength(10);
  expect(times.at(-1)).toBe(300);
});

it('no more than the limit are sent in any second, also after brokers were slow', async () => {
  const times = await sendTimes(10, 40, 130);
  for (const from of times) {
    expect(times.filter((ms) => ms >= from && ms < from + 1_000).length).toBeLessThanOrEqual(10);
  }
});

it('without a limit nothing waits', async () => {
  expect(new Set(await sendTimes(undefined, 600))).toEqual(new Set([0]));
});

it('a pause ends at once when it is no longer wanted', async () => {
  const clock = new ManualClock();
  const wanted = new AbortController();
  const paused = paceOf(clock, 0.01).pause(wanted.signal);
  wanted.abort();
  await paused;
  expect(clock.pendingCount).toBe(0);
});

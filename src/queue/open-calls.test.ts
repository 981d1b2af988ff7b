import { expect, it } from 'vitest';
import { ManualClock } from '../clock/manual-clock.ts';
import { OpenBody } from '../producer/upload/open-body.ts';
import { OpenCalls } from './open-calls.ts';

const reason = new Error('closed');
const never = (): Promise<never> => new Promise(() => {});

/** A call with a body whose source brings nothing, or has brought all. */
function called(calls: OpenCalls, source: 'silent' | 'ended'): { readonly signal: AbortSignal | undefined } {
  const silent = { [Symbol.asyncIterator]: () => ({ next: never }) };
  const body = new OpenBody(source === 'silent' ? silent : Buffer.alloc(2_000_000));
  const signal = calls.bodies.signalFor(body, undefined);
  const answer = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });
  calls.bodies.follow(body, answer);
  calls.track(answer).catch(() => {});
  return { signal };
}

it('ends at once when every call has its answer, good or bad', async () => {
  const clock = new ManualClock();
  const calls = new OpenCalls();
  await calls.track(Promise.resolve(7));
  await expect(calls.track(Promise.reject(new Error('no')))).rejects.toThrow('no');
  await calls.end({ timeoutMs: 60_000, reason, clock });
  expect(clock.pendingCount).toBe(0);
});

it('cuts off sources that have not ended after 10 s, and the others after the time that is given', async () => {
  const clock = new ManualClock();
  const calls = new OpenCalls();
  const unended = called(calls, 'silent');
  const waiting = called(calls, 'ended');
  const end = calls.end({ timeoutMs: 60_000, reason, clock });
  await clock.advance(9_999);
  expect([unended.signal?.aborted, waiting.signal?.aborted]).toEqual([false, false]);
  await clock.advance(1);
  expect([unended.signal?.reason, waiting.signal?.aborted]).toEqual([reason, false]);
  await clock.advance(50_000);
  expect(waiting.signal?.reason).toBe(reason);
  await end;
  expect(clock.pendingCount).toBe(0);
});

it('does not wait for sources longer than for all the rest', async () => {
  const clock = new ManualClock();
  const calls = new OpenCalls();
  const { signal } = called(calls, 'silent');
  const end = calls.end({ timeoutMs: 100, reason, clock });
  await clock.advance(100);
  expect(signal?.reason).toBe(reason);
  await end;
});

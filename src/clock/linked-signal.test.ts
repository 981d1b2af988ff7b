import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { linkSignals, withTimeLimit } from './linked-signal.ts';
import { ManualClock } from './manual-clock.ts';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** What nobody holds is gone after that. */
async function collectGarbage(): Promise<void> {
  if (typeof collect !== 'function') throw new Error('there is no gc()');
  await new Promise((resolve) => setTimeout(resolve));
  collect();
}

/** Rejects with the signal's reason; nothing else ends it, and nothing holds the signal but the wait. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

it('aborts with the first of its sources, for its reason', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const { signal } = linkSignals(one.signal, undefined, other.signal);
  expect(signal.aborted).toBe(false);
  const reason = new Error('enough');
  other.abort(reason);
  one.abort(new Error('later'));
  expect(signal.reason).toBe(reason);
});

it('is aborted from the start when a source is', () => {
  const reason = new Error('enough');
  expect(linkSignals(undefined, AbortSignal.abort(reason)).signal.reason).toBe(reason);
});

it('hears nothing after it was unlinked, and leaves nothing at its sources', () => {
  const source = new AbortController();
  const { signal, unlink } = linkSignals(source.signal);
  unlink();
  expect(getEventListeners(source.signal, 'abort')).toEqual([]);
  source.abort();
  expect(signal.aborted).toBe(false);
});

it('hears a timeout that nobody else holds, also after garbage was collected', async () => {
  const { signal } = linkSignals(new AbortController().signal, AbortSignal.timeout(60));
  const ended = untilAborted(signal);
  await collectGarbage();
  await expect(ended).rejects.toThrow(DOMException);
});

it('ends what takes longer than its time, also after garbage was collected', async () => {
  const clock = new ManualClock();
  const outer = new AbortController().signal;
  const ended = withTimeLimit({ ms: 60_000, clock, outer }, untilAborted);
  ended.catch(() => {});
  await collectGarbage();
  await clock.advance(60_000);
  await expect(ended).rejects.toThrow('nothing came of it in 60000 ms');
  expect(getEventListeners(outer, 'abort')).toEqual([]);
});

it('ends with the outer signal, and brings what ended in time', async () => {
  const clock = new ManualClock();
  const outer = new AbortController();
  const ended = withTimeLimit({ ms: 60_000, clock, outer: outer.signal }, untilAborted);
  outer.abort(new Error('enough'));
  await expect(ended).rejects.toThrow('enough');
  expect(await withTimeLimit({ ms: 60_000, clock }, async () => 7)).toBe(7);
  expect(clock.pendingCount).toBe(0);
});

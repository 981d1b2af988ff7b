import type { Clock } from '../clock/clock.ts';
import { withTimeLimit } from '../clock/linked-signal.ts';
import { pause } from '../clock/pause.ts';

/** Pauses between tries: this, then twice as long each time. */
const AGAIN_MS = 200;
const AGAIN_AT_MOST_MS = 5_000;

/** However long they take: the first ones may have hung on a connection that is dead. */
const LEAST_TRIES = 3;

interface Trying {
  /** Tried again for so long after the first try began, and {@link LEAST_TRIES} times in any case. */
  readonly forMs: number;
  /** A first try that takes longer is cut off, and has failed. The next one may take twice as long, and so on. */
  readonly eachMs: number;
  /** Ends all of it: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Whether that may pass. */
  readonly mayPass: (error: unknown) => boolean;
  readonly clock: Clock;
}

/** Does something again and again until it succeeds, or cannot; rejects with what the last try failed with. */
export async function keepTrying<T>(
  act: (signal: AbortSignal) => Promise<T>,
  { forMs, eachMs, signal, mayPass, clock }: Trying,
): Promise<T> {
  const endMs = clock.monotonicMs() + forMs;
  for (let tries = 1; ; tries += 1) {
    const pauseMs = Math.min(AGAIN_MS * 2 ** (tries - 1), AGAIN_AT_MOST_MS);
    signal.throwIfAborted();
    try {
      return await withTimeLimit({ ms: eachMs * 2 ** (tries - 1), clock, outer: signal }, act);
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error) || (tries >= LEAST_TRIES && clock.monotonicMs() + pauseMs >= endMs)) throw error;
      await pause({ clock, ms: pauseMs, signal });
    }
  }
}

import { setTimeout as pause } from 'node:timers/promises';

/** Pauses between tries: this, then twice as long each time. */
const AGAIN_MS = 200;
const AGAIN_AT_MOST_MS = 5_000;

interface Trying {
  /** Tried again for so long after the first try began. */
  readonly forMs: number;
  /** A single try that takes longer is cut off, and has failed. */
  readonly eachMs: number;
  /** Ends all of it: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Whether that may pass. */
  readonly mayPass: (error: unknown) => boolean;
}

/** Does something again and again until it succeeds, or cannot; rejects with what the last try failed with. */
export async function keepTrying<T>(
  act: (signal: AbortSignal) => Promise<T>,
  { forMs, eachMs, signal, mayPass }: Trying,
): Promise<T> {
  const endMs = performance.now() + forMs;
  for (let pauseMs = AGAIN_MS; ; pauseMs = Math.min(2 * pauseMs, AGAIN_AT_MOST_MS)) {
    signal.throwIfAborted();
    try {
      return await act(AbortSignal.any([signal, AbortSignal.timeout(eachMs)]));
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error) || performance.now() + pauseMs >= endMs) throw error;
      await pause(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
}

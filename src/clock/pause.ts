import type { Clock } from './clock.ts';

/** Resolves after a time, when the signal is aborted, or when the function is called that it puts among `wakers`. */
export function pause({
  clock,
  ms,
  signal,
  wakers,
}: {
  readonly clock: Clock;
  readonly ms: number;
  readonly signal?: AbortSignal;
  readonly wakers?: Set<() => void>;
}): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.clear();
      signal?.removeEventListener('abort', end);
      wakers?.delete(end);
      resolve();
    };
    const timer = clock.setTimer(ms, end);
    signal?.addEventListener('abort', end);
    wakers?.add(end);
    if (signal?.aborted === true) end();
  });
}

import type { Clock } from './clock.ts';

/** A signal that aborts with others, for as long as it is linked. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Ends it: nothing aborts it any more, and the others, which may outlive it by far, keep nothing of it. */
  readonly unlink: () => void;
}

/**
 * Not by `AbortSignal.any`: in Node.js 20 what it makes holds its sources so loosely that an `AbortSignal.timeout()` is
 * collected with its timer, and never fires.
 */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const linked = new AbortController();
  const unlinks = sources.map((source) => abortWith(linked, source));
  return {
    signal: linked.signal,
    unlink: () => {
      for (const unlink of unlinks) unlink();
    },
  };
}

/** Does something that has so long, and less if `outer` aborts. Its signal is all that tells it so. */
export async function withTimeLimit<T>(
  { ms, clock, outer }: { readonly ms: number; readonly clock: Clock; readonly outer?: AbortSignal },
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limited = new AbortController();
  const unlink = abortWith(limited, outer);
  const timer = clock.setTimer(ms, () => limited.abort(new Error(`nothing came of it in ${ms} ms`)));
  try {
    return await act(limited.signal);
  } finally {
    timer.clear();
    unlink();
  }
}

function abortWith(controller: AbortController, source: AbortSignal | undefined): () => void {
  if (source === undefined) return () => {};
  const onAbort = (): void => controller.abort(source.reason);
  if (source.aborted) onAbort();
  else source.addEventListener('abort', onAbort, { once: true });
  return () => source.removeEventListener('abort', onAbort);
}

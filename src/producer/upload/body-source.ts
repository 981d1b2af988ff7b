import { Readable } from 'node:stream';

/** What web streams have in common, this process's own and others. */
interface WebStream extends AsyncIterable<unknown> {
  readonly locked: boolean;
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

export function isStream(source: AsyncIterable<unknown>): source is Readable {
  return 'destroy' in source && typeof source.destroy === 'function' && 'on' in source;
}

function isWebStream(source: AsyncIterable<unknown>): source is WebStream {
  return 'getReader' in source && typeof source.getReader === 'function';
}

/** It does not begin anew when it is iterated again. */
export function isReadOnce(source: AsyncIterable<unknown>): boolean {
  return isStream(source) || isWebStream(source) || 'next' in source;
}

/**
 * Iterated, it would pass for an empty body. A stream that failed is none of these: its failure is told when its turn comes.
 * Of a web stream nobody can tell whether it was read to its end or in part.
 */
export function isSpent(source: AsyncIterable<unknown>): boolean {
  if (isStream(source))
    return source.readableEnded || (source.destroyed && (source.errored ?? null) === null);
  return isWebStream(source) && (source.locked || isDisturbed(source));
}

/** It knows web streams too, which its types do not say. */
function isDisturbed(source: WebStream): boolean {
  return Readable.isDisturbed(source as unknown as Readable);
}

export function iterate(source: AsyncIterable<unknown>): AsyncIterator<unknown> {
  return isWebStream(source) ? iterateWeb(source) : source[Symbol.asyncIterator]();
}

/** Its own iterator ends no read under way: what brings nothing would never be cancelled. */
function iterateWeb(source: WebStream): AsyncIterator<unknown> {
  const reader = source.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

import type { ReadPart } from '../../codec/part-list.ts';
import type { UploadParts } from './part-source.ts';

/**
 * Given to consumers between two collections. Measured beside polls of 2 MB: reading took 0.9 to 1.3 ms of CPU a MB with
 * 3 to 6 MiB, and 2.2 without collections.
 */
const COLLECT_EVERY_BYTES = 4 * 1024 * 1024;

/**
 * Once there are 8 MB more of Buffers than there were at the end of the last full collection, V8 begins the next one, and
 * marks the whole heap, whatever its size. What streams through a process is all Buffers, so that is every 20 MB or so,
 * and took more than half of the CPU time of reading. They die young: a collection of the young generation, of a
 * millisecond, frees them before that. V8 begins one of those for Buffers only when there are 32 MB.
 */
export class PartGarbage {
  readonly #collect: (() => void) | undefined;
  #bytes = 0;

  /** `collect`: of the young generation. Default: what the process exposes; where it exposes nothing, V8 is left to itself. */
  constructor(collect = exposedCollector()) {
    this.#collect = collect;
  }

  /** Counts what its consumer is given, and has likely let go of when it asks for more. */
  watch(source: UploadParts): UploadParts {
    if (this.#collect === undefined) return source;
    const nextPart = async (): Promise<ReadPart | undefined> => {
      const part = await source.nextPart();
      this.#given(part?.content.length ?? 0);
      return part;
    };
    return {
      nextPart,
      next: async () => (await nextPart())?.content,
      close: () => source.close(),
    };
  }

  #given(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COLLECT_EVERY_BYTES) return;
    this.#bytes = 0;
    this.#collect?.();
  }
}

/** There when the process was started with --expose-gc. */
function exposedCollector(): (() => void) | undefined {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  return () => {
    gc({ type: 'minor' });
  };
}

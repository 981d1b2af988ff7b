/** What a queue keeps large payloads and bodies in, in place of its parts topic: an object store, or a shared folder. */
export interface PayloadStore {
  /** Recorded with each task, to find what reads it: 1 to 32 of `a-z 0-9 . _ -`, the first a letter or digit. */
  readonly name: string;
  /**
   * Milliseconds within which others see what was written; 0: at once. A task whose object is missing for longer has lost
   * it. Default: 30,000, since shared folders remember what was not there, and some services copy to other places later.
   */
  readonly seenWithinMs?: number;
  /**
   * Writes an object of unknown length under a key that is used once. It is there whole when the promise has resolved, and
   * durable; until then nobody sees it. A chunk's memory is used again once the next one is asked for. When `content` throws or
   * `signal` aborts it rejects soon, with nothing of it going on, and leaves as little behind as it can.
   */
  put(key: string, content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<void>;
  /** The object's bytes from `from` on, counted from 0. Nothing is read ahead of whoever iterates, but for a few hundred KB. */
  get(key: string, options: GetOptions): AsyncIterable<Uint8Array>;
  /**
   * The same bytes under another key, both independent of each other from then on. When `signal` aborts it rejects soon; the
   * copy may then be there or not. When it has rejected it may be asked for once more with the same keys.
   */
  copy(from: string, to: string, options: CopyOptions): Promise<void>;
  /** Those that are not there count as deleted. */
  delete(keys: readonly string[]): Promise<void>;
  /**
   * Keys that begin with `prefix`, which ends in a slash, and come before `below` by their characters' order: the lowest ones,
   * in order. With what an interrupted `put` has left there under such a key, as far as the store knows of it.
   */
  listBelow(options: ListOptions): Promise<readonly string[]>;
}

export interface PutOptions {
  readonly signal: AbortSignal;
}

export interface CopyOptions {
  readonly signal: AbortSignal;
}

export interface GetOptions {
  readonly from: number;
  /** Ends the reading; the iteration rejects. */
  readonly signal: AbortSignal;
}

export interface ListOptions {
  readonly prefix: string;
  readonly below: string;
  readonly maxCount: number;
}

/** The stores that a queue reads from, by name. */
export type StoreSet = ReadonlyMap<string, PayloadStore>;

const name = /^[a-z0-9][a-z0-9._-]{0,31}$/;

export function isStoreName(value: unknown): value is string {
  return typeof value === 'string' && name.test(value);
}

/** What a queue reads from. */
export function storeSet(writes: PayloadStore | undefined, reads: readonly PayloadStore[]): StoreSet {
  const all = writes === undefined ? reads : [...reads, writes];
  return new Map(all.map((store) => [store.name, store]));
}

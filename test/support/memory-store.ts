import type {
  CopyOptions,
  GetOptions,
  ListOptions,
  PayloadStore,
  PutOptions,
} from '../../src/codec/payload-store.ts';
import { PayloadStoreError } from '../../src/errors/store-errors.ts';

/** What happens to one read of an object. */
export type ReadFate = (bytes: Buffer, from: number) => AsyncIterable<Uint8Array>;

/** Keeps objects in memory, and does with them what a test says. */
export class MemoryStore implements PayloadStore {
  readonly name: string;
  readonly objects = new Map<string, Buffer>();
  /** `put q/parts/...`, in order, when they begin. */
  readonly calls: string[] = [];
  /** Of reads yet to come, the next one first; when there is none they succeed. */
  readonly readFates: ReadFate[] = [];
  seenWithinMs = 0;
  chunkBytes = 1_000;
  /** What writing fails with; undefined: it does not. */
  refuses: Error | undefined;

  constructor(name = 'memory') {
    this.name = name;
  }

  async put(key: string, content: AsyncIterable<Uint8Array>, { signal }: PutOptions): Promise<void> {
    this.calls.push(`put ${key}`);
    if (this.refuses !== undefined) throw this.refuses;
    const chunks: Buffer[] = [];
    for await (const chunk of content) {
      signal.throwIfAborted();
      chunks.push(Buffer.from(chunk));
    }
    signal.throwIfAborted();
    this.objects.set(key, Buffer.concat(chunks));
  }

  async *get(key: string, { from, signal }: GetOptions): AsyncGenerator<Uint8Array, void> {
    this.calls.push(`get ${from}`);
    const bytes = this.objects.get(key);
    if (bytes === undefined) throw this.missing(key, 'read');
    const fate = this.readFates.shift() ?? ((all, at) => this.chunks(all, at));
    for await (const chunk of fate(bytes, from)) {
      signal.throwIfAborted();
      yield chunk;
    }
  }

  async copy(from: string, to: string, { signal }: CopyOptions): Promise<void> {
    this.calls.push(`copy ${from} ${to}`);
    signal.throwIfAborted();
    const bytes = this.objects.get(from);
    if (bytes === undefined) throw this.missing(from, 'copy');
    this.objects.set(to, bytes);
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.objects.delete(key);
  }

  async listBelow({ prefix, below, maxCount }: ListOptions): Promise<readonly string[]> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key < below);
    return keys.sort().slice(0, maxCount);
  }

  /** The bytes from there on, up to `to`, and then an end. */
  async *chunks(bytes: Buffer, from: number, to = bytes.length): AsyncGenerator<Buffer, void> {
    for (let at = from; at < to; at += this.chunkBytes)
      yield bytes.subarray(at, Math.min(to, at + this.chunkBytes));
  }

  missing(key: string, doing: string): PayloadStoreError {
    return new PayloadStoreError({ store: this.name, key, reason: 'missing' }, doing);
  }

  /** Changes what is there under the only key. */
  change(change: (bytes: Buffer) => Buffer): void {
    for (const [key, bytes] of this.objects) this.objects.set(key, change(Buffer.from(bytes)));
  }
}

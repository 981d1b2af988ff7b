import type { Clock } from '../../clock/clock.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { PartReading } from '../../codec/part-list.ts';
import type { StoreSet } from '../../codec/payload-store.ts';
import type { StoredObject } from '../../codec/stored-object.ts';
import { StoredSource } from '../../codec/stored-source.ts';
import { StoreMissingError } from '../../errors/store-errors.ts';
import type { UploadParts } from './part-source.ts';

interface ObjectFeedDeps {
  readonly stores: StoreSet;
  readonly clock: Clock;
}

interface ObjectJob {
  readonly manifest: BodyManifest;
  readonly object: StoredObject;
  readonly decoding: PartReading;
}

/** Reads uploads that are objects of stores, each by itself. */
export class ObjectFeed {
  readonly #deps: ObjectFeedDeps;
  readonly #sources = new Set<StoredSource>();
  #closed = false;

  constructor(deps: ObjectFeedDeps) {
    this.#deps = deps;
  }

  /** Whoever runs a task has memory for it: more than a reading of an object takes at once. */
  open({ object, manifest, decoding }: ObjectJob): UploadParts {
    const { clock, stores } = this.#deps;
    const store = stores.get(object.store);
    if (store === undefined) return nothing(new StoreMissingError(object.store));
    if (this.#closed) return nothing(new Error('the worker ends'));
    const onClosed = (closed: StoredSource): void => void this.#sources.delete(closed);
    const source = new StoredSource({ store, object, manifest, decoding, clock, onClosed });
    this.#sources.add(source);
    return source;
  }

  close(): void {
    this.#closed = true;
    for (const source of this.#sources) source.fail(new Error('the worker ends'));
  }
}

/** Of which nothing can be read, and why. */
function nothing(error: Error): UploadParts {
  const rejected = (): Promise<never> => Promise.reject(error);
  return { next: rejected, nextPart: rejected, close: () => {} };
}

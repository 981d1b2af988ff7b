import type { Clock } from '../../clock/clock.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { PartReading, ReadPart } from '../../codec/part-list.ts';
import type { StoreSet } from '../../codec/payload-store.ts';
import type { StoredObject } from '../../codec/stored-object.ts';
import { StoredSource } from '../../codec/stored-source.ts';
import { StoreMissingError } from '../../errors/store-errors.ts';
import type { Attempt } from '../core/shared-budget.ts';
import type { Claimant, PartReserve } from './part-reserve.ts';
import type { RunningReader, UploadParts } from './part-source.ts';

interface ObjectFeedDeps {
  readonly stores: StoreSet;
  readonly clock: Clock;
  /** For what is kept whole, and was not reserved before. */
  readonly reserve: PartReserve;
}

interface ObjectJob {
  readonly manifest: BodyManifest;
  readonly object: StoredObject;
  readonly decoding: PartReading;
  readonly whole: boolean;
  readonly reader: RunningReader | undefined;
}

/** Reads uploads that are objects of stores, each by itself. */
export class ObjectFeed {
  readonly #deps: ObjectFeedDeps;
  readonly #sources = new Set<StoredSource>();
  #closed = false;

  constructor(deps: ObjectFeedDeps) {
    this.#deps = deps;
  }

  /** Whoever runs a task has memory for it: more than a reading takes at once of an object that it does not keep. */
  open({ object, manifest, decoding, whole, reader }: ObjectJob): UploadParts {
    const { clock, stores, reserve } = this.#deps;
    const store = stores.get(object.store);
    if (store === undefined) return nothing(new StoreMissingError(object.store));
    if (this.#closed) return nothing(new Error('the worker ends'));
    let kept: WholeObject | undefined;
    const onClosed = (closed: StoredSource): void => {
      this.#sources.delete(closed);
      kept?.ended();
    };
    const source = new StoredSource({ store, object, manifest, decoding, clock, onClosed });
    this.#sources.add(source);
    if (whole) kept = new WholeObject(source, reserve, { bytes: manifest.bytes, reader });
    return kept ?? source;
  }

  close(): void {
    this.#closed = true;
    for (const source of this.#sources) source.fail(new Error('the worker ends'));
  }
}

/** A reading of which all is kept. It begins when there is memory for that, and has it until it is closed. */
class WholeObject implements UploadParts, Claimant {
  readonly windowBytes: number;
  readonly attempt: Attempt | undefined;
  readonly #source: StoredSource;
  readonly #reserve: PartReserve;
  #hasEnded = false;
  #wake: () => void = () => {};

  constructor(
    source: StoredSource,
    reserve: PartReserve,
    { bytes, reader }: { readonly bytes: number; readonly reader: RunningReader | undefined },
  ) {
    this.#source = source;
    this.#reserve = reserve;
    this.attempt = reader?.attempt;
    this.windowBytes = Math.max(0, bytes - (reader?.reservedBytes ?? 0));
  }

  async next(): Promise<Buffer | undefined> {
    return (await this.nextPart())?.content;
  }

  async nextPart(): Promise<ReadPart | undefined> {
    if (!this.#hasEnded && !this.#reserve.has(this)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#reserve.ask(this);
      });
    }
    return await this.#source.nextPart();
  }

  granted(): void {
    this.#wake();
  }

  /** Nothing more is read: whoever waits for memory is told why. */
  ended(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  close(): void {
    this.#source.close();
    this.#reserve.release(this);
  }
}

/** Of which nothing can be read, and why. */
function nothing(error: Error): UploadParts {
  const rejected = (): Promise<never> => Promise.reject(error);
  return { next: rejected, nextPart: rejected, close: () => {} };
}

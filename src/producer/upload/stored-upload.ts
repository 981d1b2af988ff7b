import type { Clock } from '../../clock/clock.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { PayloadStore } from '../../codec/payload-store.ts';
import { objectMarker } from '../../codec/stored-object.ts';
import { storedPart } from '../../codec/stored-parts.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';
import type { Appended } from '../core/item.ts';
import type { AppendPart, PartPlace } from './uploader.ts';

/** Where the objects of a queue go. */
export interface UploadStore {
  readonly store: PayloadStore;
  /** The key of an upload's object, by the offset of its marker. */
  readonly keyOf: (marker: number, upload: string) => string;
}

interface Begun {
  readonly marker: Appended;
  readonly sinceMs: number;
  readonly key: string;
  readonly content: Channel;
  /** Settles with the object. */
  readonly put: Promise<void>;
}

/**
 * One upload that goes into an object: its marker is appended where its first part would be, so that the brokers' clock says
 * when it began and their log how long it is needed. Then its parts are written, one after the other.
 */
export class StoredUpload {
  readonly #appendMarker: AppendPart;
  readonly #to: UploadStore;
  readonly #clock: Clock;
  #begun: Begun | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #bytes = 0;

  constructor(appendMarker: AppendPart, to: UploadStore, clock: Clock) {
    this.#appendMarker = appendMarker;
    this.#to = to;
    this.#clock = clock;
  }

  /** Resolves when the part's memory is free again, with the marker's place and the time that it is by the brokers' clock. */
  readonly append: AppendPart = (record, place) => {
    const written = this.#last.then(() => this.#write(record, place));
    this.#last = written.catch(() => {});
    return written;
  };

  /** The object is complete and durable when it resolves. */
  async complete(): Promise<void> {
    this.#begun?.content.end();
    await this.#begun?.put;
    // Only a store that is wrong could lose the end of an object; but it would be lost for good.
    if (this.#begun?.content.isDrained !== true) throw new Error(`${this.#to.store.name} was done too early`);
  }

  /** Resolves when nothing of it goes on. */
  async cancel(error: unknown): Promise<void> {
    this.#begun?.content.fail(error);
    await this.#begun?.put.catch(() => {});
  }

  /** Where its parts are, and since when. */
  get place(): Pick<BodyManifest, 'from' | 'to' | 'object' | 'firstAtMs'> {
    if (this.#begun === undefined) throw new Error('an upload has at least one byte');
    const { key, marker } = this.#begun;
    const object = { store: this.#to.store.name, key };
    return { from: 0, to: this.#bytes - 1, object, firstAtMs: marker.timestampMs };
  }

  async #write(record: OutgoingRecord, place: PartPlace): Promise<Appended> {
    place.signal.throwIfAborted();
    this.#begun ??= await this.#begin(place);
    const { marker, sinceMs, content } = this.#begun;
    for (const bytes of storedPart(record)) {
      await content.give(bytes);
      this.#bytes += bytes.length;
    }
    return { ...marker, timestampMs: marker.timestampMs + this.#clock.monotonicMs() - sinceMs };
  }

  async #begin(place: PartPlace): Promise<Begun> {
    const { store, keyOf } = this.#to;
    const sinceMs = this.#clock.monotonicMs();
    const marker = await this.#appendMarker(objectMarker(place.upload), place);
    const key = keyOf(marker.offset, place.upload);
    const content = new Channel();
    const { signal } = place;
    signal.addEventListener('abort', () => content.fail(signal.reason), { once: true });
    const put = store.put(key, content, { signal });
    put.then(
      () => content.fail(new Error(`${store.name} was done too early`)),
      (error: unknown) => content.fail(error),
    );
    return { marker, sinceMs, key, content, put };
  }
}

/** Hands chunks from one to another, who has done with a chunk when it asks for the next one. */
class Channel implements AsyncIterable<Buffer> {
  #chunk: Buffer | undefined;
  #ended: { readonly error: unknown } | 'whole' | undefined;
  #isTaken = false;
  #isDrained = false;
  #wakeReader: () => void = () => {};
  #wakeWriter: () => void = () => {};

  /** Its reader has been told that this is all. */
  get isDrained(): boolean {
    return this.#isDrained;
  }

  /** Resolves when it was taken and is not needed any more. Rejects when it never will be. */
  async give(chunk: Buffer): Promise<void> {
    this.#chunk = chunk;
    this.#wakeReader();
    while (this.#chunk === chunk) {
      if (typeof this.#ended === 'object') throw this.#ended.error;
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  end(): void {
    this.#ended ??= 'whole';
    this.#wakeReader();
  }

  fail(error: unknown): void {
    this.#ended = { error };
    this.#wakeReader();
    this.#wakeWriter();
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return { next: () => this.#next() };
  }

  async #next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#isTaken) {
      this.#isTaken = false;
      this.#chunk = undefined;
      this.#wakeWriter();
    }
    for (;;) {
      if (typeof this.#ended === 'object') throw this.#ended.error;
      if (this.#chunk !== undefined) {
        this.#isTaken = true;
        return { done: false, value: this.#chunk };
      }
      if (this.#ended === 'whole') {
        this.#isDrained = true;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }
}

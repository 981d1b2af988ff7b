import type { Clock } from '../clock/clock.ts';
import { pause } from '../clock/pause.ts';
import { BodyUnreadableError, type PartsLostError } from '../errors/body-errors.ts';
import { isStoreError, PayloadStoreError } from '../errors/store-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import type { BodyManifest } from './manifest.ts';
import { PartList, type PartReading, type ReadPart } from './part-list.ts';
import type { PayloadStore } from './payload-store.ts';
import type { StoredObject } from './stored-object.ts';
import { StoredParts } from './stored-parts.ts';

/** Reading that brings nothing for so long has failed. */
const STALLED_MS = 30_000;

/** What is not there for so long is gone, unless its store says otherwise. */
const SEEN_WITHIN_MS = 30_000;

/** A connection that brings nothing for so long is given up for another one. */
const SILENT_MS = 10_000;

/** Pauses before it is tried again from where it broke off: this, then twice as long each time. */
const AGAIN_MS = 200;
const AGAIN_AT_MOST_MS = 5_000;

interface StoredSourceDeps {
  readonly store: PayloadStore;
  readonly object: StoredObject;
  readonly manifest: BodyManifest;
  readonly decoding: PartReading;
  readonly clock: Clock;
  readonly onClosed: (source: StoredSource) => void;
}

/**
 * One reading of an object. In memory it has the part that is put together, and what it becomes. A connection that breaks is made anew, from the byte that is
 * wanted next.
 */
export class StoredSource {
  readonly #deps: StoredSourceDeps;
  readonly #list: PartList;
  readonly #parts: StoredParts;
  readonly #closing = new AbortController();
  #reading: AsyncIterator<Uint8Array> | undefined;
  /** Ends the reading, and the wait for its next chunk. */
  #connection = new AbortController();
  #interrupt: (error: Error) => void = () => {};

  constructor(deps: StoredSourceDeps) {
    const { manifest, object, decoding } = deps;
    this.#deps = deps;
    const name = `${object.store}:${object.key}`;
    this.#list = new PartList(name, manifest, decoding);
    this.#parts = new StoredParts(name, manifest);
  }

  /** The next part's content; undefined after the last one. One call at a time. */
  async next(): Promise<Buffer | undefined> {
    return (await this.nextPart())?.content;
  }

  /** As `next()`, with what else is known of the part. */
  async nextPart(): Promise<ReadPart | undefined> {
    try {
      this.#throwIfClosed();
      if (this.#list.isComplete) return undefined;
      for (;;) {
        const part = await this.#list.take(await this.#nextRecord());
        this.#throwIfClosed();
        if (part !== undefined) return part;
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
      throw this.#closing.signal.reason;
    } finally {
      if (this.#list.isComplete) this.close();
    }
  }

  close(): void {
    this.fail(new BodyUnreadableError('it was closed'));
  }

  /** A call under way rejects with it. The first failure stands. */
  fail(error: Error): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(error);
    this.#hangUp();
    this.#deps.onClosed(this);
  }

  #throwIfClosed(): void {
    if (this.#closing.signal.aborted && !this.#list.isComplete) throw this.#closing.signal.reason;
  }

  /** The next part of the object, whatever it is. */
  async #nextRecord(): Promise<IncomingRecord> {
    for (;;) {
      const read = this.#parts.read();
      if (read.kind === 'part') return read.record;
      if (read.kind === 'broken') throw this.#lost(read.reason);
      // What follows the last part that the task knows of is none of it.
      if (this.#parts.receivedBytes > this.#deps.manifest.to)
        throw this.#lost(`it is not whole at byte ${this.#parts.receivedBytes}, its end`);
      this.#parts.give(await this.#nextChunk());
    }
  }

  /**
   * Tries again for as long as that may help. That includes an object that is not there, or ends too early: a shared folder
   * is seen late by others, and so is what a store copies to its other places.
   */
  async #nextChunk(): Promise<Uint8Array> {
    const { clock } = this.#deps;
    const sinceMs = clock.monotonicMs();
    const goneMs = sinceMs + (this.#deps.store.seenWithinMs ?? SEEN_WITHIN_MS);
    const endMs = Math.max(sinceMs + STALLED_MS, goneMs);
    for (let pauseMs = AGAIN_MS; ; pauseMs = Math.min(2 * pauseMs, AGAIN_AT_MOST_MS)) {
      let gone: string | undefined;
      try {
        const chunk = await this.#readOn(Math.min(SILENT_MS, endMs - clock.monotonicMs()));
        if (chunk !== undefined) return chunk;
        gone = `the object ends at byte ${this.#parts.receivedBytes}`;
        this.#hangUp();
      } catch (error) {
        this.#hangUp();
        this.#throwIfClosed();
        if (isStoreError(error, 'denied')) throw error;
        if (isStoreError(error, 'missing')) gone = 'the object is not there';
        else if (clock.monotonicMs() + pauseMs >= endMs) throw this.#unreadable(error);
      }
      if (gone !== undefined && clock.monotonicMs() + pauseMs >= goneMs) throw this.#lost(gone);
      await pause({ clock, ms: pauseMs, signal: this.#closing.signal });
      this.#throwIfClosed();
    }
  }

  /** Undefined at the object's end. */
  async #readOn(patienceMs: number): Promise<Uint8Array | undefined> {
    const { clock, store, object } = this.#deps;
    const { signal } = this.#connection;
    const from = this.#parts.receivedBytes;
    this.#reading ??= store.get(object.key, { from, signal })[Symbol.asyncIterator]();
    const reading = this.#reading;
    const timer = clock.setTimer(patienceMs, () => this.#interrupt(new Error('nothing came')));
    try {
      // Whatever becomes of a read that hangs, whoever waits for it goes on.
      const { done, value } = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        this.#interrupt = reject;
        reading.next().then(resolve, reject);
      });
      return done === true ? undefined : value;
    } finally {
      timer.clear();
      this.#interrupt = () => {};
    }
  }

  /** The next call begins anew. */
  #hangUp(): void {
    const reading = this.#reading;
    this.#reading = undefined;
    const over = new Error('nobody reads on');
    this.#interrupt(over);
    this.#connection.abort(over);
    this.#connection = new AbortController();
    void reading?.return?.().catch(() => {});
  }

  #lost(reason: string): PartsLostError {
    return this.#list.lost(reason);
  }

  #unreadable(cause: unknown): unknown {
    if (isStoreError(cause)) return cause;
    const { store, key } = this.#deps.object;
    return new PayloadStoreError({ store, key, reason: 'failed' }, 'read', cause);
  }
}

import type { Clock, Timer } from '../clock/clock.ts';
import { type BodyManifest, isVoid } from '../codec/manifest.ts';
import { encodePart } from '../codec/part.ts';
import type { ReadPart } from '../codec/part-list.ts';
import { type PartsHeader, partsHeaders, withPartsHeaders } from '../codec/parts-headers.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { CopyPlaces } from './copy-places.ts';
import type { ParkedObjects } from './parked-objects.ts';
import type { AppendParked } from './parking-io.ts';
import type { UploadParts } from './reading/part-source.ts';

/** Parts of one upload that are on their way at once. */
const IN_FLIGHT_COUNT = 4;

/** How often it is asked whether the parts are still wanted. */
const LOOK_UP_MS = 1_000;

interface ParkedPartsDeps {
  readonly feed: {
    open(job: {
      readonly manifest: BodyManifest;
      readonly whole: boolean;
      readonly decoding: 'as-stored';
    }): UploadParts;
  };
  readonly append: AppendParked;
  readonly clock: Clock;
  /** For what is in objects. */
  readonly objects: ParkedObjects;
}

interface PartsToCopy {
  readonly record: IncomingRecord;
  /** Whose mark it is: the same one for as long as its owner has it. */
  readonly mark: object;
  /** Of the parked topic. */
  readonly partition: number;
  /** What the task's copy is called in errors. */
  readonly id: string;
  /** Nothing else is appended under this name at the same time. */
  readonly lane: string;
  /** False once nobody waits for it any more: then it ends early. */
  readonly isWanted: () => boolean;
}

/** A record that can be parked: its parts are in the parked topic. */
export interface CopiedParts {
  readonly record: IncomingRecord;
  /** Uploads that could not be had any more; of those the record still says where they were. */
  readonly lost: readonly PartsLostError[];
}

/**
 * Copies the parts of tasks to the parked topic, so that they are there for as long as the tasks. They keep the upload's
 * id, which codecs may have bound their bytes to; every attempt writes the same bytes, each checked, so that what one that
 * failed has left between those of the next does no harm, and the manifest says where those of one attempt are.
 */
export class ParkedParts {
  readonly #deps: ParkedPartsDeps;
  /** Those of Kafka; each store has its own. */
  readonly #places = new CopyPlaces();

  constructor(deps: ParkedPartsDeps) {
    this.#deps = deps;
  }

  /** Resolves when all parts are durable; undefined: it is not wanted any more. Rejects when it is to be done again. */
  async copy(job: PartsToCopy): Promise<CopiedParts | undefined> {
    const { record, isWanted } = job;
    // The producer of a void one has said that it is absent: it will not run, and its parts may be gone.
    const headers = partsHeaders(record).filter(({ manifest }) => !isVoid(manifest, record.timestampMs));
    if (headers.length === 0) return { record, lost: [] };
    const watch = new Watch(this.#deps.clock, isWanted);
    try {
      return await this.#copyAll(headers, job, watch.signal);
    } catch (error) {
      if (watch.signal.aborted) return undefined;
      throw error;
    } finally {
      watch.end();
    }
  }

  async #copyAll(
    headers: readonly PartsHeader[],
    job: PartsToCopy,
    signal: AbortSignal,
  ): Promise<CopiedParts> {
    const moved: PartsHeader[] = [];
    const lost: PartsLostError[] = [];
    for (const header of headers) {
      try {
        const { manifest } = header;
        const copied =
          manifest.object === undefined
            ? await this.#inItsTurn(signal, () => this.#copyUpload(manifest, job, signal))
            : await this.#deps.objects.copy(manifest, manifest.object, { ...job, signal });
        moved.push({ ...header, manifest: copied });
      } catch (error) {
        if (!(error instanceof PartsLostError)) throw error;
        lost.push(error);
      }
    }
    return { record: withPartsHeaders(job.record, moved), lost };
  }

  async #copyUpload(
    manifest: BodyManifest,
    { partition, id, lane }: PartsToCopy,
    signal: AbortSignal,
  ): Promise<BodyManifest> {
    const { upload } = manifest;
    const source = this.#deps.feed.open({ manifest, whole: false, decoding: 'as-stored' });
    const stop = (): void => source.close();
    signal.addEventListener('abort', stop, { once: true });
    const sending = new Sending((part) =>
      this.#deps.append({ partition, lane, id, record: encodePart({ ...part, upload }) }),
    );
    try {
      signal.throwIfAborted();
      let part = await source.nextPart();
      while (part !== undefined) {
        await sending.send(part);
        part = await source.nextPart();
      }
      const { from, to } = await sending.all();
      // What is said of them must be right: nobody would find them otherwise.
      if (to - from + 1 < manifest.count) throw new Error(`parts of ${id} are at offsets ${from} to ${to}`);
      return { ...manifest, at: 'parked', partition, from, to };
    } finally {
      signal.removeEventListener('abort', stop);
      source.close();
      await sending.settled();
    }
  }

  async #inItsTurn<T>(signal: AbortSignal, copy: () => Promise<T>): Promise<T> {
    const place = await this.#places.enter(signal);
    return await copy().finally(() => place?.leave());
  }
}

/** Parts on their way, a few at once. Nothing more is sent once one of them has failed. */
class Sending {
  readonly #append: (part: ReadPart) => Promise<{ readonly offset: number }>;
  readonly #open = new Set<Promise<void>>();
  #failure: unknown;
  #from = Number.POSITIVE_INFINITY;
  #to = -1;

  constructor(append: (part: ReadPart) => Promise<{ readonly offset: number }>) {
    this.#append = append;
  }

  /** Waits until it is on its way. */
  async send(part: ReadPart): Promise<void> {
    while (this.#open.size >= IN_FLIGHT_COUNT) await Promise.race(this.#open);
    if (this.#failure !== undefined) throw this.#failure;
    const sent = this.#append(part)
      .then(
        ({ offset }) => {
          this.#from = Math.min(this.#from, offset);
          this.#to = Math.max(this.#to, offset);
        },
        (error: unknown) => {
          this.#failure ??= error;
        },
      )
      .finally(() => this.#open.delete(sent));
    this.#open.add(sent);
  }

  /** Where they are, once all are durable. */
  async all(): Promise<{ readonly from: number; readonly to: number }> {
    await this.settled();
    if (this.#failure !== undefined) throw this.#failure;
    return { from: this.#from, to: this.#to };
  }

  /** Never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }
}

/** Looks again and again whether something is still wanted; its signal is aborted when it is not. */
class Watch {
  readonly #clock: Clock;
  readonly #isWanted: () => boolean;
  readonly #unwanted = new AbortController();
  #timer: Timer | undefined;

  constructor(clock: Clock, isWanted: () => boolean) {
    this.#clock = clock;
    this.#isWanted = isWanted;
    this.#look();
  }

  get signal(): AbortSignal {
    return this.#unwanted.signal;
  }

  end(): void {
    this.#timer?.clear();
  }

  #look(): void {
    if (this.#isWanted()) this.#timer = this.#clock.setTimer(LOOK_UP_MS, () => this.#look());
    else this.#unwanted.abort();
  }
}

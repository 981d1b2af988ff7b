import type { Clock } from '../../clock/clock.ts';
import type { PartEncoding } from '../../codec/coding.ts';
import type { loadLz4 } from '../../codec/lz4.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { PayloadStore } from '../../codec/payload-store.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';
import type { BodySource } from '../../tasks/task-body.ts';
import type { Appended } from '../core/item.ts';
import { LoopTurns } from './loop-turns.ts';
import { OpenBody } from './open-body.ts';
import { PartBuffers } from './part-buffers.ts';
import { type PartLimits, PartsUnderWay } from './parts-under-way.ts';
import { PartsWindow } from './parts-window.ts';
import { type Leave, Places } from './places.ts';
import { StoredUpload, type UploadStore } from './stored-upload.ts';
import { Upload } from './upload.ts';

/** Where a part goes, and for whom. */
export interface PartPlace {
  readonly topic: string;
  readonly partition: number;
  readonly upload: string;
  /** How long the append may take. */
  readonly timeoutMs: number;
  /** Aborts when the upload has failed. */
  readonly signal: AbortSignal;
  /** Called with its offset once it is in the log, whether anybody waits for it then or not. */
  readonly onLanded?: ((offset: number) => void) | undefined;
}

/** Appends one part. Parts of one upload reach the log in the order of the calls. */
export type AppendPart = (record: OutgoingRecord, place: PartPlace) => Promise<Appended>;

export interface UploaderDeps {
  readonly append: AppendPart;
  readonly clock: Clock;
  /** Makes upload ids. */
  readonly newId: () => string;
  readonly loadLz4: typeof loadLz4;
  readonly limits?: Partial<UploadLimits>;
}

export interface UploadLimits {
  /** Uploads at once of a process to Kafka, and to each store, but for those with slow sources; the others wait without reading theirs. */
  readonly maxUploads: number;
  /** Parts of one upload on their way at once: enough to keep a partition's connection busy. */
  readonly maxPartsPerUpload: number;
  /**
   * Parts of all those uploads on their way at once. 16 of 900 KB are twice what fills batches (see the producer), and a quarter of
   * its buffer, so that small tasks have room beside them.
   */
  readonly maxParts: number;
  /** An upload whose source takes longer than this for a part lets the next ones go, in its partition and in the process. */
  readonly slowPartMs: number;
  /** Nothing goes beside another upload of its partition: each might wait for room that the other one has. */
  readonly oneByOne: boolean;
}

const defaultLimits: UploadLimits = {
  maxUploads: 16,
  maxPartsPerUpload: 4,
  maxParts: 16,
  slowPartMs: 1_000,
  oneByOne: false,
};

/** Something large to be written to the parts topic. */
export interface UploadJob {
  readonly topic: string;
  readonly partition: number;
  /** Content of each part but the last. */
  readonly partBytes: number;
  /** How long it may take, from the append of its first part to that of its manifest; parts without one are kept for so long. */
  readonly timeoutMs: number;
  /** At least one byte. Destroyed when the upload fails. */
  readonly source: BodySource | OpenBody;
  /** More than this is refused. Default: what any body may have. */
  readonly maxBodyBytes?: number | undefined;
  /** `never` for what is known not to get smaller. */
  readonly compress: 'auto' | 'never';
  /** What each part goes through after that. */
  readonly coding?: PartEncoding | undefined;
  readonly signal: AbortSignal;
  /**
   * It is all in memory, not much, and its task has the time of a small one: it does not wait for bodies, which may take half an
   * hour, only for others of its kind.
   */
  readonly beside?: boolean | undefined;
  /** Its parts go into an object there, and only their marker to the topic. Default: the topic. */
  readonly to?: UploadStore | undefined;
  /** Called with the offset of each of its records that comes into the log, also when the upload has failed by then. */
  readonly onLanded?: ((offset: number) => void) | undefined;
}

/**
 * Uploads content in parts. Bodies of one partition go one after the other, so that a worker reads a body without others
 * between, and so do payloads, beside the bodies; memory is bounded by the number of parts on their way. A store that hangs holds up what goes there and
 * nothing else.
 */
export class Uploader {
  readonly #deps: UploaderDeps;
  readonly #limits: UploadLimits;
  readonly #toKafka: Share;
  readonly #window: PartsWindow;
  readonly #toStores = new WeakMap<PayloadStore, Share>();
  readonly #buffers = new PartBuffers();
  readonly #turnsOfLoop = new LoopTurns();
  /** One place for bodies and one for payloads of each partition of a parts topic that was ever written to: a few dozens. */
  readonly #turns = new Map<string, Places>();

  constructor(deps: UploaderDeps) {
    this.#deps = deps;
    this.#limits = { ...defaultLimits, ...deps.limits };
    this.#window = new PartsWindow(partLimits(this.#limits), () => deps.clock.monotonicMs());
    this.#toKafka = newShare(this.#limits, this.#window, deps.clock);
  }

  /**
   * Resolves when every part is durable. Rejects with an UploadError when the source, an append or the caller gives up; then
   * the source is destroyed and nothing of the upload goes on.
   */
  async upload(job: UploadJob): Promise<BodyManifest> {
    const { append, clock, loadLz4, newId } = this.#deps;
    const body = job.source instanceof OpenBody ? job.source : new OpenBody(job.source);
    const stored = job.to === undefined ? undefined : new StoredUpload(append, job.to, clock);
    const { ofBodies, ofPayloads, underWay } = this.#shareOf(job.to?.store);
    const beside = this.#goesBeside(job);
    const places = beside ? ofPayloads : ofBodies;
    const upload = new Upload(job, {
      id: newId(),
      body,
      append: stored?.append ?? append,
      stored,
      clock,
      loadLz4,
      underWay,
      beside,
      buffers: this.#buffers,
      turns: this.#turnsOfLoop,
      slowPartMs: this.#limits.slowPartMs,
      enter: (signal) => this.#enter(job, places, signal),
    });
    const end = this.#buffers.use();
    try {
      return await upload.run();
    } finally {
      end();
    }
  }

  /** Tasks that are no uploads were acknowledged so long after they had left: parts to the same brokers give way to them. */
  acknowledged(tookMs: number): void {
    this.#window.acknowledged(tookMs, !this.#toKafka.underWay.isEmpty);
  }

  /** First its partition's turn, then a place: who waits for a busy partition keeps no one from another. */
  async #enter(job: UploadJob, places: Places, signal: AbortSignal): Promise<UploadTurn> {
    // Objects are not in each other's way.
    if (job.to !== undefined) return { endTurn: () => {}, leave: await places.enter(signal) };
    const turns = `${job.topic}/${job.partition}/${this.#goesBeside(job) ? 'payloads' : 'bodies'}`;
    const endTurn = await this.#turn(turns).enter(signal);
    try {
      return { endTurn, leave: await places.enter(signal) };
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  #goesBeside({ beside }: UploadJob): boolean {
    return beside === true && !this.#limits.oneByOne;
  }

  #shareOf(store: PayloadStore | undefined): Share {
    if (store === undefined) return this.#toKafka;
    const share =
      this.#toStores.get(store) ?? newShare(this.#limits, partLimits(this.#limits), this.#deps.clock);
    this.#toStores.set(store, share);
    return share;
  }

  #turn(name: string): Places {
    let turn = this.#turns.get(name);
    if (turn === undefined) {
      turn = new Places(1);
      this.#turns.set(name, turn);
    }
    return turn;
  }
}

/** What those that go to Kafka, or to one store, have among themselves. */
interface Share {
  readonly ofBodies: Places;
  readonly ofPayloads: Places;
  readonly underWay: PartsUnderWay;
}

function newShare({ maxUploads }: UploadLimits, limits: PartLimits, clock: Clock): Share {
  return {
    ofBodies: new Places(maxUploads),
    ofPayloads: new Places(maxUploads),
    underWay: new PartsUnderWay(limits, clock),
  };
}

function partLimits({ maxPartsPerUpload, maxParts }: UploadLimits): PartLimits {
  return { perUpload: maxPartsPerUpload, inAll: maxParts };
}

/** What an upload that may go has. */
export interface UploadTurn {
  /** Lets the next upload into the partition. */
  readonly endTurn: Leave;
  /** Lets the next upload of the process go. */
  readonly leave: Leave;
}

import type { OutgoingRecord } from '../../kafka/port.ts';
import type { FlushCohort } from './flush-cohorts.ts';
import type { KeyLane } from './key-lane.ts';

/** A task's record as the codec made it. */
export interface EncodedRecord {
  readonly record: OutgoingRecord;
  /** What it takes on the wire at most, headers and record overhead included: a batch of these must fit the client's. */
  readonly bytes: number;
  /**
   * Appended later than this, by the broker's clock, the record counts for nothing to whoever reads it, and its caller is
   * told that the task is absent. A manifest is void when its parts may be deleted already.
   */
  readonly voidAfterMs?: number | undefined;
}

/** What `encode` may ask about its task. */
export interface Encoding {
  /** Aborts when the task is given up before it is encoded, so that an upload ends with it. Made when first asked for. */
  readonly signal: AbortSignal;
  /** Said before the first await: what is held of it in memory until it is encoded. */
  holds(bytes: number): void;
}

/** What became of a task that is in the log. */
export interface Appended {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
}

/** What became of a record that was handed over. */
export type RecordFate = { readonly offset: number } | 'absent' | 'unknown';

/**
 * Where a task stands. Only `handed` tasks may be in the log; in every other stage a task is surely not there.
 *
 *     waiting   being validated, or waiting for room in the buffer; its payload has not been serialised
 *     encoding  has room
 *     ready     encoded, but a task of its key before it is not
 *     sendable  may go into the next batch
 *     handed    given to the appender
 *     returned  the appender says it is surely absent, for a passing reason; goes again, in its place
 *     gone      left the producer
 */
export type Stage = 'waiting' | 'encoding' | 'ready' | 'sendable' | 'handed' | 'returned' | 'gone';

const moves: Readonly<Record<Stage, readonly Stage[]>> = {
  waiting: ['encoding', 'gone'],
  encoding: ['ready', 'gone'],
  ready: ['sendable', 'gone'],
  sendable: ['handed', 'gone'],
  handed: ['gone', 'returned'],
  returned: ['sendable', 'gone'],
  gone: [],
};

/** What the caller of `add` gave. */
export interface ProducerItem {
  readonly topic: string;
  readonly partition: number;
  /** Tasks with equal keys of one partition keep their order. */
  readonly laneKey: string;
  readonly id: string;
  readonly type: string;
  /** A guess at the record's size, for admission; the encoded size replaces it. */
  readonly sizeBytes: number;
  /**
   * Does not wait for room: it is small, and the tasks that fill the buffer may be waiting for what it brings about. A
   * worker's journal entry behind the tasks that wait for that worker would never be written.
   */
  readonly urgent?: boolean | undefined;
  /** Belongs to a task that is here already and is being encoded: it is taken also while the producer closes. */
  readonly part?: boolean | undefined;
  /**
   * Called once there is room. What it throws is what the caller gets. It may take long: the task
   * keeps its place in its lane, counts as a batch unless it is an `upload`, and keeps only its own key waiting.
   */
  readonly encode: (task: Encoding) => EncodedRecord | Promise<EncodedRecord>;
  /**
   * Its `encode` is an upload, which may wait for its source. What it holds is not the buffer's: it counts as `sizeBytes` until
   * it is encoded, and there is a bounded number of such tasks at once.
   */
  readonly upload?: boolean | undefined;
  /** The store that it goes to, beside Kafka: one that hangs has half of the uploads of the process at most. */
  readonly uploadTo?: object | undefined;
  /** Validation that takes a while; a rejection is what the caller gets. */
  readonly ready?: Promise<void> | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called when what became of its record is known, before its caller is told, or long after: one that has given up was told
   * `unknown`. Not called for what came back absent while its caller waits.
   */
  readonly onSettled?: ((fate: RecordFate) => void) | undefined;
  /** How long the caller waits. Default: the producer's `deliveryTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** One task on its way through the producer. Its place in its key's lane is taken when it is made, and kept. */
export class Item implements Encoding {
  readonly id: string;
  readonly type: string;
  readonly lane: KeyLane;
  readonly urgent: boolean;
  readonly part: boolean;
  /** It is to be uploaded, or is being uploaded. */
  upload: boolean;
  readonly uploadTo: object | undefined;
  /** Call order over the whole producer. */
  readonly seq: number;
  readonly deadlineMs: number;
  readonly cohort: FlushCohort;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
  readonly onSettled: ((fate: RecordFate) => void) | undefined;
  /** Dropped once called, so that a payload is not kept beside its record. */
  encode: ((task: Encoding) => EncodedRecord | Promise<EncodedRecord>) | undefined;
  /** False while an asynchronous validation runs. */
  validated: boolean;
  bytes: number;
  /** What it has said to hold while it is encoded. */
  heldBytes = 0;
  record: OutgoingRecord | undefined;
  /** See {@link EncodedRecord}. */
  voidAfterMs: number | undefined;
  /** The caller has its answer. A handed task may be answered long before it is gone. */
  answered = false;
  /** The tasks of its key behind it were failed on its account; that happens once. */
  failedFollowers = false;
  /** Id of a task before it that failed when this one was handed over already: it must not be sent a second time. */
  failedPredecessor: string | undefined;
  /** Undoes the listening to an AbortSignal. */
  stopListening: (() => void) | undefined;

  /** Neighbours in the key's lane. */
  before: Item | undefined;
  after: Item | undefined;
  /** The one behind it in the partition's queue of sendable tasks. */
  behind: Item | undefined;
  /** Place in the deadline heap; -1 = not in it. */
  heapAt = -1;

  #stage: Stage = 'waiting';
  #cancelling: AbortController | undefined;

  constructor(
    given: ProducerItem,
    place: {
      readonly lane: KeyLane;
      readonly seq: number;
      readonly deadlineMs: number;
      readonly cohort: FlushCohort;
    },
    caller: { readonly resolve: (appended: Appended) => void; readonly reject: (error: unknown) => void },
  ) {
    this.id = given.id;
    this.type = given.type;
    this.lane = place.lane;
    this.urgent = given.urgent === true;
    this.part = given.part === true;
    this.upload = given.upload === true;
    this.uploadTo = given.uploadTo;
    this.seq = place.seq;
    this.deadlineMs = place.deadlineMs;
    this.cohort = place.cohort;
    this.resolve = caller.resolve;
    this.reject = caller.reject;
    this.onSettled = given.onSettled;
    this.encode = given.encode;
    this.validated = given.ready === undefined;
    this.bytes = given.sizeBytes;
  }

  get stage(): Stage {
    return this.#stage;
  }

  get signal(): AbortSignal {
    this.#cancelling ??= new AbortController();
    if (this.#stage === 'gone') this.#cancelling.abort();
    return this.#cancelling.signal;
  }

  holds(bytes: number): void {
    this.heldBytes = bytes;
  }

  /** Somebody listens for the end of its encoding. */
  get isCancellable(): boolean {
    return this.#cancelling !== undefined;
  }

  /** Ends what encodes it. Calls listeners: not for the core, which is in the middle of something. */
  cancel(): void {
    this.#cancelling?.abort();
  }

  /** The only way a stage changes. */
  move(to: Stage): void {
    if (!moves[this.#stage].includes(to)) {
      throw new Error(`a task cannot go from ${this.#stage} to ${to}`);
    }
    this.#stage = to;
  }
}

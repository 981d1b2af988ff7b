import type { Clock, Timer } from '../clock/clock.ts';
import type { Appender, AppendResult, KafkaFailure } from '../kafka/port.ts';
import type { Batch, Effect } from './core/effects.ts';
import type { Appended, EncodedRecord, Item, ProducerItem } from './core/item.ts';
import type { PartitionRoom } from './core/partition-room.ts';
import { ProducerCore } from './core/producer-core.ts';
import { failureToError } from './failure-to-error.ts';
import type { ResolvedProducerOptions } from './producer-options.ts';

export interface ProducerDeps {
  /** Called when there is something to send, until it succeeds once. */
  readonly appender: () => Promise<Appender>;
  readonly clock: Clock;
  readonly options: ResolvedProducerOptions;
  /** Only on the embedded cluster. */
  readonly room?: PartitionRoom | undefined;
  /** Called with how long it took to append a batch that has other tasks than those of uploads. */
  readonly onAppended?: ((tookMs: number) => void) | undefined;
  /** Runs something after what runs now. Default `setImmediate`: tasks added in one turn of the event loop share batches. */
  readonly defer?: (run: () => void) => void;
}

/** What became of one of several tasks added together. */
export type AddResult =
  | { readonly kind: 'appended'; readonly appended: Appended }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Batches of a warm partition under way at once; also what an idempotent producer may have in flight. */
const MAX_IN_FLIGHT_COUNT = 5;
/** Half of the least time after which brokers may forget a producer (producer.id.expiration.ms is a day; some set hours). */
const COLD_AFTER_IDLE_MS = 30 * 60_000;
/**
 * Measured with 24 partitions, 10 KB tasks and 32 MB outstanding: with 8 MB under way batches are full (120 requests of
 * 100 tasks), with 16 MB they hold 85 tasks, without a limit 65, and the brokers' CPU time follows the requests.
 */
const BUSY_BYTES = 8_000_000;
/** A partition's turn comes once per (outstanding bytes / bytes under way) round trips; waiting longer means a broker is stuck. */
const HOLD = { roundTrips: 4, minMs: 10, maxMs: 1_000 } as const;
/** What an upload may hold: the part that is being filled. Those on their way are in the buffer. */
const UPLOAD_BYTES = 1_000_000;
const RESEND = { minMs: 100, maxMs: 2_000 } as const;

/**
 * Appends tasks durably, in call order per key. A promise of `add` resolves when the task is in the log with an offset,
 * and rejects with an error that says whether it may be there (see {@link ProducerCore} for the rules).
 */
export class Producer {
  readonly #core: ProducerCore;
  readonly #deps: ProducerDeps;
  readonly #defer: (run: () => void) => void;
  readonly #stopRoom: (() => void) | undefined;
  #appender: Appender | undefined;
  #connecting = false;
  #sendDeferred = false;
  #timer: Timer | undefined;
  #timerDueMs = 0;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(deps: ProducerDeps) {
    this.#deps = deps;
    this.#defer = deps.defer ?? setImmediate;
    const { options, room } = deps;
    this.#core = new ProducerCore(
      {
        bufferBytes: options.bufferBytes,
        partitionBytes: options.bufferBytes / 2,
        keyBytes: options.bufferBytes / 4,
        // Half of the buffer, so that the other half is always there for small tasks.
        uploadCount: Math.max(1, Math.floor(options.bufferBytes / 2 / UPLOAD_BYTES)),
        uploadBytes: Math.min(UPLOAD_BYTES, options.bufferBytes / 2),
        deliveryTimeoutMs: options.deliveryTimeoutMs,
        maxBatchBytes: options.maxBatchBytes,
        maxInFlightBytes: Math.max(options.maxInFlightBytes, options.maxBatchBytes),
        maxInFlightCount: MAX_IN_FLIGHT_COUNT,
        busyBytes: BUSY_BYTES,
        hold: HOLD,
        coldAfterIdleMs: COLD_AFTER_IDLE_MS,
        resend: RESEND,
      },
      room,
    );
    this.#stopRoom = room?.onRoom((topic, partition) => {
      this.#core.roomOpened(topic, partition);
      this.#perform();
    });
  }

  /** Takes the task's place in its key's order before it returns. Once closed only parts of tasks that are here are taken. */
  add(given: ProducerItem): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const item = this.#core.add(given, { resolve, reject }, this.#deps.clock.monotonicMs());
      if (given.ready !== undefined) this.#awaitValidation(item, given.ready);
      if (given.signal !== undefined) this.#listen(item, given.signal);
      this.#perform();
    });
  }

  /** Adds in order and waits for all; one that fails does not stop the others, unless they are of its key (see PREDECESSOR_FAILED). */
  addMany(given: readonly ProducerItem[]): Promise<readonly AddResult[]> {
    return Promise.all(
      given.map((item) =>
        this.add(item).then(
          (appended): AddResult => ({ kind: 'appended', appended }),
          (error: unknown): AddResult => ({ kind: 'failed', error }),
        ),
      ),
    );
  }

  /** Bytes in the buffer now. */
  get bufferedBytes(): number {
    return this.#core.bufferedBytes;
  }

  /** Resolves when everything added before has its answer, good or bad. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.#core.flush(resolve);
      this.#perform();
    });
  }

  /**
   * Refuses new tasks, waits until all are settled and no batch is out, at most `timeoutMs`, then settles the rest with
   * what is known. The appender is not closed: others may use it. Idempotent.
   */
  close(options: { readonly timeoutMs: number }): Promise<void> {
    this.#closing ??= this.#drain(options.timeoutMs);
    return this.#closing;
  }

  async #drain(timeoutMs: number): Promise<void> {
    this.#core.close();
    if (!this.#core.isIdle) {
      await new Promise<void>((resolve) => {
        const timer = this.#deps.clock.setTimer(timeoutMs, resolve);
        this.#onIdle = () => {
          timer.clear();
          resolve();
        };
      });
    }
    this.#core.abandon();
    this.#perform();
    this.#stopRoom?.();
  }

  #awaitValidation(item: Item, ready: Promise<void>): void {
    ready.then(
      () => {
        this.#core.validated(item);
        this.#perform();
      },
      (error: unknown) => this.#failEncoding(item, error),
    );
  }

  #listen(item: Item, signal: AbortSignal): void {
    const onAbort = (): void => {
      this.#core.abort(item, signal.reason);
      this.#perform();
    };
    if (signal.aborted) {
      this.#core.abort(item, signal.reason);
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    item.stopListening = () => signal.removeEventListener('abort', onAbort);
  }

  /** Does what the core wants, then sees to the next batches and the next tick. */
  #perform(): void {
    for (let effects = this.#core.takeEffects(); effects.length > 0; effects = this.#core.takeEffects()) {
      for (const effect of effects) this.#do(effect);
    }
    if (this.#core.hasStirred) this.#deferSend();
    this.#setTimer();
    if (this.#core.isIdle) this.#onIdle?.();
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case 'encode':
        this.#encode(effect.item);
        return;
      case 'cancel':
        effect.item.cancel();
        return;
      case 'resolve': {
        const { item, offset, timestampMs } = effect;
        const { topic, partition } = item.lane.line;
        item.stopListening?.();
        item.resolve({ topic, partition, offset, timestampMs });
        return;
      }
      case 'reject': {
        const { item } = effect;
        const { topic, partition } = item.lane.line;
        item.stopListening?.();
        item.reject(failureToError(effect.failure, { id: item.id, type: item.type, topic, partition }));
        return;
      }
      case 'settled':
        effect.item.onSettled?.(effect.fate);
        return;
      case 'flushed':
        effect.done();
    }
  }

  #encode(item: Item): void {
    const { encode } = item;
    if (encode === undefined) return; // given up since
    let made: EncodedRecord | Promise<EncodedRecord>;
    try {
      made = encode(item);
    } catch (error) {
      this.#core.encodeFailed(item, error);
      return;
    }
    if (!(made instanceof Promise)) {
      this.#core.encoded(item, made);
      return;
    }
    this.#core.encodesLater(item);
    made.then(
      (done) => {
        this.#core.encoded(item, done);
        this.#perform();
      },
      (error: unknown) => this.#failEncoding(item, error),
    );
  }

  #failEncoding(item: Item, error: unknown): void {
    this.#core.encodeFailed(item, error);
    this.#perform();
  }

  #deferSend(): void {
    if (this.#sendDeferred) return;
    this.#sendDeferred = true;
    this.#defer(() => {
      this.#sendDeferred = false;
      this.#send();
    });
  }

  #send(): void {
    const appender = this.#appender;
    if (appender === undefined) {
      this.#connect();
      return;
    }
    const { incarnation } = appender;
    const batches = this.#core.takeBatches(incarnation, this.#deps.clock.monotonicMs());
    for (const batch of batches) {
      // The append before may have met a fatal error: what was built for warm partitions must not reach cold ones.
      if (appender.incarnation === incarnation) this.#append(appender, batch);
      else this.#core.settled(batch, notHandedOver(batch, incarnation), this.#deps.clock.monotonicMs());
    }
    this.#perform();
  }

  #connect(): void {
    if (this.#connecting) return;
    this.#connecting = true;
    this.#deps.appender().then(
      (appender) => {
        this.#connecting = false;
        this.#appender = appender;
        this.#perform();
      },
      (error: unknown) => {
        this.#connecting = false;
        this.#core.unconnected(error);
        this.#perform();
      },
    );
  }

  #append(appender: Appender, batch: Batch): void {
    const { clock, onAppended } = this.#deps;
    const settled = (result: AppendResult): void => {
      const nowMs = clock.monotonicMs();
      const isAppended = result.outcomes.every(({ kind }) => kind === 'appended');
      if (isAppended && !batch.items.every(isOfUpload)) onAppended?.(nowMs - batch.sentAtMs);
      this.#core.settled(batch, result, nowMs);
      this.#perform();
    };
    // An appender never rejects; should one, nothing is known about the batch.
    appender
      .append(batch)
      .then(settled, (error: unknown) => settled(nothingKnown(batch, appender.incarnation, error)));
  }

  /** One timer for all deadlines; it may fire early, never late. */
  #setTimer(): void {
    const dueMs = this.#core.nextTickMs;
    if (dueMs === undefined) {
      this.#timer?.clear();
      this.#timer = undefined;
      return;
    }
    if (this.#timer !== undefined && this.#timerDueMs <= dueMs) return;
    this.#timer?.clear();
    this.#timerDueMs = dueMs;
    const { clock } = this.#deps;
    this.#timer = clock.setTimer(dueMs - clock.monotonicMs(), () => {
      this.#timer = undefined;
      this.#core.tick(clock.monotonicMs());
      this.#perform();
    });
  }
}

/** Its record says where its parts are. */
function isOfUpload({ voidAfterMs }: Item): boolean {
  return voidAfterMs !== undefined;
}

function notHandedOver(batch: Batch, incarnation: number): AppendResult {
  const message = 'The client was rebuilt before the record was handed over';
  const failure: KafkaFailure = { kind: 'producer-fatal', code: undefined, message };
  return { outcomes: batch.items.map(() => ({ kind: 'absent', failure })), incarnation };
}

function nothingKnown(batch: Batch, incarnation: number, error: unknown): AppendResult {
  const message = error instanceof Error ? error.message : String(error);
  const failure: KafkaFailure = { kind: 'other', code: undefined, message };
  return { outcomes: batch.items.map(() => ({ kind: 'unknown', failure })), incarnation };
}

import type { Clock } from '../../clock/clock.ts';
import type { Appender, AppendResult, KafkaFailure, RecordBatch } from '../port.ts';
import type { LiveClient } from './connection.ts';
import { errorCode, failureOfError, outcomeOfFailedDelivery } from './failure.ts';
import type { DeliveryListener, NativeDeliveryReport, NativeError, NativeProducer } from './native.ts';
import { OpenBatch } from './open-batch.ts';
import { nonNull, recordProblem, toNativeHeaders } from './outgoing-record.ts';

export type LiveProducer = LiveClient<NativeProducer>;

/** Connects a new producer; rejects when it cannot. Called again after a fatal error. */
export type ProducerFactory = (onDelivery: DeliveryListener) => Promise<LiveProducer>;

interface Slot {
  readonly open: OpenBatch;
  readonly index: number;
}

/**
 * - `ready`: records go straight to the client, or wait in the backlog while its queue is full.
 * - `rebuilding`: the producer met a fatal error; new batches wait in the backlog for the next one.
 * - `closed`: nothing is taken any more; what is open is settled.
 */
type State = 'ready' | 'rebuilding' | 'closed';

const CLOSED: KafkaFailure = { kind: 'closed', code: undefined, message: 'The appender was closed' };
const FATAL: KafkaFailure = {
  kind: 'producer-fatal',
  code: errorCode.fatal,
  message: 'The producer met a fatal error before this record was handed over',
};
/** An idempotent producer that lost track infers the ack of a record that was never appended (seen on real brokers). */
const NO_OFFSET: KafkaFailure = {
  kind: 'other',
  code: undefined,
  message: 'The broker acknowledged the record without an offset; it may not be in the log',
};
/** How long a dying producer may still report what became of its records. Its reports come within milliseconds. */
const LAST_REPORTS_MS = 2_000;
const LOOK_AGAIN_MS = 20;
const DISCONNECT_MS = 5_000;
const RECONNECT_MS = { first: 100, max: 2_000 } as const;

/** Appends through librdkafka's idempotent producer. Order within a partition is the order of the calls. */
export class ConfluentAppender implements Appender {
  readonly #connect: ProducerFactory;
  readonly #clock: Clock;
  #producer: LiveProducer;
  #state: State = 'ready';
  #incarnation = 1;
  /** Batches not (wholly) handed over, in order. While it is not empty nothing overtakes it. */
  #backlog: OpenBatch[] = [];
  /** Batches with records in the client. */
  readonly #open = new Set<OpenBatch>();
  /** Records taken by the present client and not reported yet. */
  #inClient = 0;
  /** Partitions that acknowledged a record with an offset in this incarnation. */
  #warm = new Set<string>();
  #idleWaiters: (() => void)[] = [];
  #closing: Promise<void> | undefined;

  private constructor(connect: ProducerFactory, clock: Clock, producer: LiveProducer) {
    this.#connect = connect;
    this.#clock = clock;
    this.#producer = producer;
  }

  static async connect(connect: ProducerFactory, clock: Clock): Promise<ConfluentAppender> {
    const relay: { to: DeliveryListener | undefined } = { to: undefined };
    const producer = await connect((error, report) => relay.to?.(error, report));
    const appender = new ConfluentAppender(connect, clock, producer);
    relay.to = (error, report) => appender.#onDelivery(error, report);
    appender.#watch(producer);
    return appender;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  append(batch: RecordBatch): Promise<AppendResult> {
    return new Promise((resolve) => {
      if (batch.records.length === 0) {
        resolve({ outcomes: [], incarnation: this.#incarnation });
        return;
      }
      const open = new OpenBatch(batch, this.#incarnation, resolve);
      if (this.#closing !== undefined) {
        open.giveUp(CLOSED);
        return;
      }
      this.#backlog.push(open);
      if (this.#backlog.length === 1) this.#drain();
    });
  }

  close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.#idle(timeoutMs);
    this.#state = 'closed';
    for (const open of this.#takeBacklog()) open.refuseRest(CLOSED);
    // The client reports nothing after a disconnect, so what is open is settled here.
    await this.#producer.disconnect(DISCONNECT_MS);
    this.#giveUpOpen(CLOSED);
  }

  /** Hands over what waits, in order, until the client's queue is full. Runs again with each delivery report. */
  #drain(): void {
    while (this.#state === 'ready') {
      const next = this.#backlog.shift();
      if (next === undefined) return;
      this.#open.add(next);
      const taken = this.#handOver(next);
      this.#forgetSettled(next);
      if (taken) continue;
      // rebuild() has refused what was not taken; after a full queue the batch goes on where it stopped.
      if (!next.settled && this.#state === 'ready') this.#backlog.unshift(next);
      return;
    }
  }

  /** False when the client takes no more records now. */
  #handOver(open: OpenBatch): boolean {
    const { topic, partition, records } = open.batch;
    for (let record = records[open.handedOver]; record !== undefined; record = records[open.handedOver]) {
      const index = open.handedOver;
      const problem = recordProblem(record);
      if (problem !== undefined) {
        open.settle(index, { kind: 'absent', failure: { kind: 'other', code: undefined, message: problem } });
        open.handedOver += 1;
        continue;
      }
      const slot: Slot = { open, index };
      const { value, headers } = record;
      const key = record.key === null ? null : nonNull(record.key);
      try {
        const client = this.#producer.client;
        client.produce(topic, partition, nonNull(value), key, undefined, slot, toNativeHeaders(headers));
        this.#inClient += 1;
      } catch (error) {
        const failure = failureOfError(error);
        if (failure.code === errorCode.queueFull && this.#inClient > 0) return false;
        if (failure.kind === 'producer-fatal') {
          this.#rebuild();
          return false;
        }
        // What produce() throws on, it has not taken.
        open.settle(index, { kind: 'absent', failure });
      }
      open.handedOver += 1;
    }
    return true;
  }

  #onDelivery(error: NativeError | null, report: NativeDeliveryReport): void {
    // The client gives back what produce() was called with.
    const { open, index } = report.opaque as Slot;
    const current = open.incarnation === this.#incarnation;
    if (current) this.#inClient -= 1;
    if (error !== null) {
      const failure = failureOfError(error);
      open.settle(index, outcomeOfFailedDelivery(failure, this.#warm.has(open.partitionName)));
      if (current && failure.kind === 'producer-fatal') this.#rebuild();
    } else if (report.offset < 0) {
      open.settle(index, { kind: 'unknown', failure: NO_OFFSET });
    } else {
      if (current && !open.sawOffset) this.#warm.add(open.partitionName);
      open.sawOffset = true;
      open.settle(index, { kind: 'appended', offset: report.offset, timestampMs: report.timestamp ?? 0 });
    }
    this.#forgetSettled(open);
    if (this.#backlog.length > 0) this.#drain();
  }

  #forgetSettled(open: OpenBatch): void {
    if (open.settled) this.#open.delete(open);
    if (this.#open.size > 0 || this.#backlog.length > 0) return;
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #watch({ events }: LiveProducer): void {
    const incarnation = this.#incarnation;
    events.onFailure((failure) => {
      if (failure.kind === 'producer-fatal' && incarnation === this.#incarnation) this.#rebuild();
    });
  }

  /**
   * After a fatal error librdkafka's producer takes nothing any more. The incarnation changes at once, so that callers
   * treat every partition as cold; what waited for the old producer is refused, because it was built for warm ones.
   */
  #rebuild(): void {
    if (this.#state !== 'ready') return;
    this.#state = 'rebuilding';
    this.#incarnation += 1;
    this.#warm = new Set();
    this.#inClient = 0;
    const dying = new Set(this.#open);
    for (const open of [...dying, ...this.#takeBacklog()]) {
      open.refuseRest(FATAL);
      this.#forgetSettled(open);
    }
    void this.#replaceProducer(dying);
  }

  async #replaceProducer(dying: ReadonlySet<OpenBatch>): Promise<void> {
    const old = this.#producer;
    const explained = old.events.explain({ ...FATAL, message: 'The producer met a fatal error' });
    const allReported = () => [...dying].every((open) => open.settled);
    const giveUpAtMs = this.#clock.monotonicMs() + LAST_REPORTS_MS;
    while (!allReported() && this.#clock.monotonicMs() < giveUpAtMs) await this.#delay(LOOK_AGAIN_MS);
    // Only a disconnected producer cannot append any more, so the outcome is given up after it.
    await old.disconnect(DISCONNECT_MS);
    for (const open of dying) {
      open.giveUp(explained);
      this.#forgetSettled(open);
    }
    let waitMs: number = RECONNECT_MS.first;
    while (this.#state === 'rebuilding') {
      const next = await this.#connect((error, report) => this.#onDelivery(error, report)).catch(
        () => undefined,
      );
      if (next !== undefined) {
        await this.#adopt(next);
        return;
      }
      await this.#delay(waitMs);
      waitMs = Math.min(waitMs * 2, RECONNECT_MS.max);
    }
  }

  async #adopt(next: LiveProducer): Promise<void> {
    if (this.#state !== 'rebuilding') {
      await next.disconnect(DISCONNECT_MS);
      return;
    }
    this.#producer = next;
    this.#watch(next);
    this.#state = 'ready';
    this.#drain();
  }

  #takeBacklog(): OpenBatch[] {
    const waiting = this.#backlog;
    this.#backlog = [];
    return waiting;
  }

  #giveUpOpen(failure: KafkaFailure): void {
    for (const open of this.#open) open.giveUp(failure);
    this.#open.clear();
  }

  #idle(timeoutMs: number): Promise<void> {
    if (this.#open.size === 0 && this.#backlog.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(timeoutMs, resolve);
      this.#idleWaiters.push(() => {
        timer.clear();
        resolve();
      });
    });
  }

  #delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimer(ms, resolve));
  }
}

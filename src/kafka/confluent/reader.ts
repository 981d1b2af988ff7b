import type { IncomingRecord, KafkaFailure, Position, Reader, TopicPartition } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import type { LiveClient } from './connection.ts';
import { errorCode, failureOfError } from './failure.ts';
import { toIncomingRecord } from './incoming-record.ts';
import type { NativeConsumer, NativeMessage } from './native.ts';
import { checkOffset, checkPartition, nativePartitions, PartitionTable } from './partition-table.ts';

interface Assigned {
  /** The lowest offset that may still be handed out. */
  next: number;
  paused: boolean;
}

/**
 * The client tells when its queue stops being empty. This is for what it does not tell: an error that ended a consume
 * call early leaves records behind it in the queue.
 */
const WAKE_UP_MS = 250;
const DISCONNECT_MS = 5_000;
const CLOSED: KafkaFailure = { kind: 'closed', code: undefined, message: 'The reader was closed' };

/**
 * Reads through a librdkafka consumer without a group.
 *
 * Every call takes its turn after the one before it, consume calls included: no record can come from a consume call
 * that began before the latest assign, unassign or pause had completed. What the client fetched ahead under an older
 * assignment or before a pause it drops itself (its queue entries carry the partition's version). The offset check in
 * `#accept` is the second lock on that door.
 */
export class ConfluentReader implements Reader {
  readonly #consumer: LiveClient<NativeConsumer>;
  readonly #client: NativeConsumer;
  readonly #assigned = new PartitionTable<Assigned>();
  readonly #wakeUp: NodeJS.Timeout;
  #turn: Promise<unknown> = Promise.resolve();
  #readable: () => void = () => {};
  #problem: (failure: KafkaFailure) => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(consumer: LiveClient<NativeConsumer>) {
    const { client, events } = consumer;
    this.#consumer = consumer;
    this.#client = client;
    // Otherwise a consume call waits up to a second *per message* while it tries to fill its count.
    client.setDefaultConsumeTimeout(0);
    events.onFailure((failure) => this.#report(failure));
    this.#wakeUp = setInterval(() => this.#readable(), WAKE_UP_MS).unref();
  }

  /** To be called by the consumer's `queue_non_empty_cb`. */
  onQueueFilled(): void {
    this.#readable();
  }

  assign(positions: readonly Position[]): Promise<void> {
    return this.#inTurn('assign', () => {
      const latest = new PartitionTable<Position>();
      for (const { topic, partition, offset } of positions) {
        checkPartition(topic, partition);
        checkOffset(topic, partition, offset);
        latest.set({ topic, partition }, { topic, partition, offset });
      }
      this.#place(latest.keys().flatMap((one) => latest.get(one.topic, one.partition) ?? []));
    });
  }

  #place(positions: readonly Position[]): void {
    this.#release(positions.filter((one) => this.#assigned.has(one)));
    if (positions.length > 0) this.#client.incrementalAssign(positions);
    for (const one of positions) this.#assigned.set(one, { next: one.offset, paused: false });
  }

  unassign(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#inTurn('unassign', () => {
      this.#release(nativePartitions(partitions).filter((one) => this.#assigned.has(one)));
    });
  }

  /** The client keeps a partition's pause over a later assignment, so it is lifted with the old one. */
  #release(partitions: readonly TopicPartition[]): void {
    if (partitions.length === 0) return;
    const paused = partitions.filter((one) => this.#assigned.get(one.topic, one.partition)?.paused === true);
    this.#client.incrementalUnassign(partitions);
    if (paused.length > 0) this.#client.resume(paused);
    for (const one of partitions) this.#assigned.delete(one);
  }

  pause(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#inTurn('pause', () => {
      const flowing = this.#withPause(partitions, false);
      if (flowing.length === 0) return;
      this.#client.pause(flowing);
      this.#setPaused(flowing, true);
    });
  }

  resume(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#inTurn('resume', () => {
      const paused = this.#withPause(partitions, true);
      if (paused.length === 0) return;
      // Not the client's own resume: nothing wakes the thread that fetches, and it was seen to sleep for up to 0.7 s.
      this.#place(paused.flatMap((one) => this.#positionOf(one) ?? []));
    });
  }

  #positionOf({ topic, partition }: TopicPartition): Position | undefined {
    const assigned = this.#assigned.get(topic, partition);
    return assigned === undefined ? undefined : { topic, partition, offset: assigned.next };
  }

  #withPause(partitions: readonly TopicPartition[], paused: boolean): TopicPartition[] {
    return nativePartitions(partitions).filter(
      (one) => this.#assigned.get(one.topic, one.partition)?.paused === paused,
    );
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const { topic, partition } of partitions) {
      const assigned = this.#assigned.get(topic, partition);
      if (assigned !== undefined) assigned.paused = paused;
    }
  }

  poll(maxRecords: number): Promise<readonly IncomingRecord[]> {
    return this.#inTurn('poll', () => {
      if (!Number.isInteger(maxRecords) || maxRecords < 1) return [];
      return new Promise((resolve) => {
        this.#client.consume(maxRecords, (error, messages) => {
          if (error === null || error === undefined) {
            resolve(this.#accept(messages));
            return;
          }
          const { events } = this.#consumer;
          events.tell(events.explain(failureOfError(error)));
          setImmediate(() => this.#readable());
          resolve([]);
        });
      });
    });
  }

  #accept(messages: readonly NativeMessage[]): IncomingRecord[] {
    const records: IncomingRecord[] = [];
    for (const message of messages) {
      const assigned = this.#assigned.get(message.topic, message.partition);
      if (assigned === undefined || message.offset < assigned.next) continue;
      assigned.next = message.offset + 1;
      records.push(toIncomingRecord(message));
    }
    return records;
  }

  onReadable(listener: () => void): void {
    this.#readable = listener;
  }

  onProblem(listener: (failure: KafkaFailure) => void): void {
    this.#problem = listener;
  }

  /** The group exists in name only: that the principal may not use it is no problem. Nor is the noise of closing. */
  #report(failure: KafkaFailure): void {
    if (failure.code === errorCode.groupAuthorization || failure.kind === 'closed') return;
    this.#problem(failure);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#wakeUp);
    await this.#turn;
    await this.#consumer.disconnect(DISCONNECT_MS);
    this.#assigned.clear();
  }

  #inTurn<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    const refuseClosed = this.#closing !== undefined;
    const result = this.#turn.then(() => {
      if (refuseClosed) throw new KafkaRequestError(`Could not ${what} on the reader`, CLOSED);
      return work();
    });
    this.#turn = result.catch(() => {});
    return result.catch((error: unknown) => {
      if (error instanceof KafkaRequestError) throw error;
      throw new KafkaRequestError(`Could not ${what} on the reader`, failureOfError(error), error);
    });
  }
}

import type { KafkaFailure } from '../../kafka/port.ts';
import { Fifo } from './fifo.ts';
import type { Item } from './item.ts';
import { KeyLane } from './key-lane.ts';

/** A task that came back absent, and why. */
export interface Returned {
  readonly item: Item;
  readonly failure: KafkaFailure;
}

/** What the producer has for one partition. */
export class PartitionLine {
  readonly topic: string;
  readonly partition: number;
  readonly lanes = new Map<string, KeyLane>();
  /** Bytes that have room in the buffer. */
  bytes = 0;
  /** Uploads that go on. */
  uploadCount = 0;
  /** Keys whose first waiting task waits for this partition's share of the buffer. */
  readonly blocked = new Fifo<KeyLane>();

  /** Sendable bytes; tasks that failed while they were sendable are in the queue still, but not in this sum. */
  sendableBytes = 0;
  inFlightBytes = 0;
  inFlightCount = 0;
  /** The appender incarnation in which this partition acked a record with an offset; undefined = in none. */
  warmIn: number | undefined;
  lastAckMs = 0;

  /** Came back absent for a passing reason, and wait until everything in flight is back: only then is their place known. */
  returned: Returned[] = [];
  /** Nothing is sent before. 0 = no wait. */
  pausedUntilMs = 0;
  failuresInRow = 0;
  /** Less than a batch is ready, and waits for more until then; undefined = nothing waits. */
  heldUntilMs: number | undefined;

  #front: Item | undefined;
  #back: Item | undefined;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  lane(key: string): KeyLane {
    const existing = this.lanes.get(key);
    if (existing !== undefined) return existing;
    const lane = new KeyLane(key, this);
    this.lanes.set(key, lane);
    return lane;
  }

  /** The next sendable task. Those that failed meanwhile are passed over. */
  get front(): Item | undefined {
    while (this.#front !== undefined && this.#front.stage !== 'sendable') this.#unlinkFront(this.#front);
    return this.#front;
  }

  pushSendable(item: Item): void {
    item.move('sendable');
    this.sendableBytes += item.bytes;
    if (this.#back === undefined) this.#front = item;
    else this.#back.behind = item;
    this.#back = item;
  }

  /** Puts tasks before everything else, in their order. */
  unshiftSendable(items: readonly Item[]): void {
    for (const item of [...items].reverse()) {
      item.move('sendable');
      this.sendableBytes += item.bytes;
      item.behind = this.#front;
      this.#front = item;
      this.#back ??= item;
    }
  }

  /** The front task goes into a batch. */
  takeFront(item: Item): void {
    this.#unlinkFront(item);
    item.move('handed');
    this.sendableBytes -= item.bytes;
  }

  #unlinkFront(item: Item): void {
    this.#front = item.behind;
    if (this.#front === undefined) this.#back = undefined;
    item.behind = undefined;
  }
}

import { BufferRoom } from './buffer-room.ts';
import { Deadlines } from './deadlines.ts';
import type { Effect, Failure } from './effects.ts';
import { FlushCohorts } from './flush-cohorts.ts';
import type { Item } from './item.ts';
import type { KeyLane } from './key-lane.ts';
import { PartitionLine } from './partition-line.ts';
import type { PartitionRoom } from './partition-room.ts';

/** What the core decides by. Times in milliseconds of the monotonic clock. */
export interface CoreConfig {
  readonly bufferBytes: number;
  readonly partitionBytes: number;
  readonly keyBytes: number;
  readonly uploadCount: number;
  readonly uploadBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly maxBatchBytes: number;
  /** Batches of one partition that may be under way once it is warm. */
  readonly maxInFlightCount: number;
  readonly maxInFlightBytes: number;
  /** From so much under way on, less than a full batch may wait for more. */
  readonly busyBytes: number;
  /** How long it waits at most, in mean round trips and within bounds. Kafka: linger.ms, but only while busy. */
  readonly hold: { readonly roundTrips: number; readonly minMs: number; readonly maxMs: number };
  /** A partition idle for longer is cold again: the broker may have forgotten the producer. */
  readonly coldAfterIdleMs: number;
  /** First and longest wait before what came back absent goes again. */
  readonly resend: { readonly minMs: number; readonly maxMs: number };
}

/** Everything the producer's core knows. The files beside this one read and change it; nothing else does. */
export class ProducerState {
  readonly config: CoreConfig;
  /** undefined = partitions hold whatever they get. */
  readonly partitionRoom: PartitionRoom | undefined;
  readonly room: BufferRoom;
  readonly deadlines = new Deadlines();
  readonly cohorts = new FlushCohorts();
  readonly lines = new Map<string, PartitionLine[]>();
  /** Partitions that may have something to send. */
  readonly stirred = new Set<PartitionLine>();
  /** Partitions that pause before they send again. */
  readonly paused = new Set<PartitionLine>();
  /** Partitions that hold less than a batch back, the oldest first. */
  readonly held = new Set<PartitionLine>();
  /** Over all partitions. */
  inFlightBytes = 0;
  /** A running mean of how long batches take. */
  roundTripMs = 0;
  effects: Effect[] = [];
  nextSeq = 0;
  /** Tasks that are not gone. */
  itemCount = 0;
  nowMs = 0;
  closed = false;

  constructor(config: CoreConfig, partitionRoom: PartitionRoom | undefined) {
    this.config = config;
    this.partitionRoom = partitionRoom;
    this.room = new BufferRoom(config);
  }

  line(topic: string, partition: number): PartitionLine {
    let ofTopic = this.lines.get(topic);
    if (ofTopic === undefined) {
      ofTopic = [];
      this.lines.set(topic, ofTopic);
    }
    let line = ofTopic[partition];
    if (line === undefined) {
      line = new PartitionLine(topic, partition);
      ofTopic[partition] = line;
    }
    return line;
  }
}

/** Tells the caller that the task is in the log. */
export function confirm(
  state: ProducerState,
  item: Item,
  at: { readonly offset: number; readonly timestampMs: number },
): void {
  if (item.answered) return;
  answer(state, item);
  state.effects.push({ kind: 'resolve', item, offset: at.offset, timestampMs: at.timestampMs });
}

/** Tells the caller that the task failed. */
export function refuse(state: ProducerState, item: Item, failure: Failure): void {
  if (item.answered) return;
  answer(state, item);
  state.effects.push({ kind: 'reject', item, failure });
}

function answer(state: ProducerState, item: Item): void {
  item.answered = true;
  state.deadlines.remove(item);
  state.cohorts.leave(item.cohort);
}

/** Takes a task out of the producer: nothing of it is sent any more. */
export function drop(state: ProducerState, item: Item): void {
  const { lane, stage } = item;
  const { line } = lane;
  if (stage === 'sendable') line.sendableBytes -= item.bytes;
  if (stage === 'returned') line.returned = line.returned.filter((other) => other.item !== item);
  if (stage === 'encoding' && item.isCancellable) state.effects.push({ kind: 'cancel', item });
  item.move('gone');
  item.record = undefined;
  item.encode = undefined;
  lane.remove(item);
  state.itemCount -= 1;
  if (stage !== 'waiting') state.room.release(item);
  if (lane.first === undefined) {
    line.lanes.delete(lane.key);
    return;
  }
  letPass(state, lane);
  state.room.reconsider(lane);
}

/** Makes encoded tasks sendable up to the first of the key that is not encoded. */
export function letPass(state: ProducerState, lane: KeyLane): void {
  for (let item = lane.firstUnready; item?.stage === 'ready'; item = lane.firstUnready) {
    lane.firstUnready = item.after;
    lane.line.pushSendable(item);
    state.stirred.add(lane.line);
  }
}

/**
 * A task failed and may be added again by its caller: those of its key behind it that may still be stopped fail too, or
 * they would come to be before it. Those that were handed over already are marked, in case they come back.
 */
export function failFollowers(state: ProducerState, failed: Item): void {
  if (failed.failedFollowers) return;
  failed.failedFollowers = true;
  let item = failed.after;
  while (item !== undefined) {
    const next: Item | undefined = item.after;
    if (item.stage === 'handed') {
      item.failedPredecessor ??= failed.id;
    } else {
      refuse(state, item, { kind: 'predecessor', id: failed.id });
      drop(state, item);
    }
    item = next;
  }
}

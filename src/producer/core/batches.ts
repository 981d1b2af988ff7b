import type { OutgoingRecord } from '../../kafka/port.ts';
import type { Batch } from './effects.ts';
import type { Item } from './item.ts';
import type { PartitionLine } from './partition-line.ts';
import type { ProducerState } from './producer-state.ts';

/** The batches that may go now, in the order to hand them over. */
export function takeBatches(state: ProducerState, incarnation: number): readonly Batch[] {
  const batches: Batch[] = [];
  for (const line of state.stirred) drainLine(state, line, { incarnation, batches });
  state.stirred.clear();
  // Those that were held back for the sake of fuller batches go when there is less under way, the oldest first.
  for (const line of state.held) {
    if (isBusy(state)) break;
    drainLine(state, line, { incarnation, batches });
  }
  return batches;
}

/** Whether {@link takeBatches} may find something. */
export function hasBatches(state: ProducerState): boolean {
  return state.stirred.size > 0 || (state.held.size > 0 && !isBusy(state));
}

function drainLine(
  state: ProducerState,
  line: PartitionLine,
  into: { readonly incarnation: number; readonly batches: Batch[] },
): void {
  if (line.returned.length > 0 || state.nowMs < line.pausedUntilMs) {
    letGo(state, line);
    return;
  }
  for (;;) {
    const warm = isWarm(state, line, into.incarnation);
    if (warm && isHeld(state, line)) return;
    letGo(state, line);
    // A fresh idempotent producer can lose an acked record when its first batch into a partition meets an error and a
    // second one is under way: one record, alone, until an offset is known.
    const maxRecords = warm ? Number.POSITIVE_INFINITY : 1;
    const batch = hasPlace(state, line, warm) ? takeBatch(state, line, maxRecords) : undefined;
    if (batch === undefined) return;
    into.batches.push(batch);
  }
}

/** Whether one more batch may be under way. */
function hasPlace(state: ProducerState, line: PartitionLine, warm: boolean): boolean {
  if (line.inFlightCount === 0) return true;
  // Full batches decide throughput: what is less waits for one that is under way.
  if (!warm || !isFull(state, line)) return false;
  if (line.inFlightCount >= state.config.maxInFlightCount) return false;
  return line.inFlightBytes + state.config.maxBatchBytes <= state.config.maxInFlightBytes;
}

/** A batch's worth. Of parts no two may fit into a batch, and an upload has only a few on their way: it would wait in vain. */
function isFull(state: ProducerState, line: PartitionLine): boolean {
  const { maxBatchBytes } = state.config;
  if (line.sendableBytes >= maxBatchBytes) return true;
  const { front } = line;
  return front?.part === true && front.bytes > maxBatchBytes / 2;
}

/**
 * While a lot is under way already, sending a part of a batch makes nothing faster and costs the brokers a request: it
 * waits for company, for a short time, because what is under way may be stuck behind one broker.
 */
function isHeld(state: ProducerState, line: PartitionLine): boolean {
  if (line.inFlightCount > 0 || !isBusy(state)) return false;
  if (line.sendableBytes === 0 || isFull(state, line)) return false;
  line.heldUntilMs ??= state.nowMs + holdMs(state);
  if (state.nowMs >= line.heldUntilMs) return false;
  state.held.add(line);
  return true;
}

function holdMs(state: ProducerState): number {
  const { roundTrips, minMs, maxMs } = state.config.hold;
  return Math.min(maxMs, Math.max(minMs, roundTrips * state.roundTripMs));
}

function letGo(state: ProducerState, line: PartitionLine): void {
  if (line.heldUntilMs === undefined) return;
  line.heldUntilMs = undefined;
  state.held.delete(line);
}

function isBusy(state: ProducerState): boolean {
  return state.inFlightBytes >= state.config.busyBytes;
}

function isWarm(state: ProducerState, line: PartitionLine, incarnation: number): boolean {
  if (line.warmIn !== incarnation) return false;
  return line.inFlightCount > 0 || state.nowMs - line.lastAckMs < state.config.coldAfterIdleMs;
}

function takeBatch(state: ProducerState, line: PartitionLine, maxRecords: number): Batch | undefined {
  const records: OutgoingRecord[] = [];
  const items: Item[] = [];
  let bytes = 0;
  for (let item = line.front; item !== undefined && records.length < maxRecords; item = line.front) {
    if (records.length > 0 && bytes + item.bytes > state.config.maxBatchBytes) break;
    const { record } = item;
    if (record === undefined) throw new Error('a sendable task has no record');
    if (state.partitionRoom?.enter(line.topic, line.partition, item.bytes) === false) break;
    line.takeFront(item);
    records.push(record);
    items.push(item);
    bytes += item.bytes;
  }
  if (records.length === 0) return undefined;
  line.inFlightCount += 1;
  line.inFlightBytes += bytes;
  state.inFlightBytes += bytes;
  return { line, topic: line.topic, partition: line.partition, records, items, bytes, sentAtMs: state.nowMs };
}

import type { OutgoingRecord } from '../../kafka/port.ts';
import type { Batch } from './effects.ts';
import type { Item } from './item.ts';
import type { PartitionLine } from './partition-line.ts';
import type { ProducerState } from './producer-state.ts';

/** The next batch of a partition, if one may go now. */
export function nextBatch(state: ProducerState, line: PartitionLine, incarnation: number): Batch | undefined {
  if (line.returned.length > 0 || state.nowMs < line.pausedUntilMs) return undefined;
  if (!isWarm(state, line, incarnation)) {
    // A fresh idempotent producer can lose an acked record when its first batch into a partition meets an error and a
    // second one is under way: one record, alone, until an offset is known.
    return line.inFlightCount === 0 ? takeBatch(state, line, 1) : undefined;
  }
  if (line.inFlightCount === 0) return takeBatch(state, line, Number.POSITIVE_INFINITY);
  // Full batches decide throughput: what is less waits for one that is under way.
  if (line.sendableBytes < state.config.maxBatchBytes) return undefined;
  if (line.inFlightCount >= state.config.maxInFlightCount) return undefined;
  if (line.inFlightBytes + state.config.maxBatchBytes > state.config.maxInFlightBytes) return undefined;
  return takeBatch(state, line, Number.POSITIVE_INFINITY);
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
  return { line, topic: line.topic, partition: line.partition, records, items, bytes };
}

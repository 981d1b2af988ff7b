import type { AppendResult, KafkaFailure, KafkaFailureKind, RecordOutcome } from '../../kafka/port.ts';
import type { Batch } from './effects.ts';
import type { Item, RecordFate } from './item.ts';
import type { PartitionLine } from './partition-line.ts';
import { confirm, drop, failFollowers, type ProducerState, refuse } from './producer-state.ts';

/** Refusals that are worth sending again: nothing is wrong with the record. */
const passing: ReadonlySet<KafkaFailureKind> = new Set(['transient', 'unreachable', 'producer-fatal']);

const unanswered: RecordOutcome = {
  kind: 'unknown',
  failure: { kind: 'other', code: undefined, message: 'the appender gave no outcome for the record' },
};

/** What became of a batch. */
export function settleBatch(state: ProducerState, batch: Batch, result: AppendResult): void {
  const { line } = batch;
  line.inFlightCount -= 1;
  line.inFlightBytes -= batch.bytes;
  state.inFlightBytes -= batch.bytes;
  state.roundTripMs += (state.nowMs - batch.sentAtMs - state.roundTripMs) / 8;
  let at = 0;
  for (const item of batch.items) {
    settle(state, item, honest(result.outcomes[at] ?? unanswered), result.incarnation);
    at += 1;
  }
  if (line.inFlightCount === 0 && line.returned.length > 0) sendReturnedAgain(state, line);
  state.stirred.add(line);
}

/** An ack without an offset is none: librdkafka gives one for records that are not in the log. */
function honest(outcome: RecordOutcome): RecordOutcome {
  if (outcome.kind !== 'appended' || outcome.offset >= 0) return outcome;
  return {
    kind: 'unknown',
    failure: { kind: 'other', code: undefined, message: 'acknowledged without an offset' },
  };
}

function settle(state: ProducerState, item: Item, outcome: RecordOutcome, incarnation: number): void {
  const { lane } = item;
  const { line } = lane;
  if (outcome.kind === 'absent') {
    if (item.answered) tell(state, item, 'absent');
    state.partitionRoom?.settled(line.topic, line.partition, item.bytes, 'absent');
    settleAbsent(state, item, outcome.failure);
    return;
  }
  lane.newestLandedSeq = Math.max(lane.newestLandedSeq, item.seq);
  if (outcome.kind === 'appended') {
    state.partitionRoom?.settled(line.topic, line.partition, item.bytes, outcome);
    line.warmIn = incarnation;
    line.lastAckMs = state.nowMs;
    line.failuresInRow = 0;
    tell(state, item, { offset: outcome.offset });
    if (isVoid(item, outcome.timestampMs)) refuse(state, item, { kind: 'void' });
    else confirm(state, item, outcome);
  } else {
    state.partitionRoom?.settled(line.topic, line.partition, item.bytes, 'unknown');
    line.warmIn = undefined;
    tell(state, item, 'unknown');
    refuse(state, item, { kind: 'unconfirmed', failure: outcome.failure });
    failFollowers(state, item);
  }
  drop(state, item);
}

function tell(state: ProducerState, item: Item, fate: RecordFate): void {
  if (item.onSettled !== undefined) state.effects.push({ kind: 'settled', item, fate });
}

function isVoid({ voidAfterMs }: Item, appendedAtMs: number): boolean {
  return voidAfterMs !== undefined && appendedAtMs > voidAfterMs;
}

function settleAbsent(state: ProducerState, item: Item, failure: KafkaFailure): void {
  if (item.answered) {
    drop(state, item); // its caller was told `unknown` and may have added it again
    return;
  }
  if (item.failedPredecessor !== undefined) {
    refuse(state, item, { kind: 'predecessor', id: item.failedPredecessor });
    drop(state, item);
    return;
  }
  if (passing.has(failure.kind)) {
    item.move('returned');
    item.lane.line.returned.push({ item, failure });
    return;
  }
  refuse(state, item, { kind: 'refused', failure });
  drop(state, item);
}

/**
 * Nothing of the partition is in flight now, so each returned task's place is known: before everything that was not sent.
 * One with a later task of its key in the log has lost its place.
 */
function sendReturnedAgain(state: ProducerState, line: PartitionLine): void {
  const inOrder = [...line.returned].sort((a, b) => a.item.seq - b.item.seq);
  const again: Item[] = [];
  for (const { item, failure } of inOrder) {
    if (item.seq > item.lane.newestLandedSeq) {
      again.push(item);
    } else {
      refuse(state, item, { kind: 'refused', failure });
      drop(state, item);
    }
  }
  line.returned = [];
  line.unshiftSendable(again);
  const { minMs, maxMs } = state.config.resend;
  line.pausedUntilMs = state.nowMs + Math.min(maxMs, minMs * 2 ** Math.min(line.failuresInRow, 20));
  line.failuresInRow += 1;
  state.paused.add(line);
}

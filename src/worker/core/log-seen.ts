import type { CoreState } from './core-state.ts';
import { readAnew } from './flow.ts';
import { frontierOf, halt, haltLost } from './halting.ts';
import { cutOffAt, type LeftOver } from './log-read.ts';
import type { PartitionState } from './partition-state.ts';

/**
 * That a log ends too early is believed once it was so for as long, where leaders would have told of a loss. Brokers that were
 * replaced and do not know it, and new leaders that do not know yet what was acknowledged, tell of too early ends for a while.
 */
export const BELIEVED_MS = 30_000;

/** The queue's topic and the log of one of its partitions, as they were found while the partition was worked on. */
export interface LogSeen {
  readonly start: number;
  readonly end: number;
  /** '' where topics have none. */
  readonly topicId: string;
  readonly statePin: string;
  /** How far it had been read before the log was looked at. */
  readonly readTo: number;
  /** What its leader has of what had been read; undefined where that is not known, or not told. */
  readonly left: LeftOver | undefined;
  /** When the look began nothing was read whose leader is known: `left` is not what leaders do not tell. */
  readonly nothingAsked?: true;
}

/** Compares a log with what is known of it. Readers do not tell: one whose offset is gone is silent, or jumps. */
export function logSeen(core: CoreState, partition: PartitionState, log: LogSeen): void {
  if (partition.phase !== 'running') return;
  partition.logEnd = log.end;
  const frontier = frontierOf(partition);
  const { nextOffset } = partition;
  const cutAt = cutOffAt(log.left);
  if (log.topicId !== partition.topicId) {
    halt(core, partition, { reason: 'topic-recreated', from: frontier, to: frontier });
  } else if (log.statePin !== partition.statePin) {
    // What runs may end and be committed: as far as anything was read.
    halt(core, partition, { reason: 'state-topic-lost', from: frontier, to: nextOffset });
  } else if (cutAt !== undefined) {
    halt(core, partition, { reason: 'data-loss', from: cutAt, to: nextOffset, truncated: true });
  } else if (isTooShort(core, partition, log)) {
    // From where it ended first: what was written there since is new.
    const from = Math.min(partition.endedAt ?? log.end, log.end);
    halt(core, partition, { reason: 'data-loss', from, to: nextOffset, truncated: true });
  } else if (frontier < log.start && isMissing(partition, log.start)) {
    haltLost(core, partition, log.start);
  } else if (partition.logRead.believe(log.left, log.nothingAsked)) {
    readAnew(core, partition);
  }
  const isShort = log.end < log.readTo;
  partition.endedAt = isShort ? Math.min(partition.endedAt ?? log.end, log.end) : undefined;
  partition.doubtedSinceMs = isShort ? (partition.doubtedSinceMs ?? core.nowMs) : undefined;
}

/** Whether to believe that the log ends before what was read: not at once, see {@link BELIEVED_MS}. */
function isTooShort({ nowMs }: CoreState, partition: PartitionState, log: LogSeen): boolean {
  const { endedAt, doubtedSinceMs } = partition;
  if (log.end >= log.readTo || endedAt === undefined) return false;
  // Where leaders do not tell, the log may have grown again by then, and nothing would show it.
  return log.left === undefined || nowMs - (doubtedSinceMs ?? nowMs) >= BELIEVED_MS;
}

/** Whether something unfinished below an offset is not in memory. What is there can still be done. */
export function isMissing(partition: PartitionState, below: number): boolean {
  if (partition.nextOffset < below) return true;
  for (const { from } of partition.restored.values()) {
    if (Math.max(from, partition.sweep?.at ?? 0) < below) return true;
  }
  for (const lane of partition.lanes.values()) if (lane.missesBelow(below)) return true;
  return false;
}

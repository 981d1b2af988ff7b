import type { Command, Mark, ParkReason } from '../journal/journal.ts';
import { keyOf } from './lane-key.ts';

/** Names what was parked at one time: a key with its later tasks, or one task. */
export interface MarkRef {
  /** The partition of the queue. */
  readonly partition: number;
  /** The place of the mark in the journal; unique with the partition. */
  readonly mark: number;
}

/** A key, or one task, that was parked and is neither redriven nor discarded yet. */
export interface ParkedMark extends MarkRef {
  readonly key: string;
  /** `key`: a task and all later ones of its key; `task`: one task, the others of its key went on. */
  readonly scope: 'key' | 'task';
  /** Of the first parked task, for which it was parked; '' when an operator parked the key, or it could not be read. */
  readonly type: string;
  readonly id: string;
  readonly reason: ParkReason;
  /** What the first task failed with, shortened to 200 characters; '' when nothing failed. */
  readonly error: string;
  readonly parkedAt: Date;
  /** The first parked task's offset in the queue's topic. */
  readonly from: bigint;
  /** Parked tasks up to this offset in the queue's topic were done by a redrive; undefined: none yet. */
  readonly done: bigint | undefined;
  /** Redrives that ended with a task giving up again. */
  readonly redrives: number;
  /** A command that is to end it, sent and not carried out yet. */
  readonly underWay: { readonly command: string; readonly verb: 'redrive' | 'discard' } | undefined;
}

/** A mark for users, from what the journal says. */
export function parkedMark(
  partition: number,
  mark: Mark,
  underWay: ReadonlyMap<number, ParkedMark['underWay']>,
): ParkedMark {
  return {
    partition,
    mark: mark.id,
    key: keyOf(mark.key),
    scope: mark.scope,
    type: mark.type,
    id: mark.taskId,
    reason: mark.reason,
    error: mark.error,
    parkedAt: new Date(mark.atMs),
    from: BigInt(mark.from),
    done: mark.done < 0 ? undefined : BigInt(mark.done),
    redrives: mark.redrives,
    underWay: underWay.get(mark.id),
  };
}

/** Commands that are to end marks, by mark; the first one that was sent counts. */
export function endings(pending: readonly Command[]): ReadonlyMap<number, ParkedMark['underWay']> {
  const found = new Map<number, ParkedMark['underWay']>();
  for (const { id, verb } of pending) {
    if ((verb.name === 'redrive' || verb.name === 'discard') && !found.has(verb.mark))
      found.set(verb.mark, { command: id, verb: verb.name });
  }
  return found;
}

/** Oldest first; a place in this order for every mark of all partitions. */
export function byAge(a: ParkedMark, b: ParkedMark): number {
  return a.parkedAt.getTime() - b.parkedAt.getTime() || a.partition - b.partition || a.mark - b.mark;
}

import { TopicUnreadableError } from '../../errors/parked-errors.ts';
import type { LogEnds, TopicPartition } from '../../kafka/port.ts';
import type { PartReserve } from './part-reserve.ts';
import { TURN_COUNT, type UploadSource } from './part-source.ts';

/** A turn ends at so many records of other uploads. */
const OTHERS_COUNT = 16;

/** One partition of the parts topic: the client has one position in it, so those that read from it take turns. */
export interface Line {
  readonly place: TopicPartition;
  current: UploadSource | undefined;
  readonly waiting: Set<UploadSource>;
  /** The next offset that the reader brings; undefined while it has no position here. */
  at: number | undefined;
  paused: boolean;
  /** Of the turn: records that belonged to whoever has it, and others. */
  ownCount: number;
  otherCount: number;
  /** Since when nothing has come although something was wanted; undefined while nothing is. */
  silentSinceMs: number | undefined;
  lookedAtMs: number;
  /** As it was when it was last looked at in this silence. */
  log: LogEnds | undefined;
}

export function newLine(place: TopicPartition): Line {
  return {
    place,
    current: undefined,
    waiting: new Set(),
    at: undefined,
    paused: false,
    ownCount: 0,
    otherCount: 0,
    silentSinceMs: undefined,
    lookedAtMs: Number.NEGATIVE_INFINITY,
    log: undefined,
  };
}

export function isWanting({ current }: Line, reserve: PartReserve): boolean {
  return current?.wants === true && reserve.has(current);
}

/** Whoever has the turn keeps it while nobody else waits, so that a lone source is read without a seek. */
export function giveTurn(line: Line, reserve: PartReserve, nowMs: number): void {
  const { current, waiting } = line;
  const isDone = !isWanting(line, reserve);
  const isUp = line.ownCount >= TURN_COUNT || line.otherCount >= OTHERS_COUNT;
  const [next] = waiting;
  if (next === undefined || (!isDone && !isUp)) {
    if (isDone) line.silentSinceMs = undefined;
    return;
  }
  waiting.delete(next);
  if (current !== undefined && !isDone) waiting.add(current);
  line.current = next;
  line.ownCount = 0;
  line.otherCount = 0;
  line.silentSinceMs = nowMs;
  line.log = undefined;
}

/** Nothing has come for long. Only a log that ends too early, still, says that nothing can. */
export function stalled({ current, log }: Line): void {
  if (current === undefined) return;
  const isCut = log !== undefined && log.end <= current.manifest.to;
  current.fail(isCut ? current.lost(`the log ends at offset ${log.end}`) : unreadable(current));
}

/** Its parts cannot be had now. That is none of the task's doing, and not for good. */
export function unreadable({ place, at }: UploadSource, options?: ErrorOptions): TopicUnreadableError {
  return new TopicUnreadableError(place.topic, `offset ${at} of partition ${place.partition}`, options);
}

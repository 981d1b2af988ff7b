import { TopicUnreadableError } from '../../errors/parked-errors.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import type { PartReserve } from './part-reserve.ts';
import { PATIENCE_MS } from './part-silence.ts';
import type { UploadSource } from './part-source.ts';

/**
 * A turn ends, when others wait, after so many parts of whoever has it, so many records of others, or that time. Each turn
 * begins with a seek, and what the client has fetched ahead by then is thrown away: turns of a window each read every body
 * twice over the wire, and four bodies at once half as fast as one after the other.
 */
const TURN_COUNT = 32;
const OTHERS_COUNT = 64;
const TURN_MS = 1_000;

/** A consumer with a full window keeps its turn that long: one that keeps up takes some of it in less. */
export const KEEPS_UP_MS = 5;

/** One partition of the parts topic: the client has one position in it, so those that read from it take turns. */
export interface Line {
  readonly place: TopicPartition;
  current: UploadSource | undefined;
  readonly waiting: Set<UploadSource>;
  /** The next offset that the reader brings; undefined while it has no position here. */
  at: number | undefined;
  paused: boolean;
  /** Of the turn: its beginning, records that belonged to whoever has it, and others. */
  turnSinceMs: number;
  ownCount: number;
  otherCount: number;
  /** Since when nothing has come although something was wanted; undefined while nothing is. */
  silentSinceMs: number | undefined;
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

export function newLine(place: TopicPartition): Line {
  return {
    place,
    current: undefined,
    waiting: new Set(),
    at: undefined,
    paused: false,
    turnSinceMs: Number.NEGATIVE_INFINITY,
    ownCount: 0,
    otherCount: 0,
    silentSinceMs: undefined,
  };
}

export function isWanting({ current }: Line, reserve: PartReserve): boolean {
  return current?.wants === true && reserve.has(current);
}

/** Whoever has the turn keeps it while nobody else waits, so that a lone source is read without a seek. */
export function giveTurn(line: Line, reserve: PartReserve, nowMs: number): void {
  const { current, waiting } = line;
  lendMemory(line, reserve, nowMs);
  const wants = isWanting(line, reserve);
  if (waiting.size === 0) {
    if (!wants) line.silentSinceMs = undefined;
    return;
  }
  const goesOn = current !== undefined && mayFlow(current, reserve, nowMs);
  if (goesOn && !isTurnUp(line, nowMs)) return;
  const next = nextOf(line);
  if (next === undefined) return;
  waiting.delete(next);
  if (current !== undefined && wants) waiting.add(current);
  // Of one that begins where nothing is the reader cannot bring anything. Else its silence goes on: it may be broken.
  if (line.silentSinceMs === undefined || current?.silence.endsBefore(current.at) === true)
    line.silentSinceMs = nowMs;
  line.current = next;
  beginTurn(line, nowMs);
}

/** Whoever has nothing to read keeps no memory from the others meanwhile. */
function lendMemory(line: Line, reserve: PartReserve, nowMs: number): void {
  const { current } = line;
  if (current === undefined || current.whole || !current.isEmpty || !reserve.has(current)) return;
  if (!reserve.hasWaiting || !isSilent(line, nowMs)) return;
  reserve.release(current);
  reserve.ask(current);
}

export function beginTurn(line: Line, nowMs: number): void {
  line.turnSinceMs = nowMs;
  line.ownCount = 0;
  line.otherCount = 0;
}

/** Whether what comes for it is wanted, or will be in a moment. */
export function mayFlow(source: UploadSource, reserve: PartReserve, nowMs: number): boolean {
  if (source.isOver || !reserve.has(source)) return false;
  return source.room > 0 || source.hasTakenSince(nowMs - KEEPS_UP_MS);
}

export function isTurnUp(line: Line, nowMs: number): boolean {
  if (line.ownCount >= TURN_COUNT || line.otherCount >= OTHERS_COUNT) return true;
  return nowMs - line.turnSinceMs >= TURN_MS || isSilent(line, nowMs);
}

/** Nothing has come in this turn for longer than a fetch takes. */
function isSilent({ silentSinceMs, turnSinceMs }: Line, nowMs: number): boolean {
  return silentSinceMs !== undefined && nowMs - Math.max(silentSinceMs, turnSinceMs) >= PATIENCE_MS;
}

/** The one that the reader has come to, if there is one and its predecessor is through; else whoever waits longest. */
function nextOf({ current, waiting, at }: Line): UploadSource | undefined {
  const [first] = waiting;
  if (current !== undefined && !current.isOver) return first;
  for (const source of waiting) {
    if (source.at === at) return source;
  }
  return first;
}

/** Its parts cannot be had now. That is none of the task's doing, and not for good. */
export function unreadable({ place, at }: UploadSource, options?: ErrorOptions): TopicUnreadableError {
  return new TopicUnreadableError(place.topic, `offset ${at} of partition ${place.partition}`, options);
}

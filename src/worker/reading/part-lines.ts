import type { Clock } from '../../clock/clock.ts';
import type { IncomingRecord, Reader, TopicPartition } from '../../kafka/port.ts';
import {
  beginTurn,
  giveTurn,
  isTurnUp,
  isWanting,
  type Line,
  mayFlow,
  nameOf,
  newLine,
} from './part-line.ts';
import type { PartReserve } from './part-reserve.ts';
import { type UploadSource, WINDOW_COUNT } from './part-source.ts';

/**
 * Of parts, taken from the client at once, or one that is larger. What waits in the client is no Buffer yet: see
 * part-garbage.ts.
 */
const POLL_BYTES = 2_000_000;

/** The partitions of which parts are read: whose turn it is in each, and where the reader stands. */
export class PartLines {
  readonly #reserve: PartReserve;
  readonly #clock: Clock;
  /** By topic and partition. */
  readonly #lines = new Map<string, Line>();

  constructor(reserve: PartReserve, clock: Clock) {
    this.#reserve = reserve;
    this.#clock = clock;
  }

  /** It wants to be read, now or when its turn comes. */
  enter(source: UploadSource): void {
    const line = this.#of(source.place) ?? newLine(source.place);
    this.#lines.set(nameOf(source.place), line);
    if (line.current !== source) line.waiting.add(source);
  }

  leave(source: UploadSource): void {
    this.#of(source.place)?.waiting.delete(source);
  }

  /** With memory again its turn begins anew: what others waited for is theirs. */
  renewTurn(source: UploadSource): void {
    const line = this.#of(source.place);
    if (line?.current === source) beginTurn(line, this.#clock.monotonicMs());
  }

  hasTurn(source: UploadSource): boolean {
    const line = this.#of(source.place);
    return line?.current === source && !isTurnUp(line, this.#clock.monotonicMs());
  }

  get areAsked(): boolean {
    for (const line of this.#lines.values()) {
      if (line.waiting.size > 0 || isWanting(line, this.#reserve)) return true;
    }
    return false;
  }

  /** Those of which something is wanted now, and by whom. */
  *wanting(): Iterable<readonly [Line, UploadSource]> {
    for (const line of this.#lines.values()) {
      const { current } = line;
      if (current !== undefined && isWanting(line, this.#reserve)) yield [line, current];
    }
  }

  /** Gives turns and has the reader bring what is wanted. */
  async arrange(reader: Reader): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    for (const line of this.#lines.values()) giveTurn(line, this.#reserve, nowMs);
    for (const line of this.#lines.values()) {
      const { current, place } = line;
      if (current === undefined || !mayFlow(current, this.#reserve, nowMs)) await this.#pause(reader, line);
      else if (line.at !== current.at) {
        line.at = current.at;
        line.paused = false;
        await reader.assign([{ ...place, offset: current.at }]);
      } else if (line.paused) {
        line.paused = false;
        await reader.resume([place]);
      }
    }
  }

  /** Nothing more is fetched where nobody is in the middle of reading. */
  async rest(reader: Reader): Promise<void> {
    for (const line of this.#lines.values()) {
      if (line.current?.isOver !== false) await this.#pause(reader, line);
    }
  }

  /** No line gets more than it has room for, whichever of them the records are of. 0 while one that flows has none. */
  get pollCount(): number {
    let count = WINDOW_COUNT;
    for (const { at, paused, current } of this.#lines.values()) {
      if (at === undefined || paused || current === undefined) continue;
      count = Math.min(count, current.room, Math.max(1, Math.floor(POLL_BYTES / current.manifest.partBytes)));
    }
    return Math.max(0, count);
  }

  handOn(record: IncomingRecord): void {
    const line = this.#of(record);
    if (line === undefined) return;
    const { current, at } = line;
    line.at = record.offset + 1;
    line.silentSinceMs = undefined;
    // One that was sent back meanwhile must not be taken past what it has not seen.
    const follows = current !== undefined && current.at === at && this.#reserve.has(current);
    if (follows && current.take(record)) line.ownCount += 1;
    else line.otherCount += 1;
  }

  /** The reader was given up: the next one stands nowhere yet. */
  reset(): void {
    for (const line of this.#lines.values()) {
      line.at = undefined;
      line.paused = false;
      line.silentSinceMs = undefined;
    }
  }

  /** Costs what was fetched ahead: a consumer that keeps up is never paused. */
  async #pause(reader: Reader, line: Line): Promise<void> {
    if (line.at === undefined || line.paused) return;
    line.paused = true;
    await reader.pause([line.place]);
  }

  #of(place: TopicPartition): Line | undefined {
    return this.#lines.get(nameOf(place));
  }
}

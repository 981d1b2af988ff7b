/** Everything that was read of a log below an offset was appended by leaders up to this epoch. */
export interface ReadPart {
  readonly leaderEpoch: number;
  readonly below: number;
}

/** What the present leader of a log has of a part that was read. */
export interface LeftOver {
  readonly of: ReadPart;
  /** The present leader's own epoch. */
  readonly presentEpoch: number;
  /** Where what it has of it ends. undefined = it has never heard of those leaders. */
  readonly end: number | undefined;
}

/**
 * What was read of a partition's log, and by whom it was appended.
 *
 * A leader that was elected uncleanly lacks the end of the log, and soon new records have the offsets of those that are gone.
 * Its epoch is higher than any before, so it shows in the first record of it that comes, whether the log has grown again or
 * not. Until the leader has said that it has all that was read, nothing of it is taken.
 */
export class LogRead {
  /** -1 = nobody is known. */
  #leaderEpoch = -1;
  #below = 0;
  /** Leaders up to this one have all that was read. */
  #believed = -1;
  /** A record of this one has come, and it was not believed. */
  #asked: number | undefined;

  /** What an owner before has read. undefined: that is not known. */
  begin(part: ReadPart | undefined): void {
    this.#leaderEpoch = part?.leaderEpoch ?? -1;
    this.#below = part?.below ?? 0;
  }

  /** Somebody has to ask whether what was read is there still; no record is taken until then. */
  get isAsked(): boolean {
    return this.#asked !== undefined;
  }

  get part(): ReadPart | undefined {
    return this.#leaderEpoch < 0 ? undefined : { leaderEpoch: this.#leaderEpoch, below: this.#below };
  }

  /** Whether a record can be taken; if not, see {@link isAsked}. */
  admits(leaderEpoch: number | undefined): boolean {
    if (leaderEpoch === undefined || this.#leaderEpoch < 0) return true;
    if (leaderEpoch <= Math.max(this.#leaderEpoch, this.#believed)) return true;
    this.#asked = leaderEpoch;
    return false;
  }

  took(offset: number, leaderEpoch: number | undefined): void {
    if (leaderEpoch === undefined) return;
    this.#leaderEpoch = Math.max(this.#leaderEpoch, leaderEpoch);
    this.#below = offset + 1;
  }

  /** What is known of what lies below an offset: the newest leader among those that appended it. */
  leaderBelow(offset: number): number | undefined {
    return this.#leaderEpoch >= 0 && offset <= this.#below ? this.#leaderEpoch : undefined;
  }

  /**
   * The leader has answered. True when records of it can be taken from now on. `undefined`: leaders do not tell, unless they
   * were not asked.
   */
  believe(left: LeftOver | undefined, nothingAsked?: true): boolean {
    if (this.#asked === undefined) return false;
    if (left === undefined && nothingAsked === true) return false;
    if (left === undefined) {
      this.#believed = this.#asked;
    } else {
      // Asked about less than was read by the time the record came; or a leader answers that is older than the record.
      if (left.presentEpoch < this.#asked || left.of.leaderEpoch !== this.#leaderEpoch) return false;
      if (left.end === undefined || left.end < this.#below) return false;
      this.#believed = left.presentEpoch;
    }
    this.#asked = undefined;
    return true;
  }
}

/** Where a log was cut off below what had been read; undefined = it was not, or nobody can tell. */
export function cutOffAt(left: LeftOver | undefined): number | undefined {
  return left?.end !== undefined && left.end < left.of.below ? left.end : undefined;
}

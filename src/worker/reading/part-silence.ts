import type { LogEnds } from '../../kafka/admin.ts';

/** After so much silence the log is looked at, and how often it is looked at from then on. */
export const PATIENCE_MS = 1_000;
const LOOK_UP_MS = 5_000;

/** Silence that lasts so long is an answer: brokers that change a leader, or fail, are back by then. */
export const STALLED_MS = 30_000;

/**
 * What is known of an upload of which nothing comes. That the log goes on tells nothing: others append to it. What counts is
 * whether it reaches to the upload's last part, which was in it before any record could say so.
 */
export class PartSilence {
  readonly #to: number;
  #sinceMs: number | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when the log is known to end before the last part. */
  #cutSinceMs: number | undefined;
  /** As it was when it was last looked at in this silence. */
  #log: LogEnds | undefined;

  /** `to` is the offset of the last part. */
  constructor(to: number) {
    this.#to = to;
  }

  /** It is being read, and nothing of it is here. */
  goesOn(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  /** A part of it has come: what was seen may be over. */
  ends(): void {
    this.#sinceMs = undefined;
    this.#log = undefined;
    this.#cutSinceMs = undefined;
  }

  /** Whether to look at the log now; it counts as looked at then. */
  takeLook(nowMs: number): boolean {
    const isLong = this.#sinceMs !== undefined && nowMs - this.#sinceMs >= PATIENCE_MS;
    if (!isLong || nowMs - this.#lookedAtMs < LOOK_UP_MS) return false;
    this.#lookedAtMs = nowMs;
    return true;
  }

  saw(log: LogEnds): void {
    if (this.#sinceMs === undefined) return; // it has ended meanwhile
    this.#log = log;
    this.#cutSinceMs = log.end > this.#to ? undefined : (this.#cutSinceMs ?? this.#sinceMs);
  }

  /** Nothing is there at the offset, as far as is known: that none comes is not the reader's fault. */
  endsBefore(at: number): boolean {
    return this.#log !== undefined && this.#log.end <= at;
  }

  /** Where the log ends too early, once it has done so for long enough. */
  cutOffAt(nowMs: number): number | undefined {
    const isLong = this.#cutSinceMs !== undefined && nowMs - this.#cutSinceMs >= STALLED_MS;
    return isLong ? this.#log?.end : undefined;
  }
}

import type { Clock, Timer } from '../../clock/clock.ts';

export interface PartLimits {
  /** Parts of one upload that may be on their way at once. */
  readonly perUpload: number;
  /** Parts of all uploads. The first one of each is let through beyond it while those before it are stuck. */
  readonly inAll: number;
}

/**
 * A part on its way for so long waits for something else than the parts before it, such as a leader for its partition: it
 * keeps no upload from having one part on its way.
 */
const STUCK_MS = 1_000;

interface PartToGo {
  readonly upload: string;
  /** At once at most. Default: what the limits say by then. */
  readonly perUpload?: number | undefined;
  /** Its upload always has one part on its way: it does not wait for others. */
  readonly beside?: boolean | undefined;
}

interface Waiter extends PartToGo {
  readonly admit: () => void;
}

/** Bounds how many parts are on their way to the brokers, and with them what uploads hold in memory. */
export class PartsUnderWay {
  readonly #limits: PartLimits;
  readonly #clock: Clock;
  /** By upload: when each of its parts that are on their way left, the earliest first. */
  readonly #leftAtMs = new Map<string, number[]>();
  readonly #waiting = new Set<Waiter>();
  #count = 0;
  #lookingAgain: Timer | undefined;

  /** The limits may change: they are looked at whenever a part asks or leaves. */
  constructor(limits: PartLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Waits until one more part of the upload may go; rejects with the signal's reason when it aborts before. */
  enter(part: PartToGo, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const nowMs = this.#clock.monotonicMs();
    if (this.#mayGo(part, nowMs)) {
      this.#take(part.upload, nowMs);
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiting.delete(waiter);
        this.#lookAgain(this.#clock.monotonicMs());
        reject(signal.reason);
      };
      const admit = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const waiter: Waiter = { ...part, admit };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
      this.#lookAgain(nowMs);
    });
  }

  /** A part of the upload is no longer on its way. */
  leave(upload: string): void {
    const left = this.#leftAtMs.get(upload);
    left?.shift();
    if (left?.length === 0) this.#leftAtMs.delete(upload);
    this.#count -= 1;
    this.#admit();
  }

  #admit(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const waiter of this.#waiting) {
      if (!this.#mayGo(waiter, nowMs)) continue;
      this.#waiting.delete(waiter);
      this.#take(waiter.upload, nowMs);
      waiter.admit();
    }
    this.#lookAgain(nowMs);
  }

  #mayGo({ upload, perUpload = this.#limits.perUpload, beside }: PartToGo, nowMs: number): boolean {
    const { inAll } = this.#limits;
    const own = this.#leftAtMs.get(upload)?.length ?? 0;
    if (own > 0) return own < perUpload && this.#count < inAll;
    return beside === true || this.#moving(nowMs).length < inAll;
  }

  #take(upload: string, nowMs: number): void {
    const left = this.#leftAtMs.get(upload) ?? [];
    left.push(nowMs);
    this.#leftAtMs.set(upload, left);
    this.#count += 1;
  }

  /** When those left that are not stuck. */
  #moving(nowMs: number): number[] {
    return [...this.#leftAtMs.values()].flat().filter((leftAtMs) => nowMs - leftAtMs < STUCK_MS);
  }

  /** While an upload waits that has no part on its way, when the next one of the others counts as stuck. */
  #lookAgain(nowMs: number): void {
    this.#lookingAgain?.clear();
    this.#lookingAgain = undefined;
    if (![...this.#waiting].some(({ upload }) => !this.#leftAtMs.has(upload))) return;
    const moving = this.#moving(nowMs);
    // None: they became stuck just now, and the timer that was to see it had not fired.
    const ms = moving.length === 0 ? 0 : Math.min(...moving) + STUCK_MS - nowMs;
    this.#lookingAgain = this.#clock.setTimer(ms, () => this.#admit(), { background: true });
  }
}

import type { PartLimits } from './parts-under-way.ts';

/** It is narrowed no further; beside it each upload may have one part on its way while others are stuck. */
const FEWEST_IN_ALL = 2;
/** Small tasks take so much longer than without parts before parts give way: twice as long, and this at least. */
const MIN_EXTRA_MS = 10;
/** Of how many acknowledgements it is, more or less, that the window heeds the mean. */
const MEAN_OF = 4;
/** What the quickest acknowledgement took is of the last one or two of these: brokers and networks change. */
const BASE_MS = 60_000;
/** Having given way it lets more through only after this, and then one more each second: each time it finds out by making tasks wait. */
const HOLD_MS = 30_000;
const GROW_MS = 1_000;
/** When no small task has been acknowledged for so long, none has to wait for parts. */
const ALONE_MS = 10_000;

/**
 * How many parts may be on their way. As many as their limits say while nobody minds: that is how a body gets quickly into
 * Kafka. Parts queue in brokers, though, on their way to the disk and to the replicas, and small tasks behind them. When those are
 * acknowledged later than they were at best, fewer parts are let go, until it is as before.
 */
export class PartsWindow implements PartLimits {
  readonly #limits: PartLimits;
  readonly #now: () => number;
  #inAll: number;
  #meanMs: number | undefined;
  /** The quickest acknowledgement of this stretch of time, and of the one before. */
  #bestMs = Number.POSITIVE_INFINITY;
  #bestBeforeMs = Number.POSITIVE_INFINITY;
  #stretchSinceMs = Number.NEGATIVE_INFINITY;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #gaveWayAtMs = Number.NEGATIVE_INFINITY;
  #growsAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: PartLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#inAll = limits.inAll;
  }

  get inAll(): number {
    const isAlone = this.#now() - this.#heardAtMs >= ALONE_MS;
    return isAlone ? this.#limits.inAll : this.#inAll;
  }

  get perUpload(): number {
    const { perUpload, inAll } = this.#limits;
    return Math.ceil((perUpload * this.inAll) / inAll);
  }

  /** Small tasks were acknowledged after so long. `beside`: with parts on their way. */
  acknowledged(tookMs: number, beside: boolean): void {
    const nowMs = this.#now();
    this.#heardAtMs = nowMs;
    this.#learn(tookMs, nowMs);
    if (!beside) this.#meanMs = undefined;
    // What had left before tells nothing about what was done since.
    if (!beside || nowMs - tookMs < this.#gaveWayAtMs) return;
    const bestMs = this.#leastMs;
    const meanMs = this.#meanMs ?? bestMs;
    this.#meanMs = meanMs + (tookMs - meanMs) / MEAN_OF;
    if (this.#meanMs > bestMs + Math.max(bestMs, MIN_EXTRA_MS)) this.#giveWay(nowMs);
    else if (nowMs >= this.#growsAtMs) this.#grow(nowMs);
  }

  get #leastMs(): number {
    return Math.min(this.#bestMs, this.#bestBeforeMs);
  }

  #learn(tookMs: number, nowMs: number): void {
    if (nowMs - this.#stretchSinceMs >= BASE_MS) {
      this.#bestBeforeMs = this.#bestMs;
      this.#bestMs = tookMs;
      this.#stretchSinceMs = nowMs;
    }
    this.#bestMs = Math.min(this.#bestMs, tookMs);
  }

  #giveWay(nowMs: number): void {
    this.#inAll = Math.max(Math.min(FEWEST_IN_ALL, this.#limits.inAll), Math.floor(this.#inAll / 2));
    this.#gaveWayAtMs = nowMs;
    this.#growsAtMs = nowMs + HOLD_MS;
    this.#meanMs = undefined;
  }

  #grow(nowMs: number): void {
    this.#inAll = Math.min(this.#limits.inAll, this.#inAll + 1);
    this.#growsAtMs = nowMs + GROW_MS;
  }
}

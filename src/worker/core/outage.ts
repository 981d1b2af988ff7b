/** How many keys of a type must be failing, and no task of it succeeding, before the type counts as down. */
export const OUTAGE_MIN_KEYS = 5;

/**
 * Tells a dependency that is down from a poison task: when most keys of a type that were tried fail and none succeeds,
 * the type is in outage. Then starts fall to one probe at a time and attempts are frozen; the first success ends it.
 */
export class OutageDetector {
  /** Keys that failed since the last success of the type. */
  readonly #failing = new Set<string>();
  #down = false;
  #proven = false;
  #beganMs = 0;
  #probeAtMs = 0;
  #probeDelayMs = 0;
  readonly #minProbeMs: number;
  readonly #maxProbeMs: number;

  constructor(probe: { readonly minMs: number; readonly maxMs: number }) {
    this.#minProbeMs = probe.minMs;
    this.#maxProbeMs = probe.maxMs;
  }

  get down(): boolean {
    return this.#down;
  }

  /** A task of the type has succeeded here. */
  get proven(): boolean {
    return this.#proven;
  }

  /** Since when the type is down; of the last time when it is not. */
  get beganMs(): number {
    return this.#beganMs;
  }

  /** When the next probe may start; meaningful while down. */
  get probeAtMs(): number {
    return this.#probeAtMs;
  }

  /** True when this success ended an outage. */
  succeeded(): boolean {
    this.#failing.clear();
    this.#proven = true;
    const ended = this.#down;
    this.#down = false;
    return ended;
  }

  /** True when this failure began an outage. `runningKeys` = keys of the type being handled right now, this one not counted. */
  failed(key: string, runningKeys: number, nowMs: number): boolean {
    if (this.#down) {
      if (nowMs < this.#probeAtMs) return false; // no probe: it was running when the outage began
      this.#probeDelayMs = Math.min(this.#maxProbeMs, this.#probeDelayMs * 2);
      this.#probeAtMs = nowMs + this.#probeDelayMs;
      return false;
    }
    this.#failing.add(key);
    // "Most": more keys failed in a row than are still being tried.
    if (this.#failing.size < OUTAGE_MIN_KEYS || this.#failing.size <= runningKeys) return false;
    this.#down = true;
    this.#beganMs = nowMs;
    this.#probeDelayMs = this.#minProbeMs;
    this.#probeAtMs = nowMs + this.#probeDelayMs;
    return true;
  }
}

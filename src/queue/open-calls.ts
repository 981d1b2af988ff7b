import type { Clock } from '../clock/clock.ts';
import { QueueBodies } from './queue-bodies.ts';

/** How long the end waits for sources of bodies that have not ended. */
const SOURCES_END_MS = 10_000;

/** A queue's calls that have not been answered, and the bodies among them, which may need to be cut off. */
export class OpenCalls {
  readonly bodies = new QueueBodies();
  readonly #open = new Set<Promise<unknown>>();

  track<R>(call: Promise<R>): Promise<R> {
    const tracked = call.catch(() => {}).finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
    return call;
  }

  /** Resolves when every call made before has its answer, good or bad. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#open);
  }

  /**
   * Resolves when the calls made before have their answers. Bodies are cut off, for that reason, whose sources have not
   * ended in 10 s, and all others after `timeoutMs`, which counts for sources too when it is shorter.
   */
  async end({
    timeoutMs,
    reason,
    clock,
  }: {
    readonly timeoutMs: number;
    readonly reason: Error;
    readonly clock: Clock;
  }): Promise<void> {
    const timers = [
      clock.setTimer(Math.min(SOURCES_END_MS, timeoutMs), () => this.bodies.cutOff('unended', reason)),
      clock.setTimer(timeoutMs, () => this.bodies.cutOff('all', reason)),
    ];
    await this.answered();
    for (const timer of timers) timer.clear();
  }
}

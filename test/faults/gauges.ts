import { readFileSync } from 'node:fs';
import type { EventLog } from './event-log.ts';
import { readSoFar } from './observed-driver.ts';

const GAUGE_MS = 500;
const TICK_MS = 10;

/** Writes down every half second what the process holds, has read, and for how long its event loop stood still. */
export function startGauges(log: EventLog): void {
  const loop = new LoopWatch();
  setInterval(() => loop.tick(), TICK_MS);
  setInterval(() => {
    const rssBytes = process.memoryUsage.rss();
    log.write({ event: 'gauge', rssBytes, readBytes: readSoFar(), ...loop.take() });
  }, GAUGE_MS);
}

interface LoopDelays {
  readonly loopDelayMs: number;
  readonly waitedMs: number;
  readonly computedMs: number;
}

const none: LoopDelays = { loopDelayMs: 0, waitedMs: 0, computedMs: 0 };

/** Between two ticks: how much longer it took than it should, and what the thread did meanwhile. */
class LoopWatch {
  #at = performance.now();
  #thread = mainThread();
  #longest = none;

  tick(): void {
    const now = performance.now();
    const thread = mainThread();
    const loopDelayMs = now - this.#at - TICK_MS;
    const waitedMs = Math.min(loopDelayMs, thread.waitedMs - this.#thread.waitedMs);
    this.#longest = {
      ...(loopDelayMs > this.#longest.loopDelayMs ? { loopDelayMs, waitedMs } : this.#longest),
      computedMs: Math.max(this.#longest.computedMs, thread.computedMs - this.#thread.computedMs),
    };
    this.#at = now;
    this.#thread = thread;
  }

  take(): LoopDelays {
    this.tick();
    const longest = this.#longest;
    this.#longest = none;
    return longest;
  }
}

/** Of the main thread, so far; 0 where the system does not tell. */
function mainThread(): { readonly computedMs: number; readonly waitedMs: number } {
  try {
    const [computed, waited] = readFileSync('/proc/self/schedstat', 'latin1').split(' ');
    return { computedMs: Number(computed) / 1e6, waitedMs: Number(waited) / 1e6 };
  } catch {
    return { computedMs: 0, waitedMs: 0 };
  }
}

/** The most that a running process has ever held; undefined where the system does not tell. */
export function peakRssBytes(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}

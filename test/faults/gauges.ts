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
  readonly computedMs: number;
}

/** Between two ticks: how much longer it took than it should, and how long the thread computed. */
class LoopWatch {
  #at = performance.now();
  #computed = computedMs();
  #longest: LoopDelays = { loopDelayMs: 0, computedMs: 0 };

  tick(): void {
    const now = performance.now();
    const computed = computedMs();
    this.#longest = {
      loopDelayMs: Math.max(this.#longest.loopDelayMs, now - this.#at - TICK_MS),
      computedMs: Math.max(this.#longest.computedMs, computed - this.#computed),
    };
    this.#at = now;
    this.#computed = computed;
  }

  take(): LoopDelays {
    this.tick();
    const longest = this.#longest;
    this.#longest = { loopDelayMs: 0, computedMs: 0 };
    return longest;
  }
}

/** The processor time of the main thread; 0 where the system does not tell. */
function computedMs(): number {
  try {
    return Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return 0;
  }
}

/** The most that a running process has ever held; undefined where the system does not tell. */
export function peakRssBytes(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}

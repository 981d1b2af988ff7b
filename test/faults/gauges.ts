import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { EventLog } from './event-log.ts';
import { readSoFar } from './observed-driver.ts';

const GAUGE_MS = 500;
const RESOLUTION_MS = 10;

/** Writes down every half second what the process holds, has read, and for how long its event loop stood still. */
export function startGauges(log: EventLog): void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  setInterval(() => {
    const loopDelayMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS);
    delays.reset();
    log.write({
      event: 'gauge',
      rssBytes: process.memoryUsage.rss(),
      readBytes: readSoFar(),
      loopDelayMs,
    });
  }, GAUGE_MS);
}

/** The most that a running process has ever held; undefined where the system does not tell. */
export function peakRssBytes(pid: number | undefined): number | undefined {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
}

import type { LogEvent } from '../checker/events.ts';
import type { LogSample } from './log-watch.ts';

/** How often the log start of a partition was seen to have moved. */
export function purgeCount(samples: readonly LogSample[]): number {
  let count = 0;
  for (const [index, { logs }] of samples.entries()) {
    const before = samples[index - 1];
    if (before === undefined) continue;
    count += logs.filter(({ start }, partition) => start > (before.logs[partition]?.start ?? 0)).length;
  }
  return count;
}

/**
 * The log start never passes what the slowest of the groups has committed, nothing of a partition is gone while one of
 * them has committed nothing there, and it never goes back.
 */
export function checkStarts(samples: readonly LogSample[]): string[] {
  const problems: string[] = [];
  for (const [index, { at, logs, committed }] of samples.entries()) {
    for (const [partition, { start }] of logs.entries()) {
      const before = samples[index - 1]?.logs[partition]?.start ?? 0;
      if (start < before)
        problems.push(`log start: of partition ${partition} it went back from ${before} to ${start}`);
      for (const [group, offsets] of committed) {
        const offset = offsets[partition];
        if (start <= (offset ?? 0)) continue;
        const text = `of partition ${partition} it is ${start}, and ${group} has committed ${offset ?? 'nothing'}`;
        problems.push(`log start: ${text} (at ${at.toFixed(0)} ms)`);
      }
    }
  }
  return problems;
}

/** The clocks of the brokers and of the logs may drift apart by so much within a run. */
const DRIFT_MS = 100;

/** What is gone was kept for as long as was asked for: judged by when its producer called, which is before it was there. */
export function checkAges(
  samples: readonly LogSample[],
  events: readonly LogEvent[],
  keepFinishedMs: number,
): string[] {
  const calledAt = new Map<string, number>();
  const records = new Map<number, { readonly id: string; readonly offset: number; readonly at: number }[]>();
  for (const event of events) {
    if (event.event === 'enqueue-called') calledAt.set(event.id, event.at);
    if (event.event !== 'enqueue-acked') continue;
    const { id, offset, partition } = event;
    const record = { id, offset, at: calledAt.get(id) ?? Number.NEGATIVE_INFINITY };
    const list = records.get(partition);
    if (list === undefined) records.set(partition, [record]);
    else list.push(record);
  }
  const problems: string[] = [];
  for (const [partition, list] of records) {
    list.sort((a, b) => a.offset - b.offset);
    let next = 0;
    for (const { at, logs } of samples) {
      const start = logs[partition]?.start ?? 0;
      for (let record = list[next]; record !== undefined && record.offset < start; record = list[next]) {
        next += 1;
        const ageMs = at - record.at;
        if (ageMs > keepFinishedMs - DRIFT_MS) continue;
        const text = `${record.id} at ${partition}/${record.offset} was gone ${ageMs.toFixed(0)} ms after it was called for`;
        problems.push(`kept too short: ${text}, and is to be kept for ${keepFinishedMs}`);
      }
    }
  }
  return problems;
}

/** The longest time from when all groups had committed an offset, until the log started there or above. */
export function longestBehindMs(samples: readonly LogSample[]): number {
  let longest = 0;
  for (const partition of samples[0]?.logs.keys() ?? []) {
    /** Frontiers that the log start has not come to: the first time each was seen. */
    const open: { readonly at: number; readonly offset: number }[] = [];
    for (const { at, logs, committed } of samples) {
      const start = logs[partition]?.start ?? 0;
      while (open[0] !== undefined && open[0].offset <= start)
        longest = Math.max(longest, at - (open.shift()?.at ?? at));
      const offset = Math.min(...[...committed.values()].map((offsets) => offsets[partition] ?? 0));
      // Set back: what was committed before is not due any more.
      while ((open.at(-1)?.offset ?? -1) >= offset && open.at(-1)?.offset !== offset) open.pop();
      if (offset > Math.max(start, open.at(-1)?.offset ?? 0)) open.push({ at, offset });
    }
    const last = samples.at(-1);
    if (open[0] !== undefined && last !== undefined) longest = Math.max(longest, last.at - open[0].at);
  }
  return longest;
}

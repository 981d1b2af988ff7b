import type { LogEvent } from '../checker/events.ts';

/** A time in which partitions moved, on the machine's monotonic clock. */
export interface Move {
  /** The process that went. */
  readonly life: string;
  /** When it was told to, or killed. */
  readonly from: number;
  /** When everything was calm again. */
  readonly to: number;
}

export interface MoveCost {
  /** From the end of the process to the next start of a task, of each partition that it had. */
  readonly moved: readonly number[];
  /** The longest time without a start of each partition that stayed where it was. */
  readonly stayed: readonly number[];
}

/** What a move cost the partitions. Where nothing starts at all the figure is infinite. */
export function costOfMove(events: readonly LogEvent[], move: Move): MoveCost {
  const ended = events.find((e) => e.event === 'exited' && e.target === move.life);
  const holders = holdersAt(events, move.from);
  const left = new Set<number>();
  for (const event of events) {
    if (event.at < move.from || event.at > move.to) continue;
    if (event.event === 'revoke-asked' || event.event === 'given-up')
      for (const partition of event.partitions) left.add(partition);
  }
  const moved: number[] = [];
  const stayed: number[] = [];
  for (const [partition, life] of holders) {
    if (life === move.life) moved.push(nextStart(events, partition, ended?.at ?? Number.NaN));
    else if (!left.has(partition)) stayed.push(longestPause(events, partition, move));
  }
  return { moved, stayed };
}

/** Who had taken which partition at a moment. */
function holdersAt(events: readonly LogEvent[], moment: number): ReadonlyMap<number, string> {
  const holders = new Map<number, string>();
  for (const event of events) {
    if (event.at > moment) break;
    if (event.event === 'taken') holders.set(event.partition, event.process);
    if (event.event !== 'given-up') continue;
    for (const partition of event.partitions)
      if (holders.get(partition) === event.process) holders.delete(partition);
  }
  return holders;
}

/** From this moment to the next start in the partition; 0 when its new owner had begun before. */
function nextStart(events: readonly LogEvent[], partition: number, moment: number): number {
  let owner = '';
  for (const event of events) {
    if (event.event === 'taken' && event.partition === partition) owner = event.process;
    if (event.event !== 'task-started' || event.partition !== partition) continue;
    if (event.at >= moment && event.process === owner) return event.at - moment;
  }
  return Number.POSITIVE_INFINITY;
}

function longestPause(events: readonly LogEvent[], partition: number, { from, to }: Move): number {
  let last = from;
  let longest = 0;
  for (const event of events) {
    if (event.event !== 'task-started' || event.partition !== partition) continue;
    if (event.at <= from || event.at > to) continue;
    longest = Math.max(longest, event.at - last);
    last = event.at;
  }
  return Math.max(longest, to - last);
}

/** The least of the values that this share of them does not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** All events by their time. */
export function inOrder(events: readonly LogEvent[]): LogEvent[] {
  return [...events].sort((a, b) => a.at - b.at);
}

import { buildHistory } from './build-history.ts';
import type { LogEvent, RunPlace } from './events.ts';
import type { Run, Task } from './history.ts';
import type { Property } from './violation.ts';

/** Makes one fault in a faultless history, or says that this history has no place for it. */
export interface Mutation {
  readonly name: string;
  /** What must be reported, at least. */
  readonly breaks: Property;
  apply(events: readonly LogEvent[], choose: Chooser): LogEvent[] | undefined;
}

/** Picks one of the places where the fault could be made. */
export type Chooser = <T>(places: readonly T[]) => T | undefined;

export type EventOf<K extends LogEvent['event']> = LogEvent & { readonly event: K };

export function of<K extends LogEvent['event']>(
  events: readonly LogEvent[],
  ...kinds: readonly K[]
): EventOf<K>[] {
  return events.filter((e): e is EventOf<K> => (kinds as readonly string[]).includes(e.event));
}

export function replace(
  events: readonly LogEvent[],
  changes: ReadonlyMap<LogEvent, readonly LogEvent[]>,
): LogEvent[] {
  return events.flatMap((e) => changes.get(e) ?? [e]);
}

export function isOfRun(
  event: LogEvent,
  run: RunPlace & { readonly process: string },
): event is EventOf<'task-started'> | EventOf<'task-finished'> {
  if (event.event !== 'task-started' && event.event !== 'task-finished') return false;
  return event.process === run.process && event.id === run.id && event.epoch === run.epoch;
}

/** Tasks that ran once, and well. */
export function plainTasks(events: readonly LogEvent[]): { readonly task: Task; readonly run: Run }[] {
  return [...buildHistory(events).tasks.values()].flatMap((task) => {
    const run = task.runs[0];
    return run !== undefined && task.runs.length === 1 && run.end === 'finished' ? [{ task, run }] : [];
  });
}

/** Neighbours of a key, both of which ran once. */
export function neighbours(events: readonly LogEvent[]): { readonly first: Run; readonly second: Run }[] {
  const lastOfKey = new Map<string, Run>();
  const found: { first: Run; second: Run }[] = [];
  for (const { run } of plainTasks(events).sort((a, b) => a.run.offset - b.run.offset)) {
    const first = lastOfKey.get(run.key);
    if (first !== undefined) found.push({ first, second: run });
    lastOfKey.set(run.key, run);
  }
  return found;
}

export function withoutRunsOf(events: readonly LogEvent[], id: string): LogEvent[] {
  const kinds = ['task-started', 'task-finished', 'task-failed', 'task-aborted'];
  return events.filter((e) => !(kinds.includes(e.event) && 'id' in e && e.id === id));
}

export function ackedCommits(events: readonly LogEvent[]) {
  const acked = new Set(of(events, 'commit-acked').map((e) => `${e.process} ${e.commit}`));
  return of(events, 'commit-sent').filter((e) => acked.has(`${e.process} ${e.commit}`));
}

/** Repeats a whole run with other words, right after a moment. */
export function repeatRun(
  events: readonly LogEvent[],
  run: Run,
  change: Partial<RunPlace> & { process: string; at: number },
): LogEvent[] {
  const extra = events.filter((e) => isOfRun(e, run)).map((e) => ({ ...e, ...change }));
  return [...events, ...extra].sort((a, b) => a.at - b.at);
}

import type { LogEvent, ParkedPlace } from './events.ts';
import { type History, type Holding, positionOf, type Task } from './history.ts';
import { at, type Violation } from './violation.ts';

/** A key that was parked because processes had ended whenever they may have been running its task. */
export interface CrashLoop extends ParkedPlace {
  readonly parkedAt: number;
  /** Processes that may have died of the task. */
  readonly ended: readonly string[];
}

/** So many processes must have ended before a task is taken for the cause. */
const CRASHES = 3;

export function crashLoopsOf(history: History): readonly CrashLoop[] {
  return parkings(history).map((parking) => ({ ...parking, ended: endedBefore(history, parking) }));
}

/**
 * P12: a task is given up as a crash loop only after three processes that had its partition ended uncleanly while it was
 * there. An outside kill counts like a crash: nobody can tell them apart.
 */
export function checkCrashLoops(loops: readonly CrashLoop[]): Violation[] {
  return loops
    .filter((loop) => !isJustified(loop))
    .map((loop) => {
      const ended = loop.ended.length === 0 ? 'none' : `only ${loop.ended.join(', ')}`;
      const text = `key ${loop.key} was parked from ${at(loop)} on as a crash loop, but of the processes that had its partition ${ended} ended uncleanly`;
      return { property: 'P12 crash loop', text };
    });
}

/** When a record was parked with its key, infinite for all others: from then on commits may pass it. */
export type ParkedAt = (record: { readonly key: string; readonly offset: number }) => number;

export function parkedAtOf(loops: readonly CrashLoop[]): ParkedAt {
  const justified = loops.filter(isJustified); // a few at most
  return ({ key, offset }) => {
    const covering = justified.filter((loop) => loop.key === key && loop.offset <= offset);
    return Math.min(...covering.map((loop) => loop.parkedAt));
  };
}

function isJustified({ ended }: CrashLoop): boolean {
  return ended.length >= CRASHES;
}

type Parking = ParkedPlace & { readonly parkedAt: number };

/** Each once. A worker that was killed right after it had written the mark told nobody: then the journal's time counts. */
function parkings(history: History): readonly Parking[] {
  const byPlace = new Map<string, Parking>();
  const add = ({ partition, offset, key, reason }: ParkedPlace, parkedAt: number): void => {
    const name = `${partition}/${offset}`;
    if (reason === 'crash-loop' && !byPlace.has(name))
      byPlace.set(name, { partition, offset, key, reason, parkedAt });
  };
  for (const event of history.events) if (event.event === 'parked') add(event, event.at);
  for (const event of history.events) if (event.event === 'found-parked') add(event, event.parkedAt);
  return [...byPlace.values()];
}

function endedBefore(history: History, parking: Parking): readonly string[] {
  const calledAt = callTime(history, parking);
  const ended = history.holdings.filter((holding) => {
    if (holding.partition !== parking.partition) return false;
    if (holding.how !== 'killed' && holding.how !== 'lost') return false;
    if (!wasClaimed(history, holding)) return false;
    // Suspects are what is in the log when the next owner looks: a task may have come after the process had died.
    const next = nextTaking(history, holding);
    return next > calledAt && next <= parking.parkedAt;
  });
  return [...new Set(ended.map(({ process }) => process))];
}

/** A task may be in the log long before its producer reads the acknowledgement, but never before the call. */
function callTime(history: History, parking: Parking): number {
  const isIt = (task: Task): boolean => {
    const position = positionOf(task);
    return position?.partition === parking.partition && position.offset === parking.offset;
  };
  const task = [...history.tasks.values()].find(isIt);
  const isCall = (e: LogEvent): boolean => e.event === 'enqueue-called' && e.id === task?.id;
  return history.events.find(isCall)?.at ?? Number.POSITIVE_INFINITY;
}

/** Whether it was more than assigned: from its first commit on the process leaves suspects behind when it dies. */
function wasClaimed(history: History, { process, partition, from, to, taken }: Holding): boolean {
  if (taken.length > 0) return true;
  return history.events.some(
    (e) =>
      e.event === 'commit-sent' &&
      e.process === process &&
      from <= e.at &&
      e.at <= to &&
      e.claims.some((claim) => claim.partition === partition),
  );
}

/** When another process took the partition after this one; who lost it may learn of that later. */
function nextTaking(history: History, { process, partition, from, taken }: Holding): number {
  const since = taken.at(-1)?.at ?? from;
  const takings = history.holdings
    .filter((other) => other.partition === partition && other.process !== process)
    .flatMap((other) => other.taken.map((one) => one.at));
  return Math.min(...takings.filter((moment) => moment > since));
}

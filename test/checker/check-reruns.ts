import type { ParkedAt } from './check-crash-loops.ts';
import type { LaneOf } from './check-delivery.ts';
import {
  type Commit,
  covers,
  type History,
  type Holding,
  holdingAt,
  holdingsByOwner,
  type Life,
  type Run,
} from './history.ts';
import { at, type Violation } from './violation.ts';

/** What one kill cost. */
export interface KillCost {
  readonly process: string;
  readonly inRebalance: boolean;
  /** Handlers it cut off. */
  readonly running: number;
  /** What the killed process had finished and no acknowledged commit said so. */
  readonly uncommitted: number;
  /** Tasks that ran again because of it. At most `running + uncommitted`. */
  reruns: number;
}

export interface RerunFigures {
  readonly kills: readonly KillCost[];
  /** Starts of tasks that had been started before, retries of failures not counted. */
  readonly total: number;
  /** Of these, tasks whose handler was aborted when its partition was given up. */
  readonly aborted: number;
  /** Of these, tasks finished before, in partitions that were lost or given up without a commit. */
  readonly uncommitted: number;
}

interface RerunRules {
  readonly laneOf: LaneOf;
  readonly parkedAt: ParkedAt;
}

interface Cause {
  readonly kind: 'retry' | 'crash' | 'aborted' | 'uncommitted' | 'none';
  readonly process: string;
}

/**
 * P8: a task runs again only if a crash cut it off, or if it was finished by the crashed process after the last
 * acknowledged commit. A clean stop or a rebalance repeats nothing. What was finished *and* committed never runs again;
 * what a commit passed because three kills had parked it was not committed as finished.
 */
export function checkReruns(
  history: History,
  rules: RerunRules,
): { violations: Violation[]; figures: RerunFigures } {
  const violations: Violation[] = [];
  const kills = new Map<string, KillCost>();
  for (const life of history.lives.values()) {
    if (life.killedAt !== undefined) kills.set(life.name, costOf(history, life, rules.laneOf));
  }
  const counts = { total: 0, aborted: 0, uncommitted: 0 };
  const holdings = holdingsByOwner(history);
  for (const task of history.tasks.values()) {
    for (const [index, run] of task.runs.entries()) {
      const previous = task.runs[index - 1];
      if (previous === undefined) continue;
      const commit = coveringCommit(history, task.runs.slice(0, index), run, rules);
      if (commit !== undefined) {
        const said = `${commit.process} had committed ${commit.offset}, done below ${commit.doneBelow}`;
        violations.push({
          property: 'P8 re-run',
          text: `${run.process} ran ${run.id} at ${at(run)} again after ${said}`,
        });
      }
      const cause = causeOf(previous, run, history, holdings);
      if (cause.kind === 'retry') continue;
      counts.total += 1;
      const cost = cause.kind === 'crash' ? kills.get(cause.process) : undefined;
      if (cost !== undefined) cost.reruns += 1;
      if (cause.kind === 'aborted' || cause.kind === 'uncommitted') counts[cause.kind] += 1;
      if (cause.kind === 'none' && commit === undefined) {
        const had = previous.end === 'finished' ? 'finished' : 'started';
        const twice = `${previous.process} had ${had} it, did not crash, and ${sinceThen(previous, run, holdings)}`;
        violations.push({
          property: 'P8 re-run',
          text: `${run.process} ran ${run.id} at ${at(run)} again: ${twice}`,
        });
      }
    }
  }
  for (const cost of kills.values()) {
    if (cost.reruns <= cost.running + cost.uncommitted) continue;
    const bound = `${cost.running} running + ${cost.uncommitted} finished since the last commit`;
    violations.push({
      property: 'P8 re-run',
      text: `the kill of ${cost.process} cost ${cost.reruns} re-runs, bound ${bound}`,
    });
  }
  return { violations, figures: { kills: [...kills.values()], ...counts } };
}

function causeOf(
  previous: Run,
  run: Run,
  history: History,
  holdings: ReadonlyMap<string, readonly Holding[]>,
): Cause {
  const { process } = previous;
  if (previous.end === 'aborted') return { kind: 'aborted', process };
  // A failed try leaves the task unfinished: whoever runs it next only goes on.
  if (previous.end === 'failed') return { kind: 'retry', process };
  const killedAt = history.lives.get(process)?.killedAt;
  if (killedAt !== undefined && run.startedAt > killedAt) return { kind: 'crash', process };
  // A suspended process learns of its loss only when it goes on.
  if (history.lives.get(process)?.suspended === true) return { kind: 'uncommitted', process };
  const left = holdingAt(holdings.get(`${process} ${previous.partition}`), previous.startedAt);
  const gone = left !== undefined && left.to <= run.startedAt && (left.how === 'lost' || left.uncommitted);
  return { kind: gone && troubled(history, left) ? 'uncommitted' : 'none', process };
}

/** What became of the partition, for whoever looks for the cause. */
function sinceThen(previous: Run, run: Run, holdings: ReadonlyMap<string, readonly Holding[]>): string {
  const held = holdingAt(holdings.get(`${previous.process} ${previous.partition}`), previous.startedAt);
  if (held === undefined) return 'did not hold the partition';
  if (held.to > run.startedAt) return 'holds the partition';
  const commit = held.uncommitted ? ' without a commit' : '';
  return `had the partition ${held.how}${commit} ${Math.round(held.to - previous.startedAt)} ms after that start`;
}

/** After a broker's return the group may still be without its coordinator for this long. */
const BROKER_RECOVERY_MS = 20_000;

/**
 * Whether a partition could not be given up cleanly: a broker was down about then, the process was suspended, or nothing of the
 * whole machine ran for seconds, after which its coordinator takes every member for dead.
 */
function troubled(history: History, holding: Holding): boolean {
  if (history.lives.get(holding.process)?.suspended === true) return true;
  const faults = history.events.flatMap((e) => (e.event === 'fault' ? [e] : []));
  const isAbout = ({ at }: { readonly at: number }): boolean =>
    Math.abs(holding.to - at) <= BROKER_RECOVERY_MS;
  if (faults.some((one) => one.fault === 'machine-stood-still' && isAbout(one))) return true;
  const last = faults.findLast((one) => one.fault !== 'machine-stood-still' && one.at <= holding.to);
  if (last === undefined) return false;
  return last.fault === 'broker-killed' || isAbout(last);
}

/** A commit acknowledged before `run` started that covers a finish of an earlier run. */
function coveringCommit(
  history: History,
  earlier: readonly Run[],
  run: Run,
  { laneOf, parkedAt }: RerunRules,
): Commit | undefined {
  if (!earlier.some((r) => r.end === 'finished')) return undefined;
  const lane = laneOf(run.key);
  const until = Math.min(run.startedAt, parkedAt(run));
  return history.commits
    .get(run.partition)
    ?.find((c) => !c.late && c.ackedAt <= until && covers(c, run.offset, lane));
}

function costOf(history: History, life: Life, laneOf: LaneOf): KillCost {
  const killedAt = life.killedAt ?? Number.POSITIVE_INFINITY;
  let running = 0;
  let uncommitted = 0;
  for (const run of history.runs) {
    if (run.process !== life.name) continue;
    if (run.end === 'killed') running += 1;
    if (run.end !== 'finished') continue;
    const commits = history.commits.get(run.partition) ?? [];
    const lane = laneOf(run.key);
    if (!commits.some((c) => !c.late && c.ackedAt <= killedAt && covers(c, run.offset, lane)))
      uncommitted += 1;
  }
  return { process: life.name, inRebalance: life.killedInRebalance, running, uncommitted, reruns: 0 };
}

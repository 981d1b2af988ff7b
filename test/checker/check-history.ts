import { buildHistory } from './build-history.ts';
import { checkCommits } from './check-commits.ts';
import { checkCrashLoops, crashLoopsOf, parkedAtOf } from './check-crash-loops.ts';
import { checkAcks, checkLoss, checkPayloads, checkPhantoms, type LaneOf } from './check-delivery.ts';
import { checkEpochs, checkOrder, checkOverlap } from './check-order.ts';
import { checkProcesses } from './check-processes.ts';
import { checkReruns, type KillCost } from './check-reruns.ts';
import type { LogEvent } from './events.ts';
import { firstFinish, type History } from './history.ts';
import type { Violation } from './violation.ts';

export interface CheckOptions {
  /** The name under which commits list a key's unfinished tasks. */
  readonly laneOf: LaneOf;
  /** Keys that the run keeps from finishing: their tasks need not be finished, all else holds for them too. */
  readonly unfinishedKeys?: ReadonlySet<string>;
  /**
   * Keys that were parked and redriven. Their tasks are committed when they are copied, not when they are finished, and
   * redriving them is not told of in commits: all else holds for them too.
   */
  readonly parkedKeys?: (key: string) => boolean;
}

export interface Figures {
  readonly called: number;
  readonly acked: number;
  readonly finished: number;
  readonly starts: number;
  readonly failures: number;
  readonly kills: number;
  readonly killsDuringRebalance: number;
  readonly brokerRestarts: number;
  /** Clean stops that came to their end. */
  readonly stops: number;
  /** Starts of tasks that had been started before; retries of failures not counted. */
  readonly reruns: number;
  readonly rerunsAborted: number;
  readonly rerunsUncommitted: number;
  /** Times that a process was given partitions. */
  readonly rebalances: number;
  /** Acknowledged commits, counted per partition. */
  readonly commits: number;
  /** Of these, acknowledged after their partition had been lost. */
  readonly lateCommits: number;
  /** Keys that were found parked when the work was over, and redriven. */
  readonly redriven: number;
  readonly durationMs: number;
}

export interface CheckReport {
  readonly violations: readonly Violation[];
  readonly figures: Figures;
  readonly kills: readonly KillCost[];
}

/** Checks everything a run has written down. Pure: the same events give the same report. */
export function checkEvents(events: readonly LogEvent[], options: CheckOptions): CheckReport {
  const history = buildHistory(events);
  const unparked = withoutKeys(history, options.parkedKeys);
  const crashLoops = crashLoopsOf(history);
  const rules = { laneOf: options.laneOf, parkedAt: parkedAtOf(crashLoops) };
  const reruns = checkReruns(unparked, rules);
  const violations = [
    ...checkAcks(history),
    ...checkLoss(history, options),
    ...checkPhantoms(history),
    ...checkOrder(history),
    ...checkOverlap(history),
    ...checkCommits(unparked, rules),
    ...checkEpochs(history),
    ...reruns.violations,
    ...checkPayloads(history),
    ...checkProcesses(history),
    ...checkCrashLoops(crashLoops),
  ];
  const counted = countEvents(history);
  const { total, aborted, uncommitted, kills } = reruns.figures;
  return {
    violations,
    figures: { ...counted, reruns: total, rerunsAborted: aborted, rerunsUncommitted: uncommitted },
    kills,
  };
}

function withoutKeys(history: History, isParked: CheckOptions['parkedKeys']): History {
  if (isParked === undefined) return history;
  return {
    ...history,
    tasks: new Map([...history.tasks].filter(([, task]) => !isParked(task.key))),
    runs: history.runs.filter((run) => !isParked(run.key)),
  };
}

function countEvents(history: History): Omit<Figures, 'reruns' | 'rerunsAborted' | 'rerunsUncommitted'> {
  const tasks = [...history.tasks.values()];
  const lives = [...history.lives.values()];
  const counts = { rebalances: 0, brokerRestarts: 0, redriven: 0 };
  for (const event of history.events) {
    if (event.event === 'assigned' && event.partitions.length > 0) counts.rebalances += 1;
    if (event.event === 'fault' && event.fault === 'broker-restarted') counts.brokerRestarts += 1;
    if (event.event === 'found-parked') counts.redriven += 1;
  }
  let commits = 0;
  let lateCommits = 0;
  for (const list of history.commits.values()) {
    commits += list.length;
    lateCommits += list.filter(({ late }) => late).length;
  }
  return {
    ...counts,
    called: tasks.length,
    acked: tasks.filter((t) => t.outcome === 'acked').length,
    finished: tasks.filter((t) => firstFinish(t) < Number.POSITIVE_INFINITY).length,
    starts: history.runs.length,
    failures: history.runs.filter((r) => r.end === 'failed').length,
    kills: lives.filter((l) => l.killedAt !== undefined).length,
    killsDuringRebalance: lives.filter((l) => l.killedInRebalance).length,
    stops: lives.filter((l) => l.stoppedAt !== undefined).length,
    commits,
    lateCommits,
    durationMs: history.endedAt - history.startedAt,
  };
}

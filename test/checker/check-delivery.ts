import { covers, firstFinish, type History, positionOf, type Run, type Task } from './history.ts';
import { at, type Violation } from './violation.ts';

export type LaneOf = (key: string) => string;

interface LossOptions {
  readonly laneOf: LaneOf;
  readonly unfinishedKeys?: ReadonlySet<string>;
  readonly parkedKeys?: (key: string) => boolean;
}

/**
 * P1: every acknowledged task was finished. When a commit says so although it was not, nobody will ever look at it
 * again: *lost*. Otherwise it is still there to be run: P2, *unseen*.
 */
export function checkLoss(
  history: History,
  { laneOf, unfinishedKeys, parkedKeys }: LossOptions,
): Violation[] {
  const violations: Violation[] = [];
  for (const task of history.tasks.values()) {
    const position = task.acks[0];
    if (task.outcome !== 'acked' || position === undefined || firstFinish(task) < Number.POSITIVE_INFINITY)
      continue;
    const lane = laneOf(task.key);
    const commit = history.commits.get(position.partition)?.find((c) => covers(c, position.offset, lane));
    const what = `${task.id} of key ${task.key}, acked at ${at(position)}, was never finished`;
    const isParked = parkedKeys?.(task.key) === true;
    if ((commit === undefined || isParked) && unfinishedKeys?.has(task.key) === true) continue;
    if (commit === undefined) {
      violations.push({
        property: 'P2 unseen',
        text: `${what} (${task.runs.length} runs), and not committed`,
      });
    } else {
      const by = `${commit.process} committed ${commit.offset}, done below ${commit.doneBelow}`;
      violations.push({ property: 'P1 lost', text: `${what} (${task.runs.length} runs), but ${by}` });
    }
  }
  return violations;
}

/** An acknowledgement names one place, once, and no two tasks have the same. */
export function checkAcks(history: History): Violation[] {
  const violations: Violation[] = [];
  const byPlace = new Map<string, Task>();
  for (const task of history.tasks.values()) {
    if (task.acks.length > 1) {
      violations.push({
        property: 'ack',
        text: `${task.id} was acked ${task.acks.length} times: ${task.acks.map(at).join(', ')}`,
      });
    }
    for (const ack of task.acks) {
      if (!Number.isSafeInteger(ack.offset) || ack.offset < 0) {
        violations.push({ property: 'ack', text: `${task.id} was acked without an offset (${ack.offset})` });
        continue;
      }
      const other = byPlace.get(at(ack));
      if (other !== undefined && other !== task) {
        violations.push({
          property: 'ack',
          text: `${task.id} and ${other.id} were both acked at ${at(ack)}`,
        });
      }
      byPlace.set(at(ack), task);
    }
  }
  return violations;
}

/** P3: what runs was enqueued, did not surely fail, and is where it was acked. */
export function checkPhantoms(history: History): Violation[] {
  const violations: Violation[] = history.phantoms.map((run) => ({
    property: 'P3 phantom',
    text: `${run.process} ran ${run.id} at ${at(run)}, which nobody enqueued`,
  }));
  for (const task of history.tasks.values()) {
    const first = task.runs[0];
    if (first === undefined) continue;
    if (task.outcome === 'absent') {
      violations.push({
        property: 'P3 phantom',
        text: `${task.id} ran at ${at(first)}, although its enqueue said absent`,
      });
    }
    const place = positionOf(task) ?? first;
    const elsewhere = task.runs.find((run) => at(run) !== at(place));
    if (elsewhere !== undefined) {
      const where = `${elsewhere.process} ran it as ${at(elsewhere)}`;
      violations.push({ property: 'P3 phantom', text: `${task.id} belongs at ${at(place)}, but ${where}` });
    }
    const otherKey = task.runs.find((run) => run.key !== task.key);
    if (otherKey !== undefined) {
      violations.push({
        property: 'P3 phantom',
        text: `${task.id} has key ${task.key}, but ran under ${otherKey.key}`,
      });
    }
  }
  return violations;
}

/** P9: the handler saw the bytes that were sent. */
export function checkPayloads(history: History): Violation[] {
  const violations: Violation[] = [];
  const differs = (task: Task, run: Run): boolean =>
    run.print !== undefined && (run.print.hash !== task.print.hash || run.print.bytes !== task.print.bytes);
  for (const task of history.tasks.values()) {
    for (const run of task.runs) {
      if (!differs(task, run)) continue;
      const sent = `${task.print.bytes} bytes ${task.print.hash}`;
      const seen = `${run.print?.bytes} bytes ${run.print?.hash}`;
      violations.push({
        property: 'P9 payload',
        text: `${task.id} at ${at(run)}: sent ${sent}, ${run.process} got ${seen}`,
      });
    }
  }
  return violations;
}

import {
  firstFinish,
  type History,
  holdingAt,
  holdingsByOwner,
  positionOf,
  type Run,
  type Task,
} from './history.ts';
import { at, type Violation } from './violation.ts';

/**
 * P4: per key, log order follows each producer's call order; no task starts before every earlier one of its key has
 * been finished; and so first finishes follow log order.
 */
export function checkOrder(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const [key, tasks] of tasksByKey(history)) {
    violations.push(...checkCallOrder(key, tasks), ...checkRunOrder(key, tasks));
  }
  return violations;
}

function tasksByKey(history: History): Map<string, Task[]> {
  const byKey = new Map<string, Task[]>();
  for (const task of history.tasks.values()) {
    if (positionOf(task) === undefined) continue;
    const list = byKey.get(task.key);
    if (list === undefined) byKey.set(task.key, [task]);
    else list.push(task);
  }
  return byKey;
}

function offsetOf(task: Task): number {
  return positionOf(task)?.offset ?? -1;
}

function checkCallOrder(key: string, tasks: readonly Task[]): Violation[] {
  const violations: Violation[] = [];
  const last = new Map<string, Task>();
  for (const task of [...tasks].sort((a, b) => a.call - b.call)) {
    const before = last.get(task.producer);
    if (before !== undefined && offsetOf(before) > offsetOf(task)) {
      const calls = `call ${before.call} (${before.id}) is at ${offsetOf(before)}, call ${task.call} (${task.id}) at ${offsetOf(task)}`;
      violations.push({ property: 'P4 order', text: `key ${key}, producer ${task.producer}: ${calls}` });
    }
    last.set(task.producer, task);
  }
  return violations;
}

function checkRunOrder(key: string, tasks: readonly Task[]): Violation[] {
  const violations: Violation[] = [];
  let latest: { readonly task: Task; readonly finishedAt: number } | undefined;
  for (const task of [...tasks].sort((a, b) => offsetOf(a) - offsetOf(b))) {
    const early = task.runs.find((run) => latest !== undefined && run.startedAt < latest.finishedAt);
    if (early !== undefined && latest !== undefined) {
      const state = Number.isFinite(latest.finishedAt)
        ? `first finished ${ms(latest.finishedAt - early.startedAt)} later`
        : 'never finished';
      const order = `${early.process} started ${task.id} (${at(early)}), but ${latest.task.id} (${offsetOf(latest.task)}) was ${state}`;
      violations.push({ property: 'P4 order', text: `key ${key}: ${order}` });
    }
    const finishedAt = firstFinish(task);
    if (latest === undefined || finishedAt > latest.finishedAt) latest = { task, finishedAt };
  }
  return violations;
}

/** P5: never two tasks of a key at once; a suspended process is the one exception, for fencing tokens are its cure. */
export function checkOverlap(history: History): Violation[] {
  const violations: Violation[] = [];
  const byKey = new Map<string, Run>();
  for (const run of history.runs) {
    const other = byKey.get(run.key);
    const excused = [run, other].some(
      (r) => r !== undefined && history.lives.get(r.process)?.suspended === true,
    );
    if (other !== undefined && run.startedAt < other.endedAt && !excused) {
      const both = `${run.id} (${run.process}, ${at(run)}) started while ${other.id} (${other.process}, ${at(other)}) ran`;
      violations.push({ property: 'P5 overlap', text: `key ${run.key}: ${both}` });
    }
    if (other === undefined || run.endedAt > other.endedAt) byKey.set(run.key, run);
  }
  return violations;
}

/** P5, P7: a task starts only in a partition its process holds, under the claim it took it with, and claims only rise. */
export function checkEpochs(history: History): Violation[] {
  const violations: Violation[] = [];
  const holdings = holdingsByOwner(history);
  const newest = new Map<number, Run>();
  for (const run of history.runs) {
    if (history.lives.get(run.process)?.suspended === true) continue;
    const before = newest.get(run.partition);
    if (before !== undefined && run.epoch < before.epoch) {
      const old = `${run.process} started ${run.id} under epoch ${run.epoch}`;
      const text = `partition ${run.partition}: ${old}, after ${before.process} had started ${before.id} under ${before.epoch}`;
      violations.push({ property: 'P7 epoch', text });
    } else {
      newest.set(run.partition, run);
    }
    const holding = holdingAt(holdings.get(`${run.process} ${run.partition}`), run.startedAt);
    const epoch = holding?.taken.findLast((t) => t.at <= run.startedAt)?.epoch;
    if (epoch !== run.epoch) {
      const held = holding === undefined ? 'does not hold' : `holds under epoch ${epoch ?? 'none'}`;
      const text = `${run.process} started ${run.id} under epoch ${run.epoch} in partition ${run.partition}, which it ${held}`;
      violations.push({ property: 'P7 epoch', text });
    }
  }
  return violations;
}

function ms(duration: number): string {
  return `${duration.toFixed(1)} ms`;
}

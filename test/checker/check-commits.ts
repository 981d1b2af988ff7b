import type { ParkedAt } from './check-crash-loops.ts';
import type { LaneOf } from './check-delivery.ts';
import {
  type Commit,
  covers,
  firstFinish,
  type History,
  holdingAt,
  holdingsByOwner,
  positionOf,
  type Task,
} from './history.ts';
import type { Violation } from './violation.ts';

/**
 * P6: a commit passes nothing unfinished and never goes back; tasks of a key that three kills have parked are done with
 * once it is. P7: it is sent by who holds the partition, under the newest claim.
 */
export function checkCommits(
  history: History,
  { laneOf, parkedAt }: { readonly laneOf: LaneOf; readonly parkedAt: ParkedAt },
): Violation[] {
  const violations: Violation[] = [];
  const records = recordsByPartition(history);
  const holdings = holdingsByOwner(history);
  const doneAt = (task: Task): number =>
    Math.min(firstFinish(task), parkedAt({ key: task.key, offset: offsetOf(task) }));
  for (const [partition, commits] of history.commits) {
    const walk = new CommitWalk(partition, records.get(partition) ?? [], { laneOf, doneAt });
    for (const commit of commits) {
      violations.push(...walk.next(commit));
      if (holdingAt(holdings.get(`${commit.process} ${partition}`), commit.sentAt) !== undefined) continue;
      const text = `${commit.process} committed ${commit.offset} of partition ${partition} while it did not hold it`;
      violations.push({ property: 'P7 epoch', text });
    }
  }
  return violations;
}

function recordsByPartition(history: History): Map<number, Task[]> {
  const records = new Map<number, Task[]>();
  for (const task of history.tasks.values()) {
    const position = positionOf(task);
    if (position === undefined || task.outcome === 'absent') continue;
    const list = records.get(position.partition);
    if (list === undefined) records.set(position.partition, [task]);
    else list.push(task);
  }
  for (const list of records.values()) list.sort((a, b) => offsetOf(a) - offsetOf(b));
  return records;
}

function offsetOf(task: Task): number {
  return positionOf(task)?.offset ?? -1;
}

interface Rules {
  readonly laneOf: LaneOf;
  /** From when on a commit may pass a task. */
  readonly doneAt: (task: Task) => number;
}

/** Follows the commits of one partition, in the order of their acknowledgements. */
class CommitWalk {
  readonly #partition: number;
  readonly #records: readonly Task[];
  readonly #rules: Rules;
  /** Records before this index were below the frontier of an earlier commit. */
  #passed = 0;
  #last: Commit | undefined;
  /** Records complained of already. */
  readonly #named = new Set<Task>();

  constructor(partition: number, records: readonly Task[], rules: Rules) {
    this.#partition = partition;
    this.#records = records;
    this.#rules = rules;
  }

  next(commit: Commit): Violation[] {
    const violations: Violation[] = [];
    // A late one counts for nobody, but it must not be untrue.
    const last = commit.late ? undefined : this.#last;
    if (last !== undefined && commit.offset < last.offset) {
      const text = `partition ${this.#partition}: ${commit.process} committed ${commit.offset} after ${last.process} had committed ${last.offset}`;
      violations.push({ property: 'P6 commit', text });
    }
    if (last !== undefined && commit.epoch < last.epoch) {
      const text = `partition ${this.#partition}: ${commit.process} committed under epoch ${commit.epoch} after ${last.process} had under ${last.epoch}`;
      violations.push({ property: 'P7 epoch', text });
    }
    if (!commit.late && (this.#last === undefined || commit.epoch >= this.#last.epoch)) this.#last = commit;
    for (let i = this.#passed; i < this.#records.length; i += 1) {
      const task = this.#records[i];
      if (task === undefined || offsetOf(task) >= Math.max(commit.offset, commit.doneBelow)) break;
      if (offsetOf(task) < commit.offset) this.#passed = i + 1;
      if (!covers(commit, offsetOf(task), this.#rules.laneOf(task.key))) continue;
      if (this.#rules.doneAt(task) <= commit.ackedAt || this.#named.has(task)) continue;
      this.#named.add(task);
      const says = `${commit.process} committed ${commit.offset}, done below ${commit.doneBelow}`;
      const text = `partition ${this.#partition}: ${says}, but ${task.id} at ${offsetOf(task)} was not finished`;
      violations.push({ property: 'P6 commit', text });
    }
    return violations;
  }
}

import type { Mark } from '../../src/journal/journal.ts';
import { keyHash } from '../../src/worker/core/key-hash.ts';
import { Reruns } from './reruns.ts';
import { type Commit, readCommit } from './stored-commit.ts';

/** What is appended to a simulated log. */
export interface Task {
  readonly key: string;
  /** The type's name as the record carries it. */
  readonly type: string;
  /** It is not to run before; undefined = at any time. */
  readonly notBeforeMs?: number | undefined;
  /** Where it was before it was appended again. */
  readonly movedFrom?: number | undefined;
}

/** A record of the simulated log. */
export interface LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** undefined = a control record: its offset never holds a task. */
  readonly task: Task | undefined;
}

interface KeyTasks {
  readonly offsets: number[];
  /** How many of them from the first on are settled. */
  done: number;
}

/** What has really become of the tasks of a partition. */
export class PartitionTruth {
  readonly partition: number;
  readonly log: LogRecord[] = [];
  readonly #settled: boolean[] = [];
  /** What has succeeded or moved to the end of the log, and is not to be begun again. */
  readonly #finished = new Set<number>();
  readonly #keys = new Map<string, KeyTasks>();
  /** The newest confirmed epoch: what is done under an older one is void. */
  newestEpoch = -1;
  /** Which assignment has started something under an epoch. */
  readonly userOf = new Map<number, object>();
  readonly reruns = new Reruns();
  /** A commit has been overtaken by an older one: re-runs are no fault of the workers any more. */
  overtaken = false;
  /** The last commit stored: under which epoch, where, and how many tasks it says to be finished. */
  stored: { readonly epoch: number; readonly offset: number; readonly doneCount: number } | undefined;
  /** Where the log starts since somebody deleted records, and since when in the journal. */
  loss: { readonly start: number; readonly since: number } | undefined;
  isCommitted: (offset: number) => boolean = () => false;

  constructor(partition: number) {
    this.partition = partition;
  }

  append(task: Task | undefined): void {
    const offset = this.log.length;
    this.log.push({ partition: this.partition, offset, task });
    this.#settled.push(task === undefined);
    if (task === undefined) return;
    const known = this.#keys.get(task.key);
    if (known === undefined) this.#keys.set(task.key, { offsets: [offset], done: 0 });
    else known.offsets.push(offset);
  }

  keyAt(offset: number): string | undefined {
    return this.log[offset]?.task?.key;
  }

  /** Its handler has come to its end well, or it is at the end of the log as well. */
  finish(offset: number): void {
    this.#finished.add(offset);
    this.settle(offset);
  }

  isFinished(offset: number): boolean {
    return this.#finished.has(offset);
  }

  /** Nobody has to handle it any more. */
  settle(offset: number): void {
    this.#settled[offset] = true;
    const tasks = this.#keys.get(this.keyAt(offset) ?? '');
    while (tasks !== undefined && this.isSettled(tasks.offsets[tasks.done] ?? -1)) tasks.done += 1;
  }

  isSettled(offset: number): boolean {
    return this.#settled[offset] === true;
  }

  /** The first unsettled task of a key below an offset that is not excepted. */
  openBelow(key: string, offset: number, isExcepted: (earlier: number) => boolean): number | undefined {
    const tasks = this.#keys.get(key);
    for (let i = tasks?.done ?? 0; ; i += 1) {
      const earlier = tasks?.offsets[i];
      if (earlier === undefined || earlier >= offset) return undefined;
      if (!this.isSettled(earlier) && !isExcepted(earlier)) return earlier;
    }
  }

  /** What is not settled. */
  open(): LogRecord[] {
    return this.log.filter(({ offset }) => !this.isSettled(offset));
  }

  /** Keys with something that is not settled, or not committed. */
  openKeys(committed: number): ReadonlySet<string> {
    const keys = new Set<string>();
    for (const { task } of [...this.open(), ...this.log.slice(committed)])
      if (task !== undefined) keys.add(task.key);
    return keys;
  }

  /** What a commit says to be finished. */
  saidDone(commit: Commit): (offset: number) => boolean {
    const read = readCommit(commit);
    if (read.kind !== 'state') return (offset) => offset < commit.offset;
    const { doneBelow, lanes } = read.state;
    const openFrom = new Map(lanes.map(({ hash, offset }) => [hash, offset]));
    return (offset) => {
      if (offset < commit.offset) return true;
      const key = this.keyAt(offset);
      if (offset >= doneBelow || key === undefined) return offset < doneBelow;
      return offset < (openFrom.get(hashOf(key)) ?? Number.POSITIVE_INFINITY);
    };
  }
}

export function covers(mark: Mark, offset: number): boolean {
  return mark.scope === 'key' ? offset >= mark.from : offset === mark.from;
}

const hashes = new Map<string, string>();

function hashOf(key: string): string {
  let hash = hashes.get(key);
  if (hash === undefined) {
    hash = keyHash(key);
    hashes.set(key, hash);
  }
  return hash;
}

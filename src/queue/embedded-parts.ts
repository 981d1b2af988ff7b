/** Where the parts of a task are, and the task. */
interface Place {
  /** Of the queue. */
  readonly queuePartition: number;
  /** Of the parts topic. */
  readonly partition: number;
}

/** A task with parts that is not finished. */
interface TaskWithParts extends Place {
  readonly id: string;
  /** The lowest offset of its parts. */
  from: number;
  /** Undefined while it is not in the log. */
  offset: number | undefined;
}

/**
 * Knows which parts are needed by tasks that are not finished. For the embedded cluster, which keeps little and has room
 * for more once they are not; its tasks are all enqueued by this process. Nobody needs the parts of uploads that failed.
 */
export class EmbeddedParts {
  readonly #onNeeded: (partition: number, from: number) => void;
  readonly #tasks = new Set<TaskWithParts>();
  /** By partition of the parts topic: behind the last part. */
  readonly #ends = new Map<number, number>();
  /** By partition of the queue, what each group has finished: everything below. */
  readonly #frontiers = new Map<number, Map<string, number>>();

  /** `onNeeded` is told below which offset no part of a partition is needed. */
  constructor(onNeeded: (partition: number, from: number) => void) {
    this.#onNeeded = onNeeded;
  }

  /** Something of the task, which is not in the log yet, has been uploaded. */
  hasUploaded(id: string): boolean {
    return [...this.#tasks].some((task) => task.id === id && task.offset === undefined);
  }

  /** A part of the task is in the log. */
  appended(id: string, place: Place, offset: number): void {
    const { partition } = place;
    this.#ends.set(partition, Math.max(offset + 1, this.#ends.get(partition) ?? 0));
    for (const task of this.#tasks) {
      if (task.id !== id || task.offset !== undefined) continue;
      task.from = Math.min(task.from, offset);
      return;
    }
    this.#tasks.add({ ...place, id, from: offset, offset: undefined });
  }

  /** The task is in the log; it may be finished already. */
  enqueued(id: string, offset: number): void {
    for (const task of this.#tasks) {
      if (task.id !== id || task.offset !== undefined) continue;
      task.offset = offset;
      this.#forgetFinished(task.queuePartition);
    }
  }

  /** The task is absent. */
  failed(id: string): void {
    for (const task of this.#tasks) {
      if (task.id === id && task.offset === undefined) this.#forget(task);
    }
  }

  /** A group's worker has finished everything below `frontier`. With several groups the slowest counts. */
  finished(group: string, queuePartition: number, frontier: number): void {
    const frontiers = this.#frontiers.get(queuePartition) ?? new Map<string, number>();
    this.#frontiers.set(queuePartition, frontiers.set(group, frontier));
    this.#forgetFinished(queuePartition);
  }

  #forgetFinished(queuePartition: number): void {
    const frontiers = this.#frontiers.get(queuePartition);
    if (frontiers === undefined) return;
    const frontier = Math.min(...frontiers.values());
    for (const task of this.#tasks) {
      if (task.queuePartition === queuePartition && (task.offset ?? frontier) < frontier) this.#forget(task);
    }
  }

  #forget(forgotten: TaskWithParts): void {
    const { partition } = forgotten;
    this.#tasks.delete(forgotten);
    // What is appended from now on comes behind all that was.
    let from = this.#ends.get(partition) ?? 0;
    for (const task of this.#tasks) {
      if (task.partition === partition) from = Math.min(from, task.from);
    }
    this.#onNeeded(partition, from);
  }
}

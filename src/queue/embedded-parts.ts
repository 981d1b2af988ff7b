/** Where the parts of a task are, and the task. */
interface Place {
  /** Of the queue. */
  readonly queuePartition: number;
  /** Of the parts topic. */
  readonly partition: number;
}

/** A task with parts that is not finished. */
interface TaskWithParts extends Place {
  /** The lowest offset of its parts; undefined while none is in the log. */
  from: number | undefined;
  /** Undefined while it is not in the log. */
  offset: number | undefined;
}

/**
 * Knows which parts are needed by tasks that are not finished. For the embedded cluster, which keeps little and has room
 * for more once they are not; its tasks are all enqueued by this process. Nobody needs the parts of uploads that failed,
 * which may come into the log when they have failed already.
 */
export class EmbeddedParts {
  readonly #onNeeded: (partition: number, from: number) => void;
  /** By the call that enqueues it: two may be under way under one id. */
  readonly #tasks = new Map<object, TaskWithParts>();
  /** By partition of the parts topic: behind the last part. */
  readonly #ends = new Map<number, number>();
  /** By partition of the queue, what each group has finished: everything below. */
  readonly #frontiers = new Map<number, Map<string, number>>();

  /** `onNeeded` is told below which offset no part of a partition is needed. */
  constructor(onNeeded: (partition: number, from: number) => void) {
    this.#onNeeded = onNeeded;
  }

  /** Something of the call's task has been uploaded, or is being. */
  hasUploaded(call: object): boolean {
    return this.#tasks.has(call);
  }

  /** Something of its task is to be uploaded. */
  begin(call: object, place: Place): void {
    this.#tasks.set(call, { ...place, from: undefined, offset: undefined });
  }

  /** A part of its task is in the log. */
  landed(call: object, partition: number, offset: number): void {
    this.#ends.set(partition, Math.max(offset + 1, this.#ends.get(partition) ?? 0));
    const task = this.#tasks.get(call);
    if (task === undefined) this.#tell(partition);
    else task.from = Math.min(offset, task.from ?? offset);
  }

  /** Its task is in the log; it may be finished already. */
  enqueued(call: object, offset: number): void {
    const task = this.#tasks.get(call);
    if (task === undefined) return;
    task.offset = offset;
    this.#forgetFinished(task.queuePartition);
  }

  /** Its task is absent. */
  failed(call: object): void {
    const task = this.#tasks.get(call);
    if (task !== undefined && task.offset === undefined) this.#forget(call, task);
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
    for (const [call, task] of this.#tasks) {
      if (task.queuePartition === queuePartition && (task.offset ?? frontier) < frontier)
        this.#forget(call, task);
    }
  }

  #forget(call: object, { partition }: TaskWithParts): void {
    this.#tasks.delete(call);
    this.#tell(partition);
  }

  #tell(partition: number): void {
    // What is appended from now on comes behind all that was.
    let needed = this.#ends.get(partition) ?? 0;
    for (const { partition: other, from } of this.#tasks.values()) {
      if (other === partition && from !== undefined) needed = Math.min(needed, from);
    }
    this.#onNeeded(partition, needed);
  }
}

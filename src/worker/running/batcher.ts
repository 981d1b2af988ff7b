import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../../clock/clock.ts';
import { RetryLaterError, TaskAbortedError } from '../../errors/control-errors.ts';
import type { BatchTask } from '../../tasks/task-map.ts';
import type { ResolvedHandler } from './handler-map.ts';
import type { TaskContext } from './task-context.ts';
import type { TaskSignals } from './task-signals.ts';

/** A task that is to be handled together with others. */
export interface BatchMember {
  /** Names the task over its tries. */
  readonly place: string;
  readonly payload: unknown;
  readonly context: TaskContext;
  readonly signals: TaskSignals;
  readonly bytes: number;
  /** The process has stood still since it was started: it must not begin. */
  readonly hasStoodStill: () => boolean;
  /** Its handler is about to be called; all that are told the same `batch` end together. */
  readonly begin: (batch: object) => void;
}

interface Waiting extends BatchMember {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** More of them are never under way; those that never came back are forgotten beyond that. */
const REMEMBERED = 20_000;

/** Gathers the tasks of one type and hands them over together. A member is done when its whole batch is. */
export class Batcher {
  readonly #handler: Extract<ResolvedHandler, { kind: 'batch' }>;
  readonly #clock: Clock;
  /** Batches belong to none of their tasks: neither to its trace nor to what a middleware has set. */
  readonly #scope = new AsyncResource('keylane.batch');
  /** Tasks of batches that threw as a whole: one of each is to blame, so each is tried by itself. */
  readonly #alone = new Set<string>();
  #waiting: Waiting[] = [];
  #bytes = 0;
  #timer: { clear(): void } | undefined;

  constructor(handler: Extract<ResolvedHandler, { kind: 'batch' }>, clock: Clock) {
    this.#handler = handler;
    this.#clock = clock;
  }

  /** Resolves when the task is done, rejects with its error; never before the handler's promise has settled. */
  add(member: BatchMember): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { ...member, resolve, reject };
      if (this.#alone.delete(member.place)) {
        void this.#handOver([waiting]);
        return;
      }
      const { maxSize, maxBytes, maxWaitMs } = this.#handler;
      if (this.#waiting.length > 0 && this.#bytes + member.bytes > maxBytes) this.#flush();
      this.#waiting.push(waiting);
      this.#bytes += member.bytes;
      if (this.#waiting.length >= maxSize || this.#bytes >= maxBytes || member.signals.isDraining) {
        this.#flush();
        return;
      }
      this.#timer ??= this.#clock.setTimer(maxWaitMs, () => this.#flush());
      // Whoever must come to an end soon does not wait for company. What is told to several tasks in one go is told by then.
      member.signals.onDrain = () =>
        queueMicrotask(() => {
          if (this.#waiting.includes(waiting)) this.#flush();
        });
    });
  }

  #flush(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    const members = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    void this.#handOver(members);
  }

  /** Never rejects. */
  async #handOver(gathered: readonly Waiting[]): Promise<void> {
    const members: Waiting[] = [];
    for (const member of gathered) {
      const { aborted } = member.signals;
      if (aborted !== undefined) member.reject(new TaskAbortedError(aborted));
      else if (member.hasStoodStill()) member.reject(new RetryLaterError(0));
      else members.push(member);
    }
    if (members.length === 0) return;
    const failed = new Map<Waiting, unknown>();
    const tasks = members.map(
      (member): BatchTask<unknown, TaskContext> => ({
        payload: member.payload,
        ctx: member.context,
        fail: (error) => void failed.set(member, error),
      }),
    );
    for (const { begin } of members) begin(members);
    try {
      await this.#scope.runInAsyncScope(this.#handler.handle, undefined, tasks);
    } catch (error) {
      for (const member of members) {
        if (failed.has(member)) continue;
        failed.set(member, error);
        if (members.length > 1) this.#remember(member.place);
      }
    }
    for (const member of members) {
      if (failed.has(member)) member.reject(failed.get(member));
      else member.resolve();
    }
  }

  #remember(place: string): void {
    this.#alone.add(place);
    if (this.#alone.size <= REMEMBERED) return;
    const [oldest] = this.#alone;
    if (oldest !== undefined) this.#alone.delete(oldest);
  }
}

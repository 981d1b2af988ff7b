import type { RecordHead } from '../../codec/read-record.ts';
import type { TaskBody, TaskBytes } from '../../tasks/task-body.ts';
import { deriveTaskId } from '../../tasks/task-id.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Run } from '../core/effects.ts';
import type { FollowUp, FollowUpOptions, TaskContext } from './task-context.ts';
import type { TaskSignals } from './task-signals.ts';

/** What a context needs to enqueue follow-ups: the queue, seen from here. */
export interface Enqueuer {
  enqueue(
    type: string,
    payload: unknown,
    options: FollowUpOptions & { readonly id: string },
  ): Promise<unknown>;
}

interface Parts {
  readonly task: { readonly run: Run; readonly head: RecordHead; readonly signals: TaskSignals };
  /** Of types with a body. */
  readonly body: TaskBody | TaskBytes | undefined;
  readonly heartbeat: () => void;
  readonly enqueuer: Enqueuer;
  readonly logger: Logger;
}

/** The context of one start. Little of it is made before it is asked for. */
export class HandlerContext implements TaskContext {
  readonly heartbeat: () => void;
  readonly logger: Logger;
  readonly #parts: Parts;
  #followUps = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.heartbeat = parts.heartbeat;
    this.logger = parts.logger;
  }

  get id(): string {
    return this.#parts.task.head.id;
  }

  get type(): string {
    return this.#parts.task.head.type;
  }

  get key(): string {
    return this.#parts.task.run.item.record.key?.toString('utf8') ?? '';
  }

  get idempotencyKey(): string {
    return this.#parts.task.head.idempotencyKey;
  }

  get attempt(): number {
    return this.#parts.task.run.attempt;
  }

  get redelivered(): boolean {
    const { run } = this.#parts.task;
    return run.attempt > 1 || run.item.offset < run.partition.maybeStartedBelow;
  }

  get enqueuedAt(): Date {
    return new Date(this.#parts.task.head.enqueuedAtMs);
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#parts.task.head.headers;
  }

  get record(): TaskContext['record'] {
    const { topic, partition, offset } = this.#parts.task.run.item.record;
    return { topic, partition, offset: BigInt(offset) };
  }

  get body(): TaskBody | TaskBytes | undefined {
    return this.#parts.body;
  }

  get fencingToken(): bigint {
    return BigInt(this.#parts.task.run.partition.epoch);
  }

  get signal(): AbortSignal {
    return this.#parts.task.signals.signal;
  }

  get draining(): AbortSignal {
    return this.#parts.task.signals.draining;
  }

  enqueue(type: string, payload: unknown, options?: FollowUpOptions): Promise<unknown> {
    const id = options?.id ?? deriveTaskId(this.id, this.#followUps);
    this.#followUps += 1;
    return this.#parts.enqueuer.enqueue(type, payload, { ...options, id });
  }

  enqueueMany(items: readonly FollowUp[]): Promise<readonly unknown[]> {
    return Promise.all(items.map(({ type, payload, options }) => this.enqueue(type, payload, options)));
  }
}

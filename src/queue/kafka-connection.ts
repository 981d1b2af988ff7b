import { type Clock, systemClock } from '../clock/clock.ts';
import { loadNativeCrc32c } from '../codec/crc32c.ts';
import { loadLz4 } from '../codec/lz4.ts';
import type { Admin } from '../kafka/admin.ts';
import type { KafkaDriver } from '../kafka/driver.ts';
import type { Appender } from '../kafka/port.ts';
import { EmbeddedRoom } from '../producer/embedded-room.ts';
import { Producer } from '../producer/producer.ts';
import type { ResolvedProducerOptions } from '../producer/producer-options.ts';
import { partAppends } from '../producer/upload/part-appends.ts';
import { Uploader, type UploadLimits } from '../producer/upload/uploader.ts';
import { newTaskId } from '../tasks/task-id.ts';
import { LiveKeys } from '../worker/core/live-keys.ts';
import { SharedBudget } from '../worker/core/shared-budget.ts';
import { SuspectGate } from '../worker/core/suspect-gate.ts';

/**
 * One cluster, shared by all queues of a process: its connections, its buffer for what is sent and its budget for what
 * is read. Made by `connectKafka`.
 */
export interface Kafka {
  /** Settles what is still being sent, then disconnects. Stop workers and close queues first. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface KafkaConnectionOptions {
  readonly budgetBytes: number;
  readonly producer: ResolvedProducerOptions;
  readonly clock?: Clock | undefined;
}

/** How long close() waits for what is being sent; beyond that its outcome is unknown. */
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * Parts on their way do not wait for room in the producer's buffer: they have a quarter as much beside it at most. On the
 * embedded cluster uploads of a partition never go side by side: each might wait for room that the other one has.
 */
function uploadLimits(bufferBytes: number, embedded: boolean): Partial<UploadLimits> {
  const maxParts = Math.max(1, Math.min(16, Math.floor(bufferBytes / 4 / 1_000_000)));
  return embedded ? { maxParts, slowPartMs: 2 ** 31 - 1, oneByOne: true } : { maxParts };
}

/** What queues and workers find behind a {@link Kafka}. */
export class KafkaConnection implements Kafka {
  readonly driver: KafkaDriver;
  readonly clock: Clock;
  readonly producer: Producer;
  /** How long a call of `enqueue` may take that does not say so itself. */
  readonly deliveryTimeoutMs: number;
  /**
   * For parts, with a client of its own once there are any: brokers answer the requests of a connection one after the other, so
   * small tasks would wait behind each part, and what is under way of parts would hold back batches of small tasks.
   */
  readonly #partsProducer: Producer;
  readonly uploader: Uploader;
  readonly budget: SharedBudget;
  readonly liveKeys = new LiveKeys();
  readonly suspectGate = new SuspectGate();
  /** Only on the embedded cluster, which would evict unfinished tasks. */
  readonly room: EmbeddedRoom | undefined;
  readonly #appenders = new Map<'tasks' | 'parts', Promise<Appender>>();
  #admin: Promise<Admin> | undefined;
  #closed: Promise<void> | undefined;

  constructor(driver: KafkaDriver, options: KafkaConnectionOptions) {
    this.driver = driver;
    this.clock = options.clock ?? systemClock;
    this.deliveryTimeoutMs = options.producer.deliveryTimeoutMs;
    this.budget = new SharedBudget(options.budgetBytes);
    this.room = driver.embedded === undefined ? undefined : new EmbeddedRoom(driver.embedded.partitionBytes);
    const { clock, room } = this;
    const common = { clock, options: options.producer, room };
    this.producer = new Producer({
      ...common,
      appender: () => this.#openAppender('tasks'),
      onAppended: (tookMs) => this.uploader.acknowledged(tookMs),
    });
    this.#partsProducer = new Producer({ ...common, appender: () => this.#openAppender('parts') });
    this.uploader = new Uploader({
      append: partAppends(this.#partsProducer),
      clock: this.clock,
      newId: () => newTaskId(Date.now()),
      loadLz4,
      limits: uploadLimits(options.producer.bufferBytes, this.room !== undefined),
    });
  }

  /** The control plane, connected once. A failed connection is tried anew by the next caller. */
  admin(): Promise<Admin> {
    this.#admin ??= this.driver.admin().catch((error: unknown) => {
      this.#admin = undefined;
      throw error;
    });
    return this.#admin;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #openAppender(what: 'tasks' | 'parts'): Promise<Appender> {
    const known = this.#appenders.get(what);
    if (known !== undefined) return known;
    if (what === 'parts') void loadNativeCrc32c();
    const opened = this.driver.appender().catch((error: unknown) => {
      this.#appenders.delete(what);
      throw error;
    });
    this.#appenders.set(what, opened);
    return opened;
  }

  async #close(): Promise<void> {
    await this.producer.close({ timeoutMs: CLOSE_TIMEOUT_MS });
    // No task is left that could have parts; what failed has ended its own.
    await this.#partsProducer.close({ timeoutMs: 1_000 });
    await Promise.all(
      [...this.#appenders.values()].map(async (opened) => {
        const appender = await opened.catch(() => undefined);
        await appender?.close({ timeoutMs: 5_000 });
      }),
    );
    const admin = await this.#admin?.catch(() => undefined);
    await admin?.close();
    await this.driver.close();
  }
}

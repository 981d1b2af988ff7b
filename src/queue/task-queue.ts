import { hostname } from 'node:os';
import { type CodecSet, codecSet } from '../codec/payload-codec.ts';
import { type StoreSet, storeSet } from '../codec/payload-store.ts';
import { EnqueueError } from '../errors/enqueue-error.ts';
import { QueueClosedError } from '../errors/parked-errors.ts';
import { WorkerStateError } from '../errors/worker-errors.ts';
import type { Control } from '../parked/control.ts';
import { ParkedTasks } from '../parked/parked-tasks.ts';
import { PendingTasks } from '../parked/pending-tasks.ts';
import type { Appended, ProducerItem } from '../producer/core/item.ts';
import { newTaskId } from '../tasks/task-id.ts';
import type { CheckedHandlers, PayloadInput, SomeHandlers, TaskMap } from '../tasks/task-map.ts';
import { TaskRegistry } from '../tasks/task-registry.ts';
import { stderrLogger } from '../telemetry/logger.ts';
import type { AnyHandler } from '../worker/running/handler-map.ts';
import type { TaskContext } from '../worker/running/task-context.ts';
import { Worker } from '../worker/worker.ts';
import type { WorkerOptions } from '../worker/worker-options.ts';
import { checkCallOptions } from './call-options.ts';
import { type CloseOptions, resolveCloseOptions } from './close-options.ts';
import {
  type EncodeRest,
  type EnqueueItem,
  EnqueueManyError,
  type EnqueueOptions,
  type EnqueueRequest,
  type EnqueueRest,
  type EnqueueResult,
  type OutboxRecord,
  type Receipt,
} from './enqueue-types.ts';
import { journalAppends } from './journal-appends.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { OpenCalls } from './open-calls.ts';
import { parkedAppends } from './parked-appends.ts';
import { ENCODE, type PreparedTask, type Preparing, prepareTask } from './prepare-task.ts';
import { encodeAlone, isUpload } from './queue-bodies.ts';
import { queueControl } from './queue-control.ts';
import { type QueueOptions, type ResolvedQueueOptions, resolveQueueOptions } from './queue-options.ts';
import { QueueTopics } from './queue-topics.ts';
import { QueueUploads } from './queue-uploads.ts';

let workerCount = 0;

/**
 * A typed, ordered, lossless queue of tasks on Kafka. `T` is its task map: it types what is enqueued and what handlers
 * get. The constructor does no I/O.
 */
export class TaskQueue<T extends TaskMap> {
  readonly name: string;
  /** What was given up and parked, and its ways out. */
  readonly parked: ParkedTasks;
  /** Commands about tasks that wait in the queue: park, skip, hold, release. */
  readonly pending: PendingTasks<T>;
  readonly #registry: TaskRegistry;
  readonly #preparing: Preparing;
  readonly #codecs: CodecSet;
  readonly #stores: StoreSet;
  readonly #kafka: KafkaConnection;
  readonly #topics: QueueTopics;
  readonly #uploads: QueueUploads;
  readonly #send: (request: EnqueueRequest) => Promise<Receipt>;
  readonly #control: Control;
  readonly #options: Pick<ResolvedQueueOptions, 'groups' | 'retention'>;
  readonly #workers = new Set<Worker>();
  readonly #calls = new OpenCalls();
  #closed: Promise<void> | undefined;

  /** @throws OptionsError listing every problem. */
  constructor(options: QueueOptions<T>) {
    const resolved = resolveQueueOptions(options);
    this.name = resolved.name;
    this.#kafka = resolved.kafka;
    this.#options = resolved;
    this.#registry = new TaskRegistry(resolved.tasks);
    this.#preparing = {
      registry: this.#registry,
      codec: resolved.codec,
      upload: (call, content, signal) => this.#uploads.upload(call, content, signal),
    };
    this.#codecs = codecSet(resolved.codec, resolved.codecs);
    this.#topics = new QueueTopics(resolved, resolved.logger ?? stderrLogger);
    this.#stores = storeSet(resolved.payloadStore, resolved.payloadStores);
    this.#uploads = new QueueUploads(resolved, this.#kafka, this.#topics);
    this.#control = queueControl({
      name: this.name,
      registry: this.#registry,
      codecs: this.#codecs,
      stores: this.#stores,
      kafka: this.#kafka,
      topics: this.#topics,
    });
    this.parked = new ParkedTasks(this.#control);
    this.pending = new PendingTasks(this.#control);
    this.#send = resolved.middleware.reduceRight<(request: EnqueueRequest) => Promise<Receipt>>(
      (next, wrap) => (request) => wrap(request, next),
      (request) => this.#enqueue(request),
    );
  }

  /**
   * Enqueues a task. Resolves when it is durable: on enough replicas to survive any single one. Calls for one key take
   * their place in its order when they are made, whatever is awaited. Leave the payload unchanged until then, it is
   * written as JSON when there is room for it in the buffer; and so a body, of which large ones are not copied. Types with a
   * body need `options.body`.
   *
   * @throws PayloadInvalidError, KeyInvalidError, TaskTypeUnknownError, PayloadNotSerializableError, TaskTooLargeError,
   * CodecFailedError, OptionsError: nothing was sent. TopicsRefusedError: the queue's topics would lose or reorder tasks.
   * @throws EnqueueError whose `outcome` says whether the task is surely absent or may be in the queue.
   */
  // Not TaskType<T>: for a misspelt type the compiler would print that alias with the whole map, not the names.
  enqueue<K extends keyof T & string>(
    type: K,
    payload: PayloadInput<T, K>,
    ...[options]: EnqueueRest<T, K>
  ): Promise<Receipt> {
    return this.#call({ type, payload, options: options ?? {} });
  }

  /**
   * Enqueues several tasks; each key's in the order given. Resolves with one receipt an item.
   *
   * @throws EnqueueManyError when any of them failed, with what became of each.
   */
  async enqueueMany(items: readonly EnqueueItem<T>[]): Promise<readonly Receipt[]> {
    const results = await Promise.all(
      items.map(({ type, payload, options }) =>
        this.#call({ type, payload, options: options ?? {} }).then(
          (receipt): EnqueueResult => ({ ok: true, receipt }),
          (error: unknown): EnqueueResult => ({ ok: false, error }),
        ),
      ),
    );
    const receipts: Receipt[] = [];
    for (const result of results) {
      if (!result.ok) throw new EnqueueManyError(results);
      receipts.push(result.receipt);
    }
    return receipts;
  }

  /**
   * Checks and encodes a task without sending it: for an outbox table, written in the same transaction as your own data
   * and sent later with {@link enqueueRecord}, or by any Kafka producer that keeps topic, partition, key and headers.
   */
  async encode<K extends keyof T & string>(
    type: K,
    payload: PayloadInput<T, K>,
    ...[options]: EncodeRest<T, K>
  ): Promise<OutboxRecord> {
    const prepared = prepareTask(this.#preparing, { type, payload, options: options ?? {} }, ENCODE);
    const { task, id, key } = prepared;
    const partition = this.#topics.partitionFor(key);
    const { record } = await encodeAlone(prepared, { id, type: task.type, topic: this.name, partition });
    if (record.key === null) throw new Error(`task ${id} was encoded without a key`);
    return {
      id,
      type: task.type,
      topic: this.name,
      partition,
      key: record.key,
      value: record.value,
      headers: record.headers,
    };
  }

  /**
   * Sends what {@link encode} made. Order per key is the order of these calls.
   *
   * @throws OptionsError, EnqueueError
   */
  async enqueueRecord(
    record: OutboxRecord,
    options?: Pick<EnqueueOptions, 'signal' | 'timeoutMs'>,
  ): Promise<Receipt> {
    checkCallOptions('enqueueRecord()', options ?? {}, RECORD_OPTIONS);
    const { id, type, key, value, headers } = record;
    const bytes =
      key.length + value.length + headers.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
    const laneKey = key.toString('utf8');
    return await this.#calls.track(
      this.#add({
        topic: this.name,
        partition: this.#topics.partitionFor(laneKey),
        laneKey,
        id,
        type,
        sizeBytes: bytes,
        encode: () => ({ record: { key, value, headers }, bytes }),
        ready: this.#topics.ready({
          id,
          type,
          topic: this.name,
          partition: this.#topics.partitionFor(laneKey),
        }),
        signal: options?.signal,
        timeoutMs: options?.timeoutMs,
      }).then((appended) => receiptOf(id, appended)),
    );
  }

  /** Resolves when every call made before has its answer, good or bad. */
  async flush(): Promise<void> {
    await this.#calls.answered();
  }

  /**
   * A worker for this queue: runs its tasks with these handlers, one for each type of the map. Starts nothing by itself.
   *
   * @throws OptionsError, also when a handler is missing, and when its group is not among the queue's `groups`; WorkerStateError when the queue is closed
   */
  worker<H extends SomeHandlers<T, TaskContext>>(
    handlers: H & CheckedHandlers<T, H, TaskContext>,
    options?: WorkerOptions<T>,
  ): Worker {
    if (this.#closed !== undefined) {
      throw new WorkerStateError(
        `worker() was called on the closed queue '${this.name}'`,
        'Make a new TaskQueue.',
      );
    }
    const known = handlers as unknown as Readonly<Record<string, AnyHandler>>; // each handler gets only payloads of its own type
    workerCount += 1;
    const worker = new Worker(
      {
        queue: this.name,
        groups: this.#options.groups,
        retention: this.#options.retention,
        registry: this.#registry,
        codecs: this.#codecs,
        stores: this.#stores,
        handlers: known,
        enqueuer: {
          enqueue: (type, payload, given) => this.#call({ type, payload, options: given }),
        },
        driver: () => Promise.resolve(this.#kafka.driver),
        admin: () => this.#kafka.admin(),
        topics: () => this.#topics.ensure(),
        appendState: (topic) => journalAppends(this.#kafka.producer, topic),
        appendParked: (topic) => parkedAppends(this.#kafka.producer, topic),
        budget: this.#kafka.budget,
        liveKeys: this.#kafka.liveKeys,
        suspectGate: this.#kafka.suspectGate,
        clock: this.#kafka.clock,
        newId: () => newTaskId(Date.now()),
        workerName: `${hostname()}-${process.pid}-${workerCount}`,
        onCommitted: (partition, frontier) => {
          this.#kafka.room?.finished(worker.group, this.name, partition, frontier);
          this.#uploads.finished(worker.group, partition, frontier);
        },
        onParkedNeeded: ({ topic, partition }, from) =>
          this.#kafka.room?.finished(worker.group, topic, partition, from),
        onClosed: () => void this.#workers.delete(worker),
      },
      options,
    );
    this.#workers.add(worker);
    return worker;
  }

  /**
   * Stops this queue's workers, waits for its open calls, cuts off waits for commands, refuses new ones. Bodies are given up
   * (`QUEUE_CLOSED`) whose sources have not ended 10 s after the workers have stopped, and those that Kafka or the store has not
   * taken after `timeoutMs`, by default the producer's `deliveryTimeoutMs`; other calls end by their own time. The
   * connection stays. Idempotent: the first call's time counts.
   *
   * @throws OptionsError: nothing is closed
   */
  async close(options?: CloseOptions): Promise<void> {
    if (this.#closed === undefined) {
      const { timeoutMs } = resolveCloseOptions(options, this.#kafka.deliveryTimeoutMs);
      this.#closed = this.#close(timeoutMs);
    }
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    await Promise.all([this.#control.close(), ...[...this.#workers].map((worker) => worker.stop())]);
    await this.#calls.end({ timeoutMs, reason: new QueueClosedError(this.name), clock: this.#kafka.clock });
  }

  /** A middleware that throws fails its call, and no other one of an `enqueueMany`. */
  #call(request: EnqueueRequest): Promise<Receipt> {
    try {
      return this.#calls.track(this.#send(request));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Never throws; takes the task's place in its key's order before it returns. */
  #enqueue(request: EnqueueRequest): Promise<Receipt> {
    let prepared: PreparedTask;
    try {
      prepared = prepareTask(this.#preparing, request);
    } catch (error) {
      return Promise.reject(error);
    }
    const { task, call, id, key, check, body, encode } = prepared;
    const { signal, timeoutMs } = request.options;
    const partition = this.#topics.partitionFor(key);
    const topics = this.#topics.ready({ id, type: task.type, topic: this.name, partition });
    const checking = check.kind === 'checking' ? check.done : undefined;
    const ready =
      topics !== undefined && checking !== undefined ? both(topics, checking) : (topics ?? checking);
    const item: ProducerItem = {
      topic: this.name,
      partition,
      laneKey: key,
      id,
      type: task.type,
      sizeBytes: 1_024,
      encode,
      ready,
      upload: isUpload(body),
      uploadTo: this.#uploads.store,
      onSettled: this.#uploads.onSettled(call),
      signal: this.#calls.bodies.signalFor(body, signal),
      timeoutMs: timeoutMs ?? (isUpload(body) ? this.#options.retention.uploadTimeoutMs : undefined),
    };
    const receipt = this.#add(item).then((appended) => receiptOf(id, appended));
    this.#calls.bodies.follow(body, receipt);
    this.#uploads.follow(call, receipt);
    return receipt;
  }

  #add(item: ProducerItem): Promise<Appended> {
    if (this.#closed !== undefined && this.#workers.size === 0) {
      item.ready?.catch(() => {});
      const reason = 'was not sent: the queue is closed. Make a new TaskQueue.';
      return Promise.reject(new EnqueueError({ code: 'QUEUE_CLOSED', outcome: 'absent', reason }, item));
    }
    return this.#kafka.producer.add(item);
  }
}

const RECORD_OPTIONS: ReadonlySet<string> = new Set(['signal', 'timeoutMs']);

function receiptOf(id: string, { topic, partition, offset, timestampMs }: Appended): Receipt {
  return { id, topic, partition, offset: BigInt(offset), timestamp: new Date(timestampMs) };
}

/** Both must hold; neither is left without somebody who hears of its failure. */
async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  await Promise.all([first, second]);
}

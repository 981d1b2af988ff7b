import { z } from 'zod';
import { ManualClock } from '../../src/clock/manual-clock.ts';
import { defaultCodecLimits } from '../../src/codec/codec-limits.ts';
import { encodeTask } from '../../src/codec/envelope.ts';
import { ParkError } from '../../src/errors/control-errors.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { KafkaDriver, Membership } from '../../src/kafka/port.ts';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../src/queue/kafka-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import type { TaskBody } from '../../src/tasks/task-body.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { manifestOf, uploadOf } from './parts-rig.ts';

/** Of a part, of the longest body, and of a batch with all its bodies. */
export const PART_BYTES = 1_000;
export const MOST_PARTS = 40;
export const BATCH_BYTES = 60_000;

const PARTITIONS = 2;

/**
 * What a handler does with its body:
 * - `read`: takes it part by part, pausing after the first
 * - `half`: takes one part and ends
 * - `list`: has all of it, and keeps that for its pause
 * - `late-list`: the same after its pause
 * - `leave`: asks for all of it and ends at once
 * - `fail`: throws once it has all of it, at first
 * - `hang`: does nothing until its time is up, at first; `stubborn`: and goes on for a while
 * - `park`: is parked, with its body
 */
export const ways = [
  'read',
  'half',
  'list',
  'late-list',
  'leave',
  'fail',
  'hang',
  'stubborn',
  'park',
] as const;
export const types = ['note', 'image', 'video', 'clip'] as const;

export interface WorldTask {
  readonly type: (typeof types)[number];
  readonly way: (typeof ways)[number];
  readonly key: number;
  readonly parts: number;
  readonly pauseMs: number;
}

const schema = z.object({
  key: z.string(),
  way: z.enum(ways),
  pauseMs: z.number(),
});
type Payload = z.output<typeof schema>;

const options = { schema, key: ({ key }: { readonly key: string }) => key, timeoutMs: 3_000 };
const tasks = {
  note: defineTask(options),
  image: defineTask({ ...options, body: 'bytes' }),
  video: defineTask({ ...options, timeoutMs: undefined, body: 'stream' }),
  clip: defineTask({ ...options, timeoutMs: undefined, body: 'stream' }),
};

/** A process with workers that share a small budget, on a cluster in memory and a clock that a test moves. */
export class BudgetWorld {
  readonly clock = new ManualClock();
  readonly kafka: KafkaConnection;
  /** Those that run, the oldest first. */
  readonly workers: Worker[] = [];
  /** How often something happened: schedules without any of it show nothing. */
  readonly counts = new Map<string, number>();
  mostBytes = 0;
  /** Handlers that have begun and not ended. */
  handling = 0;
  readonly #cluster = new MemoryCluster({
    clock: this.clock,
    brokerConfigs: { 'min.insync.replicas': '2' },
  });
  readonly #queue: TaskQueue<typeof tasks>;
  readonly #members: Membership[] = [];
  readonly #ends: Promise<unknown>[] = [];
  /** Members whose next commit throws what no commit may. */
  readonly #broken = new Set<Membership>();
  #enqueued = 0;

  constructor(budgetBytes: number) {
    const { producer } = resolveKafkaOptions({ embedded: true });
    this.kafka = new KafkaConnection(this.#driver(), { budgetBytes, producer, clock: this.clock });
    this.#queue = new TaskQueue({
      name: 'q',
      tasks,
      kafka: this.kafka,
      topic: { partitions: PARTITIONS },
      logger: silentLogger,
    });
    this.#watch();
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Time goes on until something has settled; false when it has not in all that time. */
  async within(ms: number, work: Promise<unknown>): Promise<boolean> {
    let settled = false;
    const noted = (): void => {
      settled = true;
    };
    work.then(noted, noted);
    for (let passedMs = 0; passedMs < ms && !settled; passedMs += 25) await this.pass(25);
    return settled;
  }

  /** Offsets of tasks that are not done, nor parked, when so much time has passed. */
  async openAfter(ms: number): Promise<readonly string[]> {
    for (let passedMs = 0; passedMs < ms && this.#open.length > 0; passedMs += 25) await this.pass(25);
    return this.#open;
  }

  async startWorker(): Promise<void> {
    const worker = this.#queue.worker(this.#handlers(), {
      logger: silentLogger,
      concurrency: 6,
      commitIntervalMs: 50,
      retry: { minDelayMs: 5, maxDelayMs: 50 },
      rebalance: { drainMs: 200 },
    });
    worker.done.catch(() => {});
    this.workers.push(worker);
    await this.within(10_000, worker.start());
  }

  /** In good order, while others go on. */
  stopOldest(): void {
    const worker = this.workers.shift();
    if (worker !== undefined) this.#ends.push(worker.stop());
  }

  /** The newest one meets an error of keylane's own with its next commit. */
  breakNewest(): void {
    const member = this.#members.at(-1);
    const worker = this.workers.pop();
    if (worker === undefined || member === undefined) return;
    this.#broken.add(member);
    this.#ends.push(worker.done.catch(() => worker.stop()));
  }

  /** The group takes all from the newest one. */
  evictNewest(): void {
    const member = this.#members.at(-1);
    if (member !== undefined && this.workers.length > 0) this.#cluster.evict(member);
  }

  async enqueue({ type, way, key, parts, pauseMs }: WorldTask): Promise<void> {
    const n = this.#enqueued;
    this.#enqueued += 1;
    const id = `task-${n}`;
    // What is parked takes all of its key along.
    const name = way === 'park' ? `parked ${n}` : `key ${key}`;
    const partition = key % PARTITIONS;
    const content = Buffer.alloc(parts * PART_BYTES, n);
    const { record } = await encodeTask(
      {
        id,
        type,
        version: 1,
        key: name,
        payload: { key: name, way, pauseMs },
        enqueuedAtMs: this.clock.wallMs(),
        ...(type === 'note'
          ? {}
          : { body: { kind: 'parts', manifest: await this.#upload(id, content, partition) } }),
      },
      defaultCodecLimits,
    );
    this.#cluster.write({ topic: 'q', partition }, [record]);
  }

  /** Everything is stopped; true when that came to an end. */
  async close(): Promise<boolean> {
    while (this.workers.length > 0) this.stopOldest();
    return await this.within(120_000, Promise.all([...this.#ends, this.#queue.close(), this.kafka.close()]));
  }

  /** Where the group has not come to the end of a partition. */
  get #open(): readonly string[] {
    const open: string[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const place = { topic: 'q', partition };
      const from = this.#cluster.committed('q', place)?.offset ?? 0;
      const end = this.#cluster.log(place)?.ends.end ?? 0;
      if (from < end) open.push(`${partition}: ${from} to ${end}`);
    }
    return open;
  }

  async #upload(id: string, content: Buffer, partition: number) {
    const { records } = await uploadOf(id, content);
    const place = { topic: 'q.parts', partition };
    const from = this.#cluster.log(place)?.ends.end ?? 0;
    this.#cluster.write(place, records);
    const manifest = manifestOf(id, content, { partition, from, to: from + records.length - 1 });
    return { ...manifest, firstAtMs: this.clock.wallMs(), timeoutMs: 1_000_000 };
  }

  #handlers() {
    return {
      note: (payload: Payload, context: TaskContext) => this.#act(payload, context),
      image: (payload: Payload, context: TaskContext) => this.#act(payload, context),
      video: (payload: Payload, context: TaskContext & { readonly body: TaskBody }) =>
        this.#act(payload, context, context.body),
      clip: {
        batch: { maxSize: 3, maxBytes: BATCH_BYTES, maxWaitMs: 20 },
        handle: (batch: readonly Member[]) => this.#handleBatch(batch),
      },
    };
  }

  /** All at once; or one after the other, while what has begun waits half-read. */
  async #handleBatch(batch: readonly Member[]): Promise<void> {
    if (batch.length > 1) this.count('batch');
    const atOnce = (batch[0]?.payload.pauseMs ?? 0) % 2 === 0;
    const acts = batch.map(
      ({ payload, ctx, fail }) =>
        () =>
          this.#act(payload, ctx, ctx.body).catch(fail),
    );
    if (atOnce) {
      await Promise.all(acts.map((act) => act()));
      return;
    }
    for (const { ctx, payload } of batch) {
      if (payload.way === 'read')
        await new Promise((resolve) => ctx.body.once('readable', resolve).once('error', resolve));
    }
    for (const act of acts) await act();
  }

  async #act(payload: Payload, context: TaskContext, body?: TaskBody): Promise<void> {
    this.handling += 1;
    try {
      await this.#actOn(payload, context, body);
    } finally {
      this.handling -= 1;
    }
  }

  async #actOn({ way, pauseMs }: Payload, context: TaskContext, body?: TaskBody): Promise<void> {
    const isFirst = context.attempt === 1;
    const maxBytes = MOST_PARTS * PART_BYTES;
    switch (way) {
      case 'hang':
      case 'stubborn':
        if (!isFirst || body !== undefined) break;
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        if (way === 'stubborn') await this.#pause(500);
        throw context.signal.reason;
      case 'park':
        throw new ParkError('asked for');
      case 'late-list':
        await this.#pause(pauseMs);
        await body?.bytes({ maxBytes });
        return;
      case 'leave':
        void body?.bytes({ maxBytes });
        return;
      case 'list':
      case 'fail':
        await body?.bytes({ maxBytes });
        await this.#pause(pauseMs);
        if (way === 'fail' && isFirst) throw new Error('at first');
        return;
      case 'half':
      case 'read':
        break;
    }
    let first = true;
    for await (const _part of body ?? []) {
      if (first) await this.#pause(pauseMs);
      first = false;
      if (way === 'half') return;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(ms, resolve));
  }

  #driver(): KafkaDriver {
    const plain = memoryDriver(this.#cluster);
    return {
      ...plain,
      membership: (given) => {
        const member = plain.membership(given);
        this.#members.push(member);
        const commit = member.commit.bind(member);
        member.commit = async (offsets) => {
          if (this.#broken.delete(member)) {
            this.count('break');
            throw new Error('this never happens');
          }
          return await commit(offsets);
        };
        return member;
      },
    };
  }

  /** Notes what the budget is used for, and who waits for it. */
  #watch(): void {
    const { budget } = this.kafka;
    const [take, reserve, reserveAnyway, extend] = [
      budget.take.bind(budget),
      budget.reserve.bind(budget),
      budget.reserveAnyway.bind(budget),
      budget.extend.bind(budget),
    ];
    const noted = (): void => {
      this.mostBytes = Math.max(this.mostBytes, budget.usedBytes);
    };
    budget.take = (bytes) => {
      take(bytes);
      noted();
    };
    budget.reserveAnyway = (bytes) => {
      const reservation = reserveAnyway(bytes);
      noted();
      return reservation;
    };
    budget.reserve = (...args) => {
      const reservation = reserve(...args);
      if (reservation === undefined) this.count('start waits');
      return reservation;
    };
    budget.extend = (...args) => {
      const reservation = extend(...args);
      if (reservation === undefined) this.count('more waits');
      else this.count(reservation.beyond === true ? 'more, beyond' : 'more, with room');
      return reservation;
    };
  }
}

interface Member {
  readonly payload: Payload;
  readonly ctx: TaskContext & { readonly body: TaskBody };
  readonly fail: (error: unknown) => void;
}

import { ManualClock } from '../../src/clock/manual-clock.ts';
import { defaultCodecLimits } from '../../src/codec/codec-limits.ts';
import { encodeTask } from '../../src/codec/envelope.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { Membership } from '../../src/kafka/port.ts';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../src/queue/kafka-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Attempt, Reservation } from '../../src/worker/core/shared-budget.ts';
import { TaskRunner } from '../../src/worker/running/task-runner.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { BodyHandlers, bodyTasks, PART_BYTES, type types, type ways } from './body-handlers.ts';
import { manifestOf, uploadOf } from './parts-rig.ts';

const PARTITIONS = 2;

export interface WorldTask {
  readonly type: (typeof types)[number];
  readonly way: (typeof ways)[number];
  readonly key: number;
  readonly parts: number;
  readonly pauseMs: number;
}

/** A process with workers that share a small budget, on a cluster in memory and a clock that a test moves. */
export class BudgetWorld {
  readonly clock = new ManualClock();
  readonly kafka: KafkaConnection;
  /** Those that run, the oldest first. */
  readonly workers: Worker[] = [];
  /** How often something happened: schedules without any of it show nothing. */
  readonly counts = new Map<string, number>();
  mostBytes = 0;
  /** Most that attempts had been given while they ran, but for those of the one batch that had most. */
  mostSharedBytes = 0;
  readonly handlers = new BodyHandlers({ clock: this.clock, count: (what) => this.count(what) });
  readonly #cluster = new MemoryCluster({
    clock: this.clock,
    brokerConfigs: { 'min.insync.replicas': '2' },
  });
  readonly #queue: TaskQueue<typeof bodyTasks>;
  readonly #members: Membership[] = [];
  readonly #ends: Promise<unknown>[] = [];
  /** What throws the next time although it never may. */
  #wrong: 'commit' | 'start' | undefined;
  readonly #restore: () => void;
  /** What was given to attempts while they ran. */
  readonly #extensions = new Map<Reservation, Attempt>();
  #enqueued = 0;

  constructor(budgetBytes: number) {
    const { producer } = resolveKafkaOptions({ embedded: true });
    this.kafka = new KafkaConnection(this.#driver(), { budgetBytes, producer, clock: this.clock });
    this.#queue = new TaskQueue({
      name: 'q',
      tasks: bodyTasks,
      kafka: this.kafka,
      topic: { partitions: PARTITIONS },
      logger: silentLogger,
    });
    this.#watch();
    const before = Object.getOwnPropertyDescriptor(TaskRunner.prototype, 'start') ?? {};
    const start = before.value as (this: TaskRunner, ...given: Parameters<TaskRunner['start']>) => void;
    const throwIfWrong = (): void => this.#throwIfWrong('start');
    TaskRunner.prototype.start = function (run) {
      throwIfWrong();
      start.call(this, run);
    };
    this.#restore = () => {
      Object.defineProperty(TaskRunner.prototype, 'start', before);
    };
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

  /** Nothing goes wrong any more. Offsets of tasks that are not done, nor parked, when so much time has passed. */
  async openAfter(ms: number): Promise<readonly string[]> {
    this.#wrong = undefined;
    if (this.workers.length === 0) await this.startWorker();
    for (let passedMs = 0; passedMs < ms && this.#open.length > 0; passedMs += 25) await this.pass(25);
    return this.#open;
  }

  async startWorker(): Promise<void> {
    const worker = this.#queue.worker(this.handlers.all, {
      logger: silentLogger,
      concurrency: 6,
      commitIntervalMs: 50,
      retry: { minDelayMs: 5, maxDelayMs: 50 },
      rebalance: { drainMs: 200 },
    });
    worker.done.catch(() => {
      this.count('break');
      this.workers.splice(this.workers.indexOf(worker), 1);
      this.#ends.push(worker.stop());
    });
    this.workers.push(worker);
    await this.within(10_000, worker.start());
  }

  /** In good order, while others go on. */
  stopOldest(): void {
    const worker = this.workers.shift();
    if (worker !== undefined) this.#ends.push(worker.stop());
  }

  /** Whoever commits, or starts a task, next meets an error of keylane's own. */
  breakNext(what: 'commit' | 'start'): void {
    this.#wrong = what;
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
    this.#restore();
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

  #driver(): KafkaDriver {
    const plain = memoryDriver(this.#cluster);
    return {
      ...plain,
      membership: (given) => {
        const member = plain.membership(given);
        this.#members.push(member);
        const commit = member.commit.bind(member);
        member.commit = async (offsets) => {
          this.#throwIfWrong('commit');
          return await commit(offsets);
        };
        return member;
      },
    };
  }

  get #sharedBytes(): number {
    const ofCompany = new Map<object, number>();
    for (const [{ bytes }, { company }] of this.#extensions)
      ofCompany.set(company, (ofCompany.get(company) ?? 0) + bytes);
    const each = [...ofCompany.values()];
    return each.reduce((sum, bytes) => sum + bytes, 0) - Math.max(0, ...each);
  }

  #throwIfWrong(what: 'commit' | 'start'): void {
    if (this.#wrong !== what) return;
    this.#wrong = undefined;
    throw new Error('this never happens');
  }

  /** Notes what the budget is used for, and who waits for it. */
  #watch(): void {
    const { budget } = this.kafka;
    const [take, reserve, reserveAnyway, extend, giveBack] = [
      budget.take.bind(budget),
      budget.reserve.bind(budget),
      budget.reserveAnyway.bind(budget),
      budget.extend.bind(budget),
      budget.giveBack.bind(budget),
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
      else {
        this.count(reservation.beyond === true ? 'more, beyond' : 'more, with room');
        this.#extensions.set(reservation, args[0].attempt);
        this.mostSharedBytes = Math.max(this.mostSharedBytes, this.#sharedBytes);
      }
      return reservation;
    };
    budget.giveBack = (reservation) => {
      this.#extensions.delete(reservation);
      giveBack(reservation);
    };
  }
}

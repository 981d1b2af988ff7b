import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../checker/events.ts';
import { untilStill } from '../support/until-still.ts';
import { Child, type Exit } from './child.ts';
import { trySession } from './cluster-admin.ts';
import { EventLog, LogFollower, monotonicMs, readEventLogs } from './event-log.ts';
import { groupReport } from './group-report.ts';
import { GroupView } from './group-view.ts';
import type {
  KeepingOptions,
  ProducerOrder,
  ProducerSettings,
  QueueSettings,
  WorkerSettings,
} from './process-settings.ts';
import { type OpenQueue, openWorkQueue } from './queue-under-test.ts';

/** What the world itself tells its processes. */
type QueuePlace = Pick<
  QueueSettings,
  'brokers' | 'queue' | 'partitions' | 'queueOptions' | 'folder' | 'life'
>;

export interface WorldOptions {
  readonly brokers: readonly string[];
  readonly partitions: number;
  /** Default: one of its own. */
  readonly queue?: string;
  readonly queueOptions?: KeepingOptions;
  readonly worker: Omit<WorkerSettings, keyof QueuePlace>;
  readonly producer: Omit<ProducerSettings, keyof QueuePlace>;
  /** Progress, for people. */
  readonly say: (line: string) => void;
  /** A worker ended by itself, and not well. True: that is what the run is about. */
  readonly onDeath?: (life: string, exit: Exit) => boolean;
}

/** How often the logs are looked at while something is awaited. */
const LOOK_MS = 10;
const LOOK_AT_TIME_MS = 200;
const STOOD_STILL_MS = 2_500;
const EXIT_MS = 60_000;
/** How long partitions may take to be shared out, on a machine that is busy. */
const CALM_MS = 60_000;

let queues = 0;

/** Of this run alone, also where several begin in the same moment. */
export function newQueueName(): string {
  queues += 1;
  return `faults-${process.pid}-${Date.now().toString(36)}-${queues}`;
}

/** One run: its queue, its processes, their logs, and what the logs say so far. */
export class World {
  readonly view = new GroupView();
  readonly log: EventLog;
  readonly folder: string;
  readonly #options: WorldOptions;
  readonly #follower: LogFollower;
  readonly queue: string;
  readonly #workers = new Map<string, Child>();
  readonly #producers = new Map<string, Child>();
  readonly #others = new Set<Child>();
  readonly #orders = new Map<Child, Promise<void>>();
  readonly #watches: Promise<void>[] = [];
  readonly #killed = new Set<Child>();
  readonly #suspended = new Set<Child>();
  /** Processes that ended by themselves, and not well. */
  readonly #died: string[] = [];
  #control: OpenQueue | undefined;
  #lives = 0;
  #lookedAt = monotonicMs();
  readonly #watchingTime: NodeJS.Timeout;

  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options, await mkdtemp(join(tmpdir(), 'keylane-faults-')));
    const { worker } = options;
    // By the classic protocol each member says it itself, and with KIP-848 the brokers decide.
    if (worker.protocol === 'consumer')
      await trySession(options, worker.group ?? world.queue, worker.detectFailureMs);
    return world;
  }

  constructor(options: WorldOptions, folder: string) {
    this.#options = options;
    this.folder = folder;
    this.queue = options.queue ?? newQueueName();
    this.log = new EventLog(folder, 'injector');
    this.#watchingTime = setInterval(() => this.#lookAtTime(), LOOK_AT_TIME_MS);
    this.#follower = new LogFollower(folder);
  }

  /** The workers that run, oldest first. */
  get workers(): readonly Child[] {
    return [...this.#workers.values()].filter((worker) => !this.#suspended.has(worker));
  }

  /** Processes that were killed, or ended in a way that the run is about. */
  get killCount(): number {
    return this.#killed.size;
  }

  say(line: string): void {
    this.#options.say(line);
  }

  /** The queue as an operator's program opens it. It is closed with the world. */
  control(): OpenQueue['queue'] {
    this.#control ??= openWorkQueue(this.#place('operator'), (driver) => driver);
    return this.#control.queue;
  }

  /** Starts a worker and does not wait for it. */
  spawnWorker(change: Partial<WorkerSettings> = {}): Child {
    const settings = { ...this.#options.worker, ...this.#place('worker'), ...change };
    const child = new Child('worker-process', settings);
    this.#workers.set(child.life, child);
    this.#watch(child);
    return child;
  }

  async spawnProducer(): Promise<Child> {
    const child = new Child('producer-process', {
      ...this.#options.producer,
      ...this.#place('producer'),
    });
    this.#producers.set(child.life, child);
    this.#watch(child);
    await child.message();
    return child;
  }

  /** Starts a process that does nothing but watch its own event loop. */
  spawnIdle(): Child {
    const child = new Child('idle-process', this.#place('idle'));
    this.#others.add(child);
    this.#watch(child);
    return child;
  }

  /** Has a producer enqueue, after what it was told before, and resolves when every call is answered. */
  enqueue(producer: Child, order: ProducerOrder): Promise<void> {
    const before = this.#orders.get(producer) ?? Promise.resolve();
    const done = before.then(async () => {
      const answer = producer.message();
      producer.send(order);
      await answer;
    });
    this.#orders.set(
      producer,
      done.catch(() => undefined),
    );
    return done;
  }

  /** SIGKILL, written down in the moment it was delivered. */
  async kill(child: Child): Promise<void> {
    this.#workers.delete(child.life);
    this.#producers.delete(child.life);
    this.#killed.add(child);
    if (!child.signal('SIGKILL')) throw new Error(`${child.life} was gone before it could be killed`);
    this.log.write({ event: 'killed', target: child.life });
    await child.exited;
  }

  /** SIGTERM; resolves when the process has ended by itself. */
  async stop(worker: Child): Promise<void> {
    this.#workers.delete(worker.life);
    worker.signal('SIGTERM');
    await this.#exit(worker);
  }

  /**
   * The process stands still, and is not among the workers until it goes on. It stops itself, between two of its events:
   * stopped from outside it may have decided to start a task, and not said so. What the logs said before may be over by
   * then: false, and it goes on at once, unless they say so still.
   */
  async suspend(worker: Child, holds: (view: GroupView) => boolean): Promise<boolean> {
    if (!worker.running) throw new Error(`${worker.life} was gone before it could be stopped`);
    worker.send('stand still');
    if (!(await this.#standsStill(worker, holds))) return false;
    this.#suspended.add(worker);
    this.log.write({ event: 'suspended', target: worker.life });
    return true;
  }

  /** SIGKILL, unless the logs say something else when the process stands still. */
  async killWhile(child: Child, holds: (view: GroupView) => boolean): Promise<boolean> {
    child.signal('SIGSTOP');
    if (!(await this.#standsStill(child, holds))) return false;
    await this.kill(child);
    return true;
  }

  /** False, and it goes on, unless the logs say so when it has stopped. */
  async #standsStill(child: Child, holds: (view: GroupView) => boolean): Promise<boolean> {
    if (!child.running || child.pid === undefined)
      throw new Error(`${child.life} was gone before it could be stopped`);
    await untilStill(child.pid);
    if (holds(this.look())) return true;
    child.signal('SIGCONT');
    return false;
  }

  /** SIGCONT. */
  resume(worker: Child): void {
    this.log.write({ event: 'resumed', target: worker.life });
    worker.signal('SIGCONT');
    this.#suspended.delete(worker);
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.workers.map((worker) => this.stop(worker)));
    for (const producer of this.#producers.values()) {
      producer.send('end');
      await this.#exit(producer);
    }
    this.#producers.clear();
    for (const other of this.#others) {
      other.send('end');
      await this.#exit(other);
    }
    this.#others.clear();
  }

  look(): GroupView {
    this.view.add(this.#follower.next());
    return this.view;
  }

  /** Resolves when the logs say so; rejects after the time, with what they say instead, or as soon as a process dies. */
  async until(what: string, holds: (view: GroupView) => boolean, timeoutMs: number): Promise<void> {
    const deadline = monotonicMs() + timeoutMs;
    while (!holds(this.look())) {
      if (this.#died.length > 0)
        throw new Error(`${what}: ${this.#died.join(', ')} ended by itself. ${this.describe()}`);
      if (monotonicMs() > deadline) {
        throw new Error(`${what}: not within ${timeoutMs} ms. ${this.describe()}`);
      }
      await wait(LOOK_MS);
    }
  }

  /** All partitions are taken by the workers that run, and evenly, as far as the logs were read. */
  get isCalm(): boolean {
    const lives = this.workers.map(({ life }) => life);
    return this.view.isCalm(lives, this.#options.partitions);
  }

  /** Resolves when it is. */
  async untilCalm(timeoutMs = CALM_MS): Promise<void> {
    try {
      await this.until('all partitions taken evenly by the running workers', () => this.isCalm, timeoutMs);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`${what}; ${await this.#groupReport()}`, { cause: error });
    }
  }

  /** So many partitions are taken by workers that run. */
  async untilCalmOf(partitions: number, timeoutMs: number): Promise<void> {
    const taken = (view: GroupView): number =>
      this.workers.reduce((sum, { life }) => sum + view.member(life).taken.size, 0);
    await this.until(`${partitions} partitions taken`, (view) => taken(view) >= partitions, timeoutMs);
  }

  /** Every acked task was finished. Rejects when nothing more has been finished for so long. */
  async untilDrained(quietMs: number): Promise<void> {
    let finished = -1;
    while (!this.look().isDrained) {
      const before = finished;
      finished = this.view.finished.size;
      if (before === finished) throw new Error(`nothing was finished for ${quietMs} ms. ${this.describe()}`);
      const goesOn = (view: GroupView): boolean => view.isDrained || view.finished.size > finished;
      await this.until('something more finished', goesOn, quietMs).catch(() => undefined);
    }
  }

  describe(): string {
    const { view } = this;
    const members = this.workers.map(({ life }) => {
      const { held, taken, asked } = view.member(life);
      return `${life} holds ${held.size}, has taken ${taken.size}, is asked for ${asked.size}`;
    });
    const tasks = `${view.callCount} called, ${view.acked.size} acked, ${view.finished.size} finished`;
    return [tasks, ...members, ...view.errors].join('; ');
  }

  events(): LogEvent[] {
    return readEventLogs(this.folder);
  }

  /** Ends every process of the run. `keep` leaves the logs where they are. */
  async close({ keep }: { readonly keep: boolean }): Promise<void> {
    const children = [...this.#workers.values(), ...this.#producers.values(), ...this.#others];
    clearInterval(this.#watchingTime);
    for (const child of children) child.signal('SIGKILL');
    await Promise.all(this.#watches);
    await this.#control?.close();
    this.#follower.close();
    this.log.close();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }

  /** This process does little. Where it does not run for seconds, nothing may have. */
  #lookAtTime(): void {
    const gapMs = monotonicMs() - this.#lookedAt;
    this.#lookedAt = monotonicMs();
    if (gapMs < STOOD_STILL_MS) return;
    this.log.write({ event: 'fault', fault: 'machine-stood-still', target: `${Math.round(gapMs)} ms` });
    this.say(`nothing ran for ${Math.round(gapMs)} ms`);
  }

  #groupReport(): Promise<string> {
    const { brokers, worker } = this.#options;
    const lives = this.workers.map(({ life }) => life);
    return groupReport({ brokers, group: worker.group ?? this.queue, folder: this.folder, lives });
  }

  #place(role: 'worker' | 'producer' | 'idle' | 'operator') {
    this.#lives += 1;
    const { brokers, partitions, queueOptions = {} } = this.#options;
    const life = `${role}-${this.#lives}`;
    return { brokers, partitions, queueOptions, folder: this.folder, queue: this.queue, life };
  }

  #watch(child: Child): void {
    this.log.write({ event: 'spawned', target: child.life });
    this.#watches.push(
      child.exited.then(({ code, signal }) => {
        this.#workers.delete(child.life);
        if (code !== 0 && this.#options.onDeath?.(child.life, { code, signal }) === true) {
          this.#killed.add(child);
          this.log.write({ event: 'killed', target: child.life });
        }
        this.log.write({ event: 'exited', target: child.life, code, signal });
        if (code !== 0 && !this.#killed.has(child)) this.#died.push(child.life);
      }),
    );
  }

  async #exit(child: Child): Promise<void> {
    const ended = await Promise.race([child.exited, wait(EXIT_MS, undefined, { ref: false })]);
    if (ended === undefined)
      throw new Error(`${child.life} did not end within ${EXIT_MS} ms. ${this.describe()}`);
  }
}

import type { Clock } from '../clock/clock.ts';
import { WorkerStateError } from '../errors/worker-errors.ts';
import type { Admin, GroupProtocol, KafkaDriver, KafkaFailure, Membership, Reader } from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import type { TaskRegistry } from '../tasks/task-registry.ts';
import { Emitter } from '../telemetry/emitter.ts';
import { type Logger, stderrLogger } from '../telemetry/logger.ts';
import type { LiveKeys } from './core/live-keys.ts';
import type { SharedBudget } from './core/shared-budget.ts';
import { WorkerCore } from './core/worker-core.ts';
import { coreConfig } from './core-config.ts';
import { type AppendState, StateJournal } from './journal/state-journal.ts';
import { logEvents } from './log-events.ts';
import { PartitionIo } from './partition-io.ts';
import { SweepFeed } from './reading/sweep-feed.ts';
import { TailFeed } from './reading/tail-feed.ts';
import { taskRef } from './report-events.ts';
import type { Enqueuer } from './running/handler-context.ts';
import { type ActiveTask, type AnyHandler, TaskRunner } from './running/task-runner.ts';
import { WorkerEngine } from './worker-engine.ts';
import type { WorkerEvents } from './worker-events.ts';
import { judgeHealth, type WorkerHealth } from './worker-health.ts';
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './worker-options.ts';

/** What a worker is made of, given by its queue. */
export interface WorkerDeps {
  readonly queue: string;
  readonly registry: TaskRegistry;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly enqueuer: Enqueuer;
  readonly driver: () => Promise<KafkaDriver>;
  readonly admin: () => Promise<Admin>;
  /** Makes sure of the queue's topics, and says what they are. */
  readonly topics: () => Promise<WorkerTopics>;
  readonly appendState: (topic: string) => AppendState;
  readonly budget: SharedBudget;
  readonly liveKeys: LiveKeys;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly workerName: string;
  readonly onCommitted: (partition: number, frontier: number) => void;
  readonly onClosed: (worker: Worker) => void;
}

export interface WorkerTopics {
  readonly queue: { readonly name: string; readonly id: string | undefined };
  readonly state: { readonly name: string; readonly partitions: number };
}

type Life = 'new' | 'starting' | 'running' | 'stopping' | 'stopped';

const moves: Readonly<Record<Life, readonly Life[]>> = {
  new: ['starting', 'stopped'],
  starting: ['running', 'stopping', 'stopped'],
  running: ['stopping'],
  stopping: ['stopped'],
  stopped: [],
};

/** Everything that exists only while a worker runs. */
interface Running {
  readonly membership: Membership;
  readonly engine: WorkerEngine;
  readonly core: WorkerCore;
  readonly runner: TaskRunner;
  readonly tail: TailFeed;
  readonly sweeps: SweepFeed;
  readonly journal: StateJournal;
}

/** Bytes that the clients below may fetch ahead of what was asked for. */
const PREFETCH = { tail: 16 * 1024 * 1024, sweep: 4 * 1024 * 1024, journal: 1024 * 1024 };

/** Runs a queue's tasks: each key's one after the other, in the order they were enqueued; different keys in parallel. */
export class Worker {
  readonly #deps: WorkerDeps;
  readonly #options: ResolvedWorkerOptions;
  readonly #logger: Logger;
  readonly #events: Emitter<WorkerEvents>;
  readonly #done: Promise<void>;
  #finish: { resolve: () => void; reject: (error: unknown) => void } = {
    resolve: () => {},
    reject: () => {},
  };
  #life: Life = 'new';
  #running: Running | undefined;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws OptionsError */
  constructor(deps: WorkerDeps, options: WorkerOptions | undefined) {
    this.#deps = deps;
    this.#options = resolveWorkerOptions(options);
    this.#logger = this.#options.logger ?? stderrLogger;
    this.#events = new Emitter((error) => this.#logger.error('an event listener threw', { error }));
    logEvents(this.#events, this.#logger);
    this.#done = new Promise((resolve, reject) => {
      this.#finish = { resolve, reject };
    });
    this.#done.catch(() => {}); // whoever cares awaits `done`; nobody is forced to
  }

  /** Resolves when the worker has stopped; rejects when it could not go on. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** The consumer group. */
  get group(): string {
    return this.#options.group ?? this.#deps.queue;
  }

  /** Listens to what the worker says of itself. Returns what ends the subscription. */
  on<K extends keyof WorkerEvents>(name: K, listener: (event: WorkerEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Whether the worker makes progress, and what keeps it from it. Cheap: reads memory only. */
  health(): WorkerHealth {
    return judgeHealth(this.#life, this.#running?.core.state, this.#deps.clock.monotonicMs());
  }

  /**
   * Joins the group. Resolves when the group's coordinator was reached; partitions and tasks follow.
   *
   * @throws TopicsRefusedError, KafkaRequestError; the worker is then stopped and can be thrown away.
   */
  async start(): Promise<void> {
    if (this.#life !== 'new') {
      throw new WorkerStateError(
        `start() was called on a worker that is ${this.#life}`,
        'Make a new worker to start again.',
      );
    }
    this.#move('starting');
    this.#started = this.#start();
    await this.#started;
  }

  async #start(): Promise<void> {
    try {
      const running = await this.#open();
      // stop() may have been called meanwhile: it waits for this to be over, and ends what was begun.
      if (!this.#isStarting()) return;
      await running.membership.join((event) => running.engine.onMembership(event));
    } catch (error) {
      await this.#closeAll();
      this.#move('stopped');
      this.#finish.reject(error);
      this.#deps.onClosed(this);
      throw error;
    }
    if (this.#isStarting()) this.#move('running');
  }

  /**
   * Ends in good order: starts nothing more, lets handlers run on for up to `rebalance.drainMs`, commits, leaves the
   * group. Resolves when all that the worker started has ended. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    if (this.#life === 'new') this.#move('stopped');
    if (this.#hasEnded()) {
      this.#finish.resolve();
      this.#deps.onClosed(this);
      return;
    }
    this.#move('stopping');
    await this.#started?.catch(() => {}); // start() rejects with it
    if (this.#hasEnded()) return;
    this.#running?.engine.stopping();
    await this.#running?.membership.leave();
    await this.#handlersEnd();
    await this.#closeAll();
    this.#move('stopped');
    this.#finish.resolve();
    this.#deps.onClosed(this);
  }

  /** Handlers whose work is void have been told; a bounded time is left to them. */
  async #handlersEnd(): Promise<void> {
    const { clock } = this.#deps;
    const untilMs = clock.monotonicMs() + this.#options.stopGraceMs;
    while ((this.#running?.runner.activeCount ?? 0) > 0 && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => void clock.setTimer(20, resolve));
    }
    const leftCount = this.#running?.runner.activeCount ?? 0;
    if (leftCount > 0) {
      this.#logger.error(`${leftCount} handlers ignored their aborted signal and were left behind at stop()`);
    }
  }

  async #closeAll(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    await running.membership.abandon();
    await running.engine.close();
    await Promise.all([running.tail.close(), running.sweeps.close(), running.journal.close()]);
  }

  #fail(failure: KafkaFailure): void {
    if (this.#life !== 'running' && this.#life !== 'starting') return;
    const error = new KafkaRequestError(`the worker of group '${this.group}' cannot go on`, failure);
    this.#logger.error(error.message);
    this.#running?.engine.giveUp();
    this.#finish.reject(error);
    this.stop().catch((closing: unknown) =>
      this.#logger.error('closing a failed worker', { error: closing }),
    );
  }

  #isStarting(): boolean {
    return this.#life === 'starting';
  }

  /** Asked for by a method, because a life that was just moved is not what it was narrowed to. */
  #hasEnded(): boolean {
    return this.#life === 'stopped';
  }

  #move(to: Life): void {
    if (!moves[this.#life].includes(to)) throw new Error(`a worker cannot go from ${this.#life} to ${to}`);
    this.#life = to;
  }

  async #open(): Promise<Running> {
    const { group } = this;
    const { clock, liveKeys } = this.#deps;
    const [driver, topics] = await Promise.all([this.#deps.driver(), this.#deps.topics()]);
    const protocol = await this.#protocol(driver);
    const name = `${group}.${this.#deps.workerName}`;
    const open = (role: keyof typeof PREFETCH): Promise<Reader> =>
      driver.reader({
        name: `${name}.${role}`,
        prefetchBytes: PREFETCH[role],
        rackId: this.#options.rebalance.rackId,
      });
    const [tailReader, journalReader] = await bothReaders(open('tail'), open('journal'));
    const core = new WorkerCore(
      coreConfig(this.#options, `${this.#deps.queue}\n${group}`, this.#deps.budget),
      this.#deps,
    );
    const meanBytes = (): number => core.state.meanBytes;
    const topic = topics.queue.name;
    const journal = new StateJournal({
      group,
      topic: topics.state.name,
      partitionCount: topics.state.partitions,
      append: this.#deps.appendState(topics.state.name),
      reader: journalReader,
      clock,
      newId: this.#deps.newId,
      onConfirm: (partition, epoch) => engine.onClaimConfirmed(partition, epoch),
    });
    const membership = driver.membership({
      group,
      topics: [topic],
      protocol,
      sessionTimeoutMs: this.#options.rebalance.detectFailureMs,
      // The brokers' patience must outlast a drain, its last commit and a stall or two.
      maxPollIntervalMs: Math.max(300_000, this.#options.rebalance.drainMs * 2 + 60_000),
      staticMemberId: this.#options.rebalance.staticMemberId,
      rackId: this.#options.rebalance.rackId,
    });
    const tail = new TailFeed({
      reader: tailReader,
      topic,
      wantedCount: () => core.wantedCount(),
      meanBytes,
      deliver: (partition, items) => engine.onRecords(partition, items),
    });
    const sweeps = new SweepFeed({
      openReader: () => open('sweep'),
      topic,
      clock,
      meanBytes,
      deliver: (partition, items) => engine.onSwept(partition, items),
    });
    tailReader.onProblem((failure) => this.#events.emit('problem', { failure }));
    journalReader.onProblem((failure) => this.#events.emit('problem', { failure }));
    const runner = this.#newRunner((run, end) => engine.onTaskEnded(run, end));
    const io = new PartitionIo({
      group,
      topic,
      stateTopic: topics.state.name,
      workerName: this.#deps.workerName,
      membership,
      admin: this.#deps.admin,
      journal,
    });
    const engine = new WorkerEngine({
      core,
      topic,
      membership,
      io,
      tail,
      sweeps,
      runner,
      liveKeys,
      clock,
      events: this.#events,
      onCommitted: this.#deps.onCommitted,
      onFatal: (failure) => this.#fail(failure),
    });
    this.#running = { membership, engine, core, runner, tail, sweeps, journal };
    engine.start();
    return this.#running;
  }

  #newRunner(onEnded: WorkerEngine['onTaskEnded']): TaskRunner {
    const events = this.#events;
    const { clock } = this.#deps;
    return new TaskRunner({
      registry: this.#deps.registry,
      handlers: this.#deps.handlers,
      middleware: this.#options.middleware,
      enqueuer: this.#deps.enqueuer,
      logger: this.#logger,
      clock,
      onStarted: ({ run }) => {
        if (events.has('task-started')) events.emit('task-started', taskRef(run));
      },
      onEnded: (task, run, end) => {
        if (task !== undefined && counts(task) && end.kind === 'finished' && events.has('task-finished')) {
          events.emit('task-finished', {
            ...taskRef(run),
            durationMs: clock.monotonicMs() - task.startedAtMs,
          });
        }
        onEnded(run, end);
      },
      onStuck: (task, abortedMs) => events.emit('task-stuck', { ...taskRef(task.run), abortedMs }),
    });
  }

  async #protocol(driver: KafkaDriver): Promise<GroupProtocol> {
    const wanted = this.#options.rebalance.protocol;
    if (wanted !== 'auto') return wanted;
    if (driver.embedded !== undefined) return 'consumer';
    const admin = await this.#deps.admin();
    const alive = await admin.groupProtocol(this.group);
    if (alive !== 'none') return alive;
    const chosen = (await admin.offersConsumerProtocol()) ? 'consumer' : 'classic';
    this.#logger.info(`group '${this.group}' uses the ${chosen} protocol`);
    return chosen;
  }
}

/** What ended after its partition was given up is void: it will run again. */
function counts({ signals }: ActiveTask): boolean {
  return signals.aborted === undefined || signals.aborted === 'timeout';
}

/** Both, or an error and none left open. */
async function bothReaders(first: Promise<Reader>, second: Promise<Reader>): Promise<[Reader, Reader]> {
  try {
    return await Promise.all([first, second]);
  } catch (error) {
    for (const opened of await Promise.allSettled([first, second])) {
      if (opened.status === 'fulfilled') await opened.value.close();
    }
    throw error;
  }
}

import { WorkerBrokenError, WorkerStateError, type WorkerStuckError } from '../errors/worker-errors.ts';
import type { KafkaFailure } from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import { Emitter } from '../telemetry/emitter.ts';
import { type Logger, stderrLogger } from '../telemetry/logger.ts';
import { logEvents } from './log-events.ts';
import { openWorker, type Running } from './open-worker.ts';
import { type ResolvedHandler, resolveHandlers } from './running/handler-map.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { WorkerEvents } from './worker-events.ts';
import { judgeHealth, type WorkerHealth } from './worker-health.ts';
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './worker-options.ts';

type Life = 'new' | 'starting' | 'running' | 'stopping' | 'stopped';

const moves: Readonly<Record<Life, readonly Life[]>> = {
  new: ['starting', 'stopped'],
  starting: ['running', 'stopping', 'stopped'],
  running: ['stopping'],
  stopping: ['stopped'],
  stopped: [],
};

/** Runs a queue's tasks: each key's one after the other, in the order they were enqueued; different keys in parallel. */
export class Worker {
  readonly #deps: WorkerDeps & { readonly onClosed: (worker: Worker) => void };
  readonly #options: ResolvedWorkerOptions;
  readonly #handlers: ReadonlyMap<string, ResolvedHandler>;
  readonly #logger: Logger;
  readonly #events: Emitter<WorkerEvents>;
  readonly #done: Promise<void>;
  #finish: { resolve: () => void; reject: (error: unknown) => void } = {
    resolve: () => {},
    reject: () => {},
  };
  #life: Life = 'new';
  #failure: WorkerStuckError | undefined;
  #running: Running | undefined;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws OptionsError */
  constructor(
    deps: WorkerDeps & { readonly onClosed: (worker: Worker) => void },
    options: WorkerOptions | undefined,
  ) {
    this.#deps = deps;
    this.#options = resolveWorkerOptions(options, {
      types: deps.registry.types,
      queue: deps.queue,
      groups: deps.groups,
    });
    this.#handlers = resolveHandlers(deps.handlers, deps.registry, (type) =>
      Math.min(this.#options.concurrency, this.#options.ofType(type).concurrency),
    );
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
    const { core, hooks, purger } = this.#running ?? {};
    const inside = { core: core?.state, slowHook: hooks?.slow, retention: purger?.health };
    return judgeHealth(this.#life, inside, this.#deps.clock.monotonicMs());
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
    const purged = this.#running?.purger?.stop();
    this.#running?.engine.stopping();
    await this.#running?.membership.leave();
    await this.#handlersEnd();
    await purged;
    await this.#closeAll();
    this.#move('stopped');
    if (this.#failure === undefined) this.#finish.resolve();
    else this.#finish.reject(this.#failure);
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
    await Promise.all([running.membership.abandon(), running.purger?.stop()]);
    // The journal first: whoever waits for it waits no longer.
    await Promise.all([running.journal.close(), running.engine.close(), running.parking.close()]);
    await Promise.all([
      running.tail.close(),
      running.sweeps.close(),
      running.parts.close(),
      running.objects.close(),
    ]);
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

  /** What the worker knows can no longer be relied on: it leaves as if it had died, but for its handlers. */
  #break(cause: unknown): void {
    const error = new WorkerBrokenError(this.group, cause);
    this.#logger.error(error.message, { error: cause });
    this.#finish.reject(error);
    Promise.all([this.#running?.membership.abandon(), this.stop()]).catch((closing: unknown) =>
      this.#logger.error('closing a failed worker', { error: closing }),
    );
  }

  /** In good order as far as that goes: only then is it said why. */
  #endStuck(error: WorkerStuckError): void {
    if (this.#life !== 'running') return;
    this.#logger.error(error.message);
    this.#failure = error;
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
    this.#running = await openWorker({
      deps: this.#deps,
      options: this.#options,
      handlers: this.#handlers,
      group: this.group,
      events: this.#events,
      logger: this.#logger,
      onFatal: (failure) => this.#fail(failure),
      onBroken: (error) => this.#break(error),
      onStuck: (error) => this.#endStuck(error),
    });
    return this.#running;
  }
}

import { setTimeout as wait } from 'node:timers/promises';
import type { Child } from './child.ts';
import { drain } from './drain.ts';
import { monotonicMs } from './event-log.ts';
import type { Move } from './gaps.ts';
import type { GroupProtocol, ProducerOrder, WorkerSettings } from './process-settings.ts';
import type { Outcome, ScenarioOptions } from './scenario.ts';
import type { World, WorldOptions } from './world.ts';

/** What the scenarios with a group under load have in common: its settings, its start, its load and its moves. */

const QUIET_MS = 30_000;
const ENOUGH_MS = 60_000;
/** After a move, until the partitions that moved have surely started something. */
const SETTLED_MS = 500;

export interface GroupPlan {
  readonly partitions: number;
  /** What differs from a worker with many short tasks at once. */
  readonly worker?: Partial<WorldOptions['worker']>;
  readonly maxBytes?: number;
}

/** The world of a group whose workers have many short tasks at once. */
export function worldOfGroup(
  options: ScenarioOptions,
  { partitions, worker, maxBytes }: GroupPlan,
): WorldOptions {
  return {
    brokers: options.brokers,
    partitions,
    worker: {
      concurrency: 64,
      commitIntervalMs: 1_000,
      protocol: options.protocol,
      detectFailureMs: 30_000,
      drainMs: 10_000,
      work: { kind: 'sleep', minMs: 5, maxMs: 60 },
      slow: undefined,
      failingKeys: [],
      clinging: undefined,
      mutant: options.mutant,
      ...worker,
    },
    producer: {
      payloads: { seed: options.seed, minBytes: 200, maxBytes: maxBytes ?? 2_000 },
      window: 500,
    },
    say: options.say,
  };
}

/** A producer, and so many workers that have shared the partitions out. */
export async function startGroup(
  world: World,
  workers: number,
  settingsOf: (index: number) => Partial<WorkerSettings> = () => ({}),
): Promise<Child> {
  const producer = await world.spawnProducer();
  // The first task makes the topics, so that the workers find them.
  await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
  for (let i = 0; i < workers; i += 1) world.spawnWorker(settingsOf(i));
  await world.untilCalm();
  return producer;
}

export interface LoadPlan {
  /** Or how many. */
  readonly keys: readonly string[] | number;
  readonly everyMs: number;
  /** It goes on until so many tasks are acknowledged, however slow the machine is. */
  readonly atLeast: number;
}

/** A task of each key in turn, round after round, until told to end and there were enough. */
export class SteadyLoad {
  readonly #world: World;
  readonly #running: Promise<void>;
  readonly #atLeast: number;
  #isOver = false;

  constructor(world: World, producer: Child, plan: LoadPlan) {
    this.#world = world;
    this.#atLeast = plan.atLeast;
    const keys =
      typeof plan.keys === 'number' ? Array.from({ length: plan.keys }, (_, i) => `key-${i}`) : plan.keys;
    this.#running = this.#run(producer, { keys, everyMs: plan.everyMs });
    this.#running.catch(() => undefined);
  }

  /** Resolves when the last round is enqueued, and all of it finished. */
  async end(quietMs = QUIET_MS): Promise<void> {
    await this.stop();
    await drain(this.#world, quietMs);
  }

  /** Resolves when the last round is enqueued. */
  async stop(): Promise<void> {
    await this.#world.until('enough enqueued', (view) => view.acked.size >= this.#atLeast, ENOUGH_MS);
    this.#isOver = true;
    await this.#running;
  }

  async #run(producer: Child, order: ProducerOrder): Promise<void> {
    while (!this.#isOver) await this.#world.enqueue(producer, order);
  }
}

/** Makes partitions move, and waits until they are shared out again. */
export async function moveOf(world: World, { life }: Child, act: () => Promise<void>): Promise<Move> {
  const from = monotonicMs();
  await act();
  await world.untilCalm();
  await wait(SETTLED_MS);
  return { life, from, to: monotonicMs() };
}

/** The worker that has run for the longest. */
export function oldestOf(world: World): Child {
  const [oldest] = world.workers;
  if (oldest === undefined) throw new Error(`no worker is left. ${world.describe()}`);
  return oldest;
}

/** Both protocols at full size, else the one that was asked for. */
export function protocolsOf({ size, protocol }: ScenarioOptions): readonly GroupProtocol[] {
  return size === 'full' ? ['classic', 'consumer'] : [protocol];
}

/** What came out of several groups, as one. */
export function joined(parts: readonly Outcome[]): Outcome {
  return {
    problems: parts.flatMap((p) => p.problems),
    missed: parts.flatMap((p) => p.missed),
    figures: parts.flatMap((p) => p.figures),
    report: parts.at(-1)?.report,
  };
}

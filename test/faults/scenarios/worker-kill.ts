import { setTimeout as wait } from 'node:timers/promises';
import type { KillCost } from '../../checker/check-reruns.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Child } from '../child.ts';
import { drain, redrivenFigure } from '../drain.ts';
import {
  figuresOf,
  type Outcome,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

interface Size {
  readonly partitions: number;
  readonly keys: number;
  readonly tasks: number;
  readonly maxBytes: number;
  readonly producers: number;
  readonly workers: number;
  readonly kills: number;
  readonly killsInRebalance: number;
  readonly detectFailureMs: number;
  /** How long the partitions may take to be shared out. */
  readonly calmMs: number;
  /** Nothing finished for so long, and something is left: it will never be. */
  readonly quietMs: number;
}

/**
 * One dead worker holds its partitions up for this long. With 3 seconds a machine that stood still could look like a dead worker
 * to its coordinator.
 */
const SHORT_SESSION_MS = 6_000;

const sizes: Readonly<Record<RunSize, Size>> = {
  full: {
    partitions: 24,
    keys: 200,
    tasks: 20_000,
    maxBytes: 100_000,
    producers: 2,
    workers: 3,
    kills: 21,
    killsInRebalance: 4,
    detectFailureMs: SHORT_SESSION_MS,
    calmMs: 90_000,
    quietMs: 90_000,
  },
  quick: {
    partitions: 6,
    keys: 30,
    tasks: 600,
    maxBytes: 4_000,
    producers: 2,
    workers: 3,
    kills: 2,
    killsInRebalance: 1,
    detectFailureMs: SHORT_SESSION_MS,
    calmMs: 60_000,
    quietMs: 30_000,
  },
  tiny: {
    partitions: 4,
    keys: 10,
    tasks: 300,
    maxBytes: 2_000,
    producers: 1,
    workers: 1,
    kills: 0,
    killsInRebalance: 0,
    // Nobody dies: a machine that stands still for seconds must not look like it.
    detectFailureMs: 30_000,
    calmMs: 60_000,
    quietMs: 30_000,
  },
};

const BROKER_DOWN_MS = 5_000;
/** To hit a rebalance that is under way. */
const MOST_ATTEMPTS = 10;
const MUTANT_QUIET_MS = 12_000;

export const workerKill: Scenario = {
  name: 'worker-kill',
  about:
    'SIGKILLs of workers under load, some of them within a rebalance, and a broker that dies and comes back',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const size = sizes[options.size];
  const { protocol, mutant, seed, say } = options;
  const drive = new Drive(size, options);
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: size.partitions,
      worker: {
        concurrency: 16,
        commitIntervalMs: 1_000,
        protocol,
        detectFailureMs: size.detectFailureMs,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 10, maxMs: 120 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant,
      },
      producer: { payloads: { seed, minBytes: 1_000, maxBytes: size.maxBytes }, window: 300 },
      say,
    },
    {
      minimum: {
        acked: size.tasks,
        finished: size.tasks,
        kills: size.kills,
        killsDuringRebalance: Math.min(3, size.killsInRebalance),
        brokerRestarts: options.cluster === undefined ? 0 : 1,
        reruns: size.kills > 0 ? 1 : 0,
        rebalances: size.kills + size.workers,
        commits: size.partitions,
      },
    },
    (world) => drive.play(world),
  );
  const kills = played.report.kills.map((cost): [string, string] => [
    `  kill of ${cost.process}`,
    costText(cost),
  ]);
  return {
    problems: played.problems,
    missed: [],
    figures: [...figuresOf(played.report), redrivenFigure(played.report), ...kills],
    report: played.report,
  };
}

function costText({ reruns, running, uncommitted, inRebalance }: KillCost): string {
  const bound = `${reruns} re-runs <= ${running} running + ${uncommitted} finished since the last commit`;
  return inRebalance ? `${bound}, in a rebalance` : bound;
}

/** The course of one run. */
class Drive {
  readonly #size: Size;
  readonly #options: ScenarioOptions;
  readonly #random: SeededRandom;
  #killsInRebalance = 0;

  constructor(size: Size, options: ScenarioOptions) {
    this.#size = size;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  async play(world: World): Promise<void> {
    const { kills, tasks, calmMs, quietMs } = this.#size;
    const starting = Array.from({ length: this.#size.producers }, () => world.spawnProducer());
    const producers = await Promise.all(starting);
    // The first task makes the topics, so that the workers find them.
    for (const producer of producers) await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
    this.#fill(world);
    await world.untilCalm(calmMs);
    const each = Math.ceil((tasks - producers.length) / ((kills + 1) * producers.length));
    const brokerAt = this.#options.cluster === undefined ? -1 : Math.floor(kills / 2);
    for (let round = 0; round <= kills; round += 1) {
      const orders = producers.map((producer) =>
        world.enqueue(producer, { keys: this.#keys(each), everyMs: 0 }),
      );
      const broker = round === brokerAt ? this.#restartBroker(world) : undefined;
      if (round < kills) await this.#underLoad(world, producers, this.#disturb(world, round));
      else await this.#join(world, producers);
      await world.untilCalm(calmMs);
      await Promise.all([...orders, broker]);
      const { acked, finished } = world.look();
      world.say(`${round + 1} of ${kills + 1}: ${acked.size} acked, ${finished.size} finished`);
    }
    // What a mutant has lost never comes.
    await drain(world, this.#options.mutant === undefined ? quietMs : MUTANT_QUIET_MS);
  }

  /** Tasks come until it has happened: a worker that dies after the last one repeats nothing, and shows nothing. */
  async #underLoad(world: World, producers: readonly Child[], disturbance: Promise<void>): Promise<void> {
    let over = false;
    const disturbed = disturbance.finally(() => {
      over = true;
    });
    const [producer] = producers;
    const fed = (async () => {
      while (producer !== undefined && !over) {
        await world.enqueue(producer, { keys: this.#keys(20), everyMs: 5 });
      }
    })();
    await Promise.all([disturbed, fed]);
  }

  async #disturb(world: World, round: number): Promise<void> {
    const { kills, killsInRebalance } = this.#size;
    await wait(this.#random.between(100, 900));
    if (Math.floor(((round + 1) * killsInRebalance) / kills) > this.#killsInRebalance) {
      this.#killsInRebalance += 1;
      await this.#killInRebalance(world, this.#killsInRebalance);
    } else {
      await this.#kill(world, this.#random.pick(world.workers));
    }
  }

  /** The last round: one worker more, and work until the partitions have moved. */
  async #join(world: World, producers: readonly Child[]): Promise<void> {
    const joined = world.spawnWorker();
    const { held } = world.view.member(joined.life);
    const [producer] = producers;
    while (producer !== undefined && joined.running && held.size === 0) {
      await world.enqueue(producer, { keys: this.#keys(50), everyMs: 5 });
      world.look();
    }
  }

  #fill(world: World): void {
    while (world.workers.length < this.#size.workers) world.spawnWorker();
  }

  async #kill(world: World, worker: Child | undefined): Promise<void> {
    if (worker === undefined) throw new Error(`no worker is left to be killed. ${world.describe()}`);
    await world.kill(worker);
    this.#fill(world);
  }

  /** Starts or stops a worker, and kills who gives or takes partitions; again, if it was over before anybody saw it. */
  async #killInRebalance(world: World, turn: number): Promise<void> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
      const [first] = world.workers;
      const starts = (turn + attempt) % 2 === 1;
      if (starts) world.spawnWorker();
      const stopping = starts || first === undefined ? undefined : world.stop(first);
      const hit = await this.#killMoving(world);
      this.#fill(world);
      await stopping;
      if (hit) return;
    }
    throw new Error(`no rebalance of ${MOST_ATTEMPTS} was hit. ${world.describe()}`);
  }

  /** False when partitions are shared out again, and nobody was killed. */
  async #killMoving(world: World): Promise<boolean> {
    const isMoving = ({ life }: Child): boolean => {
      const { held, taken, asked } = world.view.member(life);
      return asked.size > 0 || held.size > taken.size;
    };
    const isSeen = (): boolean => world.isCalm || world.workers.some(isMoving);
    for (;;) {
      await world.until('a partition on its way', isSeen, this.#size.calmMs);
      const moving = world.workers.find(isMoving);
      if (moving === undefined) return false;
      if (await world.killWhile(moving, () => isMoving(moving))) return true;
    }
  }

  async #restartBroker(world: World): Promise<void> {
    const broker = this.#random.pick(this.#options.cluster?.brokers ?? []);
    if (broker === undefined) return;
    await broker.kill();
    world.log.write({ event: 'fault', fault: 'broker-killed', target: String(broker.id) });
    world.say(`broker ${broker.id} killed`);
    await wait(BROKER_DOWN_MS);
    await broker.start();
    await this.#options.cluster?.untilReady();
    world.log.write({ event: 'fault', fault: 'broker-restarted', target: String(broker.id) });
    world.say(`broker ${broker.id} is back`);
  }

  #keys(count: number): string[] {
    return Array.from({ length: count }, () => `key-${this.#random.below(this.#size.keys)}`);
  }
}

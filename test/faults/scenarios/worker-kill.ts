import { setTimeout as wait } from 'node:timers/promises';
import type { KillCost } from '../../checker/check-reruns.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Child } from '../child.ts';
import { monotonicMs } from '../event-log.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import type { World } from '../world.ts';

interface Size {
  readonly partitions: number;
  readonly keys: number;
  readonly tasks: number;
  readonly maxBytes: number;
  readonly kills: number;
  readonly killsInRebalance: number;
  readonly detectFailureMs: number;
}

const full: Size = {
  partitions: 24,
  keys: 200,
  tasks: 20_000,
  maxBytes: 100_000,
  kills: 21,
  killsInRebalance: 4,
  detectFailureMs: 30_000,
};

const quick: Size = {
  partitions: 6,
  keys: 30,
  tasks: 600,
  maxBytes: 4_000,
  kills: 2,
  killsInRebalance: 1,
  detectFailureMs: 2_000,
};

const WORKERS = 3;
const CALM_MS = 90_000;
const DRAIN_MS = 120_000;
const BROKER_DOWN_MS = 5_000;

export const workerKill: Scenario = {
  name: 'worker-kill',
  about:
    'SIGKILLs of workers under load, some of them within a rebalance, and a broker that dies and comes back',
  // One dead worker holds its partitions up for this long; the least that still leaves room for a busy machine.
  brokerConfig: {
    'group.consumer.session.timeout.ms': '3000',
    'group.consumer.min.session.timeout.ms': '3000',
  },
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const size = options.quick ? quick : full;
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
        // Shorter sessions lose everything when a broker dies; without that they only make the run longer.
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
        killsDuringRebalance: options.quick ? 1 : 3,
        brokerRestarts: options.cluster === undefined ? 0 : 1,
        reruns: 1,
        rebalances: size.kills + WORKERS,
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
    figures: [...figuresOf(played.report), ...kills],
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

  constructor(size: Size, options: ScenarioOptions) {
    this.#size = size;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  async play(world: World): Promise<void> {
    const { kills, killsInRebalance, tasks } = this.#size;
    const producers = [await world.spawnProducer(), await world.spawnProducer()];
    // The first task makes the topics, so that the workers find them.
    for (const producer of producers) await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
    for (let i = 0; i < WORKERS; i += 1) world.spawnWorker();
    await world.untilCalm(CALM_MS);
    const each = Math.ceil((tasks - producers.length) / ((kills + 1) * producers.length));
    const brokerAt = this.#options.cluster === undefined ? -1 : Math.floor(kills / 2);
    let inRebalance = 0;
    for (let kill = 0; kill <= kills; kill += 1) {
      const orders = producers.map((producer) =>
        world.enqueue(producer, { keys: this.#keys(each), everyMs: 0 }),
      );
      const broker = kill === brokerAt ? this.#restartBroker(world) : undefined;
      if (kill < kills) {
        await wait(this.#random.between(100, 900));
        const due = Math.floor(((kill + 1) * killsInRebalance) / kills);
        if (due > inRebalance) {
          inRebalance += 1;
          await this.#killInRebalance(world, inRebalance);
        } else {
          await this.#kill(world, this.#random.pick(world.workers));
        }
        await world.untilCalm(CALM_MS);
      }
      await Promise.all([...orders, broker]);
      const { acked, finished } = world.look();
      world.say(`${kill + 1} of ${kills + 1}: ${acked.size} acked, ${finished.size} finished`);
    }
    const from = monotonicMs();
    await world.until('every acked task finished', (view) => view.isDrained, DRAIN_MS);
    world.say(`drained in ${((monotonicMs() - from) / 1000).toFixed(1)} s`);
  }

  async #kill(world: World, worker: Child | undefined): Promise<void> {
    if (worker === undefined) throw new Error(`no worker is left to be killed. ${world.describe()}`);
    await world.kill(worker);
    while (world.workers.length < WORKERS) world.spawnWorker();
  }

  /** Starts or stops a worker, waits until the logs show partitions on their way, and kills who gives or takes them. */
  async #killInRebalance(world: World, turn: number): Promise<void> {
    const [first] = world.workers;
    if (turn % 2 === 1) world.spawnWorker();
    const stopping = turn % 2 === 0 && first !== undefined ? world.stop(first) : undefined;
    let moving: Child | undefined;
    const find = (): boolean => {
      moving = world.workers.find(({ life }) => {
        const { held, taken, asked } = world.view.member(life);
        return asked.size > 0 || held.size > taken.size;
      });
      return moving !== undefined;
    };
    await world.until('a partition on its way', find, CALM_MS);
    await this.#kill(world, moving);
    await stopping;
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

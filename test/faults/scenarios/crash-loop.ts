import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Exit } from '../child.ts';
import { killingOf } from '../end-process.ts';
import { monotonicMs } from '../event-log.ts';
import type { Killing } from '../process-settings.ts';
import {
  figuresOf,
  type Outcome,
  type Played,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

interface Size {
  readonly partitions: number;
  readonly keys: number;
  readonly healthy: number;
  readonly killings: readonly Killing[];
  /** Runs with so many workers each. */
  readonly workers: readonly number[];
  /** Nothing finished for so long, and something is left: it will never be. */
  readonly quietMs: number;
}

const all: readonly Killing[] = ['exit', 'out of memory', 'segmentation fault'];

const sizes: Readonly<Record<RunSize, Size>> = {
  full: { partitions: 12, keys: 1_000, healthy: 10_000, killings: all, workers: [1, 3], quietMs: 60_000 },
  quick: { partitions: 4, keys: 50, healthy: 600, killings: ['exit'], workers: [1], quietMs: 60_000 },
  tiny: { partitions: 2, keys: 10, healthy: 100, killings: ['exit'], workers: [1], quietMs: 60_000 },
};

/** A task may end so many processes before it is parked, and all together one more than that. */
const CRASHES_EACH = 3;
/** A dead worker holds its partitions up for so long. */
const SESSION_MS = 6_000;

export const crashLoop: Scenario = {
  name: 'crash-loop',
  about:
    'tasks that end their process among healthy ones: parked after three crashes each, and no other task is',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const size = sizes[options.size];
  const problems: string[] = [];
  const figures: [string, string][] = [];
  let report: Played['report'] | undefined;
  for (const workers of size.workers) {
    const round = new Round(size, workers, options);
    report = await round.play();
    problems.push(...round.problems.map((text) => `${text} (${workers} workers)`));
    figures.push([`${workers} worker${workers > 1 ? 's' : ''}, concurrency 64`, '']);
    figures.push(...round.figures(), ...figuresOf(report));
  }
  return { problems, missed: [], figures, report };
}

/** One queue, its tasks, and workers that are started again whenever they die. */
class Round {
  readonly problems: string[] = [];
  readonly #size: Size;
  readonly #workers: number;
  readonly #options: ScenarioOptions;
  readonly #killers: Readonly<Record<string, Killing>>;
  readonly #deaths: Killing[] = [];
  readonly #parked = new Map<string, string>();
  #world: World | undefined;
  #ending = false;

  constructor(size: Size, workers: number, options: ScenarioOptions) {
    this.#size = size;
    this.#workers = workers;
    this.#options = options;
    this.#killers = Object.fromEntries(size.killings.map((how) => [`killer by ${how}`, how]));
  }

  async play(): Promise<Played['report']> {
    const { partitions, healthy, killings } = this.#size;
    const { brokers, protocol, seed, say, mutant } = this.#options;
    const played = await play(
      this.#options,
      {
        brokers,
        partitions,
        worker: {
          concurrency: 64,
          commitIntervalMs: 1_000,
          protocol,
          detectFailureMs: SESSION_MS,
          drainMs: 10_000,
          work: { kind: 'sleep', minMs: 20, maxMs: 60 },
          slow: undefined,
          failingKeys: [],
          clinging: undefined,
          killers: this.#killers,
          mutant,
        },
        producer: { payloads: { seed, minBytes: 200, maxBytes: 2_000 }, window: 500 },
        say,
        onDeath: (life, exit) => this.#died(life, exit),
      },
      {
        minimum: {
          acked: healthy + killings.length,
          finished: healthy,
          kills: 2 * killings.length,
          reruns: 1,
        },
        check: {
          parkedKeys: (key) => key in this.#killers,
          unfinishedKeys: new Set(Object.keys(this.#killers)),
        },
      },
      (world) => this.#work(world),
    );
    this.problems.push(...played.problems);
    this.#judge(played);
    return played.report;
  }

  figures(): [string, string][] {
    const causes = this.#size.killings.map(
      (how) => `${this.#deaths.filter((one) => one === how).length} by ${how}`,
    );
    return [
      ['processes ended by tasks', `${this.#deaths.length}: ${causes.join(', ')}`],
      ['parked', [...this.#parked.keys()].join(', ')],
    ];
  }

  async #work(world: World): Promise<void> {
    this.#world = world;
    const { healthy, killings, quietMs } = this.#size;
    const producer = await world.spawnProducer();
    await world.enqueue(producer, { keys: this.#keys(), everyMs: 0 });
    for (let i = 0; i < this.#workers; i += 1) world.spawnWorker();
    const { parked } = world.view;
    const over = (): boolean => world.view.finished.size >= healthy && parked.size >= killings.length;
    const passed = (): number => world.view.finished.size + this.#deaths.length + parked.size;
    world.look();
    while (!over()) {
      const before = passed();
      world.say(`${this.#deaths.length} processes ended, ${world.view.finished.size} of ${healthy} finished`);
      await world.until('more finished', () => passed() > before, quietMs);
      const second = monotonicMs() + 1_000;
      await world.until('a second', () => over() || monotonicMs() > second, quietMs);
    }
    for (const [key, reason] of parked) this.#parked.set(key, reason);
    this.#ending = true;
  }

  /** True when a task did it. The next process takes its place. */
  #died(life: string, exit: Exit): boolean {
    const how = killingOf(exit);
    if (how === undefined || !this.#size.killings.includes(how)) return false;
    this.#deaths.push(how);
    this.#world?.say(`${life}: ${how}`);
    if (!this.#ending) this.#world?.spawnWorker();
    return true;
  }

  #judge(played: Played): void {
    const { killings } = this.#size;
    for (const [key, reason] of this.#parked) {
      if (this.#killers[key] === undefined)
        this.problems.push(`crash loop: ${key} is innocent and was parked for ${reason}`);
    }
    for (const [key, how] of Object.entries(this.#killers)) {
      const reason = this.#parked.get(key);
      if (reason !== 'crash-loop') this.problems.push(`crash loop: ${key} was parked for ${reason}`);
      const count = this.#deaths.filter((one) => one === how).length;
      if (count > CRASHES_EACH) this.problems.push(`crash loop: ${key} ended ${count} processes`);
    }
    if (this.#deaths.length > CRASHES_EACH * killings.length + 1)
      this.problems.push(`crash loop: ${this.#deaths.length} processes ended`);
    if (played.world.view.errors.length > 0) this.problems.push(...played.world.view.errors);
  }

  /** Healthy tasks with the killers among them, at places that follow from the seed. */
  #keys(): string[] {
    const random = new SeededRandom(this.#options.seed);
    const { healthy, keys } = this.#size;
    const list = Array.from({ length: healthy }, () => `key-${random.below(keys)}`);
    for (const killer of Object.keys(this.#killers)) list.splice(random.below(list.length), 0, killer);
    return list;
  }
}

import { setTimeout as wait } from 'node:timers/promises';
import { buildHistory } from '../../checker/build-history.ts';
import type { LogEvent } from '../../checker/events.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Child } from '../child.ts';
import { monotonicMs } from '../event-log.ts';
import { startGroup } from '../group-under-load.ts';
import type { GroupView } from '../group-view.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 3;
const QUIET_MS = 60_000;
/** Longer than a drain of the second part, shorter than one of the first. */
const SLOW_MS = 4_500;
/** No other handler runs for so long. */
const SLOW_AFTER_MS = 400;
/** A machine may take so long to tell a process to end. */
const LATE_MS = 2_000;

export const cleanStop: Scenario = {
  name: 'clean-stop',
  about: 'workers stopped and started again under load: nothing runs twice but what a drain had to abort',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const rounds = options.size === 'full' ? 30 : 3;
  const [short, long] = await Promise.all([
    part(options, { rounds, drainMs: 30_000 }),
    part(options, { rounds: options.size === 'full' ? 10 : 2, drainMs: 500 }),
  ]);
  const twice = short.report.figures.reruns;
  if (twice > 0)
    short.problems.push(`${twice} tasks ran twice although every handler was shorter than drainMs`);
  const { reruns, rerunsAborted } = long.report.figures;
  if (reruns !== rerunsAborted) {
    long.problems.push(`${reruns} tasks ran again, of which only ${rerunsAborted} had been aborted`);
  }
  if (rerunsAborted === 0) long.problems.push('exercised too little: no handler was longer than its drain');
  long.problems.push(...long.untyped);
  return {
    problems: [...short.problems, ...long.problems],
    missed: [],
    figures: [
      ['handlers shorter than drainMs', ''],
      ...figuresOf(short.report),
      ['handlers longer than drainMs', ''],
      ...figuresOf(long.report),
      ['aborted runs', String(long.aborted)],
    ],
    report: long.report,
  };
}

interface Part {
  readonly rounds: number;
  readonly drainMs: number;
}

async function part(options: ScenarioOptions, { rounds, drainMs }: Part) {
  let events: LogEvent[] = [];
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: PARTITIONS,
      worker: {
        concurrency: 16,
        commitIntervalMs: 1_000,
        protocol: options.protocol,
        detectFailureMs: 30_000,
        drainMs,
        work: { kind: 'sleep', minMs: 10, maxMs: 100 },
        slow: { oneIn: 12, ms: SLOW_MS },
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 1_000, maxBytes: 10_000 }, window: 200 },
      say: options.say,
    },
    { minimum: { stops: rounds, rebalances: rounds, acked: rounds * 20, finished: rounds * 20 } },
    async (world) => {
      await stopAndStart(world, new SeededRandom(options.seed), { rounds, drainMs });
      events = world.events();
    },
  );
  const history = buildHistory(events);
  const aborted = history.runs.filter((run) => run.end === 'aborted');
  const untyped = events.flatMap((e) =>
    e.event === 'task-aborted' && e.reason !== 'partition-lost' && e.reason !== 'shutdown'
      ? [`${e.process} aborted ${e.id} for '${e.reason}'`]
      : [],
  );
  return { ...played, aborted: aborted.length, untyped };
}

async function stopAndStart(world: World, random: SeededRandom, { rounds, drainMs }: Part): Promise<void> {
  const producer = await startGroup(world, WORKERS);
  for (let round = 0; round < rounds; round += 1) {
    const keys = Array.from({ length: 150 }, () => `key-${random.below(100)}`);
    const order = world.enqueue(producer, { keys, everyMs: 5 });
    await wait(random.between(200, 800));
    const worker = drainMs < SLOW_MS ? await outlasting(world, drainMs) : random.pick(world.workers);
    if (worker !== undefined) await world.stop(worker);
    world.spawnWorker();
    await world.untilCalm();
    await order;
    world.say(`round ${round + 1} of ${rounds}: ${world.look().finished.size} finished`);
  }
  await world.untilDrained(QUIET_MS);
}

/** A worker with a handler that will run for longer than a drain that begins now. */
async function outlasting(world: World, drainMs: number): Promise<Child | undefined> {
  const isSlow = (ms: number): boolean => ms > SLOW_AFTER_MS && ms < SLOW_MS - drainMs - LATE_MS;
  const find = (view: GroupView): Child | undefined =>
    world.workers.find(({ life }) => view.runningMs(life, monotonicMs()).some(isSlow));
  await world.until('a handler that takes long', (view) => find(view) !== undefined, QUIET_MS);
  return find(world.look());
}

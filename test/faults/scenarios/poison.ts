import { setTimeout as wait } from 'node:timers/promises';
import type { ParkedMark } from '../../../src/parked/parked-mark.ts';
import type { Child } from '../child.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import { cure, poison } from '../poison.ts';
import { Rendezvous } from '../rendezvous.ts';
import {
  figuresOf,
  type Outcome,
  type Played,
  play,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import { finishesIn, sideBySide } from '../side-by-side.ts';
import type { World } from '../world.ts';

const SICK = 'sick';
const HEALTHY_KEYS = 500;
const LEAST_RATIO = 0.95;
const WORK_MS = 300_000;
const SETTLE_MS = 60_000;
const LOOK_MS = 50;

export const poisonTask: Scenario = {
  name: 'poison',
  about:
    'a task that cannot succeed is parked with all that is behind it, and redriven in order; others notice nothing',
  run,
};

interface Load {
  readonly healthy: number;
  /** Tasks of the sick key behind the poisoned one; none and no poisoned one in the run that is compared with. */
  readonly behind: number;
  /** Enqueued when the key is parked, and again while it is redriven. */
  readonly later: number;
}

interface Measured extends Played {
  readonly finishedAt: readonly number[];
  readonly parkedTasks: number;
}

async function run(options: ScenarioOptions): Promise<Outcome> {
  const full = options.size === 'full';
  const load = { healthy: full ? 45_000 : 2_700, behind: full ? 5_000 : 300, later: full ? 500 : 50 };
  // Both at the same time, so that whatever slows the machine down slows both down.
  const together = new Rendezvous(2);
  const [without, sick] = await Promise.all([
    measure(options, { ...load, behind: 0 }, together),
    measure(options, load, together),
  ]);
  const { seconds, perSecond } = sideBySide(without.finishedAt, sick.finishedAt);
  const [speedWithout, speed] = perSecond;
  const goal = numberGoal('healthy keys, of their speed', speed / speedWithout, {
    bound: { atLeast: LEAST_RATIO },
    show: (ratio) => ratio.toFixed(3),
  });
  return {
    problems: [...without.problems, ...sick.problems],
    missed: missedOf([goal]),
    figures: [
      ['measured for', `${seconds.toFixed(1)} s, both at once`],
      ['healthy keys, none sick', `${speedWithout.toFixed(0)} tasks/s`],
      ['healthy keys, one parked', `${speed.toFixed(0)} tasks/s`],
      figureOf(goal),
      ['parked in order, and redriven', `${sick.parkedTasks} tasks, ${load.later} more came meanwhile`],
      ...figuresOf(sick.report),
    ],
    report: sick.report,
  };
}

async function measure(options: ScenarioOptions, load: Load, together: Rendezvous): Promise<Measured> {
  let finishedAt: number[] = [];
  let parkedTasks = 0;
  const sick = load.behind === 0 ? 0 : 1 + load.behind + 2 * load.later;
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: 1,
      worker: {
        concurrency: 16,
        commitIntervalMs: 500,
        protocol: options.protocol,
        detectFailureMs: 30_000,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 5, maxMs: 15 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
        maxAttempts: 3,
        poisonable: true,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 2_000 },
      say: options.say,
    },
    {
      minimum: { acked: load.healthy + sick, finished: load.healthy + sick, commits: 5 },
      check: { parkedKeys: (key) => key === SICK },
    },
    async (world) => {
      try {
        finishedAt = await workThrough(world, load, together);
      } catch (error) {
        together.giveUp();
        throw error;
      }
      if (load.behind > 0) parkedTasks = await redriveAll(world, load);
    },
  );
  return { ...played, finishedAt, parkedTasks };
}

/** From the first to the last task of the healthy keys. */
async function workThrough(world: World, load: Load, together: Rendezvous): Promise<number[]> {
  const producer = await world.spawnProducer();
  const keys = interleaved(load);
  if (load.behind > 0) poison(world.folder, keys.indexOf(SICK) + 1);
  await world.enqueue(producer, { keys, everyMs: 0 });
  await together.meet();
  world.spawnWorker();
  const done = (): boolean => world.view.finished.size >= load.healthy;
  await world.until('the healthy keys finished', done, WORK_MS);
  const finishes = finishesIn(world);
  await together.meet();
  if (load.behind > 0) await parkMore(world, producer, load);
  return finishes;
}

/** New tasks of the parked key join it. */
async function parkMore(world: World, producer: Child, load: Load): Promise<void> {
  await world.enqueue(producer, { keys: Array.from({ length: load.later }, () => SICK), everyMs: 0 });
}

async function redriveAll(world: World, load: Load): Promise<number> {
  const expected = 1 + load.behind + load.later;
  const mark = await untilParked(world, expected);
  cure(world.folder, await firstCall(world));
  // More come while it is redriven.
  const producer = await world.spawnProducer();
  const order = world.enqueue(producer, { keys: Array.from({ length: load.later }, () => SICK), everyMs: 2 });
  await world.control().parked.redrive({ key: mark.key });
  await order;
  await world.untilDrained(SETTLE_MS);
  const left = await world.control().parked.list();
  if (left.parked.length > 0) throw new Error(`${left.parked.length} keys are still parked`);
  return expected;
}

/** The key is parked as one, in the order of its tasks. */
async function untilParked(world: World, expected: number): Promise<ParkedMark> {
  const { parked } = world.control();
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const [mark, ...more] = (await parked.list()).parked;
    if (more.length > 0) throw new Error(`${1 + more.length} keys are parked`);
    const offsets: bigint[] = [];
    // The healthy keys may be done before it has given up.
    if (mark !== undefined)
      for await (const task of parked.show({ key: mark.key })) offsets.push(task.offset);
    if (offsets.some((offset, i) => offset <= (offsets[i - 1] ?? -1n)))
      throw new Error('parked out of order');
    if (mark !== undefined && offsets.length === expected) return mark;
    if (performance.now() > deadline) throw new Error(`${offsets.length} of ${expected} tasks are parked`);
    await wait(LOOK_MS);
  }
}

async function firstCall(world: World): Promise<number> {
  const event = world.events().find((e) => e.event === 'enqueue-called' && e.key === SICK);
  return event?.event === 'enqueue-called' ? event.call : Number.NaN;
}

/** The sick key's first task soon, the others evenly among those of the healthy keys. */
function interleaved({ healthy, behind }: Load): string[] {
  const keys: string[] = [];
  const sick = behind === 0 ? 0 : behind + 1;
  for (let i = 0; i < healthy; i += 1) {
    if (Math.floor((i * sick) / healthy) !== Math.floor(((i + 1) * sick) / healthy)) keys.push(SICK);
    keys.push(`key-${i % HEALTHY_KEYS}`);
  }
  return keys;
}

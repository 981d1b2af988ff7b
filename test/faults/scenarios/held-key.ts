import { setTimeout as wait } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
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

const HELD = 'held';
const OTHER_KEYS = 500;
const LEAST_RATIO = 0.95;
const SETTLE_MS = 60_000;
const WORK_MS = 300_000;

export const heldKey: Scenario = {
  name: 'held-key',
  about:
    'one key of a partition fails always: the others go on as fast as without it, and a kill repeats nothing committed',
  run,
};

interface Load {
  readonly others: number;
  readonly held: number;
}

interface Measured extends Played {
  /** When each task of another key was finished. */
  readonly finishedAt: readonly number[];
}

async function run(options: ScenarioOptions): Promise<Outcome> {
  const others = options.size === 'full' ? 45_000 : 2_700;
  // Both at the same time, so that whatever slows the machine down slows both down.
  const together = new Rendezvous(2);
  const [without, held] = await Promise.all([
    measure(options, { others, held: 0 }, together),
    measure(options, { others, held: Math.round(others / 9) }, together),
  ]);
  const { seconds, perSecond } = sideBySide(without.finishedAt, held.finishedAt);
  const [speedWithout, speed] = perSecond;
  const goal = numberGoal('other keys, of their speed without it', speed / speedWithout, {
    bound: { atLeast: LEAST_RATIO },
    show: (ratio) => ratio.toFixed(3),
  });
  return {
    problems: [...without.problems, ...held.problems],
    missed: missedOf([goal]),
    figures: [
      ['measured for', `${seconds.toFixed(1)} s, both at once`],
      ['other keys, no key held', `${speedWithout.toFixed(0)} tasks/s`],
      ['other keys, one key held', `${speed.toFixed(0)} tasks/s`],
      figureOf(goal),
      ...figuresOf(held.report),
    ],
    report: held.report,
  };
}

async function measure(options: ScenarioOptions, load: Load, together: Rendezvous): Promise<Measured> {
  let finishedAt: number[] = [];
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: 1,
      worker: {
        concurrency: 16,
        commitIntervalMs: 500,
        protocol: options.protocol,
        detectFailureMs: 6_000,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 5, maxMs: 15 },
        slow: undefined,
        failingKeys: [HELD],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 2_000 },
      say: options.say,
    },
    {
      minimum: { acked: load.others + load.held, finished: load.others, kills: 1, commits: 5 },
      check: { unfinishedKeys: new Set([HELD]) },
    },
    (world) =>
      workAndKill(world, load, {
        together,
        onFinished: (moments) => {
          finishedAt = moments;
        },
      }).catch((error: unknown) => {
        together.giveUp();
        throw error;
      }),
  );
  return { ...played, finishedAt };
}

interface Course {
  readonly together: Rendezvous;
  readonly onFinished: (finishedAt: number[]) => void;
}

async function workAndKill(world: World, load: Load, { together, onFinished }: Course): Promise<void> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: interleaved(load), everyMs: 0 });
  await together.meet();
  const worker = world.spawnWorker();
  await world.until('the other keys finished', (view) => view.finished.size >= load.others, WORK_MS);
  onFinished(finishesIn(world));
  await together.meet();
  await killWhenCommitted(world, worker, load);
}

async function killWhenCommitted(world: World, worker: Child, load: Load): Promise<void> {
  const committed = (): boolean => (world.view.doneBelow.get(0) ?? 0) >= load.others + load.held;
  await world.until('all of the work committed', committed, SETTLE_MS);
  await world.kill(worker);
  const starts = world.look().startCount;
  world.spawnWorker();
  await world.untilCalm(SETTLE_MS);
  if (load.held > 0) {
    await world.until('the held key tried again', (view) => view.startCount > starts, SETTLE_MS);
  }
  // Long enough to read the partition to its end and run whatever would be taken for unfinished.
  await wait(3_000);
}

/** The held key's tasks spread evenly among the others'. */
function interleaved({ others, held }: Load): string[] {
  const keys: string[] = [];
  for (let i = 0; i < others; i += 1) {
    if (Math.floor((i * held) / others) !== Math.floor(((i + 1) * held) / others)) keys.push(HELD);
    keys.push(`key-${i % OTHER_KEYS}`);
  }
  return keys;
}

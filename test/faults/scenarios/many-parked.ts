import type { LogEvent } from '../../checker/events.ts';
import { inOrder } from '../gaps.ts';
import { figureOf, missedOf, numberGoal, timesText } from '../goals.ts';
import { worldOfGroup } from '../group-under-load.ts';
import {
  figuresOf,
  type Outcome,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const PARKED = 'park-';
const HEALTHY = 480;
const FIRST_START_MS = 1_500;
const CALM_MS = 60_000;
const QUIET_MS = 60_000;

interface Size {
  readonly keys: number;
  readonly bytes: number;
}

const sizes: Readonly<Record<RunSize, Size>> = {
  full: { keys: 10_000, bytes: 100_000 },
  quick: { keys: 600, bytes: 20_000 },
  tiny: { keys: 100, bytes: 1_000 },
};

export const manyParked: Scenario = {
  name: 'many-parked',
  about: 'thousands of keys are parked when partitions get a new owner: how soon it starts its first task',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const { keys, bytes } = sizes[options.size];
  const parked = Array.from({ length: keys }, (_, i) => `${PARKED}${i}`);
  let events: LogEvent[] = [];
  let owner = '';
  const played = await play(
    options,
    {
      ...worldOfGroup(options, {
        partitions: PARTITIONS,
        worker: { work: { kind: 'sleep', minMs: 1, maxMs: 5 }, parkPrefix: PARKED },
      }),
      producer: { payloads: { seed: options.seed, minBytes: bytes, maxBytes: bytes }, window: 100 },
    },
    {
      minimum: { acked: keys + HEALTHY, finished: HEALTHY, stops: 1 },
      check: { parkedKeys: (key) => key.startsWith(PARKED), unfinishedKeys: new Set(parked) },
    },
    async (world) => {
      owner = await parkAndHandOver(world, parked);
      events = inOrder(world.events());
    },
  );
  const starts = startsAfterAssignment(events, owner);
  const firstMs = Math.min(...starts);
  const problems = [...played.problems];
  if (starts.length === 0) problems.push('exercised too little: the new owner started nothing');
  const goal = numberGoal('assignment to first task', firstMs, {
    bound: { atMost: FIRST_START_MS },
    show: (ms) => `${ms.toFixed(0)} ms`,
  });
  return {
    problems,
    missed: missedOf([goal]),
    figures: [
      ['parked', `${keys} keys, ${((keys * bytes) / 2 ** 20).toFixed(0)} MiB`],
      figureOf(goal),
      ['the same, by partition', timesText(starts)],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

async function parkAndHandOver(world: World, parked: readonly string[]): Promise<string> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: parked, everyMs: 0 });
  const first = world.spawnWorker();
  await world.untilCalm(CALM_MS);
  const all = (): boolean => world.view.parkedCount >= parked.length;
  await world.until('all keys parked', all, CALM_MS + parked.length * 20);
  world.say(`${world.view.parkedCount} keys are parked`);
  const half = Array.from({ length: HEALTHY }, (_, i) => `key-${i % 240}`);
  await world.enqueue(producer, { keys: half.slice(0, HEALTHY / 2), everyMs: 0 });
  const done = (): boolean => world.view.finished.size >= HEALTHY / 2;
  await world.until('the healthy tasks finished', done, QUIET_MS);
  await world.stop(first);
  // What the new owner finds: healthy tasks, and more of parked keys, which it copies.
  await world.enqueue(producer, { keys: [...half.slice(HEALTHY / 2), ...parked.slice(0, 50)], everyMs: 0 });
  const second = world.spawnWorker();
  await world.until('all finished', () => world.view.finished.size >= HEALTHY, QUIET_MS);
  await untilListed(world, parked.length);
  return second.life;
}

/** Every key is parked, once. */
async function untilListed(world: World, expected: number): Promise<void> {
  const keys = new Set<string>();
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await world
      .control()
      .parked.list({ limit: 5_000, ...(cursor === undefined ? {} : { cursor }) });
    for (const { key } of page.parked) keys.add(key);
    count += page.parked.length;
    cursor = page.next;
  } while (cursor !== undefined);
  if (count !== expected || keys.size !== expected)
    throw new Error(`${count} marks of ${keys.size} keys are listed, ${expected} were parked`);
}

/** From the assignment of each partition to its first start. */
function startsAfterAssignment(events: readonly LogEvent[], life: string): number[] {
  const assigned = new Map<number, number>();
  const starts: number[] = [];
  for (const event of events) {
    if (event.process !== life) continue;
    if (event.event === 'assigned') for (const p of event.partitions) assigned.set(p, event.at);
    if (event.event !== 'task-started') continue;
    const at = assigned.get(event.partition);
    if (at === undefined) continue;
    starts.push(event.at - at);
    assigned.delete(event.partition);
  }
  return starts;
}

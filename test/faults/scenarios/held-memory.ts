import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { monotonicMs } from '../event-log.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import {
  figuresOf,
  type Outcome,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

const HELD = 'held';
const PLAIN = 'plain';
const TASK_BYTES = 100_000;
/** One task of another key after so many of the held one. */
const OTHER_EVERY = 50;
const MIB = 2 ** 20;
const GROWTH_BYTES = 30 * MIB;
const READ_TIMES = 2;
/** More than a sweep brings in vain at its ends: the same bytes are read over and over. */
const READ_AGAIN_TIMES = 2.5;
/** One key's tasks run one after the other; noise of the machine aside they do so as fast as without a hold. */
const LEAST_SPEED = 0.8;
const CALM_MS = 60_000;
/** Until two gauges have told what was before. */
const GAUGES_MS = 2_000;
const QUIET_MS = 120_000;

interface Size {
  readonly heldTasks: number;
  /** While nothing happens nothing may be read; it is looked at twice a second. */
  readonly restMs: number;
}

const sizes: Readonly<Record<RunSize, Size>> = {
  full: { heldTasks: 100_000, restMs: 10_000 },
  quick: { heldTasks: 2_000, restMs: 10_000 },
  tiny: { heldTasks: 500, restMs: 4_000 },
};

export const heldMemory: Scenario = {
  name: 'held-memory',
  about:
    'a key is held and its tasks, much more than memory, wait: what they cost, and how fast they run when released',
  run,
};

interface Times {
  readonly heldFrom: number;
  readonly restFrom: number;
  readonly releasedAt: number;
  readonly drainedAt: number;
}

async function run(options: ScenarioOptions): Promise<Outcome> {
  const { heldTasks: held, restMs } = sizes[options.size];
  const plain = Math.min(5_000, held);
  let events: LogEvent[] = [];
  let times: Times = { heldFrom: 0, restFrom: 0, releasedAt: 0, drainedAt: 0 };
  const tasks = held + plain + Math.floor(held / OTHER_EVERY);
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: 1,
      worker: {
        concurrency: 16,
        commitIntervalMs: 1_000,
        protocol: options.protocol,
        detectFailureMs: 30_000,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 1, maxMs: 3 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
        gauges: true,
      },
      producer: { payloads: { seed: options.seed, minBytes: TASK_BYTES, maxBytes: TASK_BYTES }, window: 100 },
      say: options.say,
    },
    { minimum: { acked: tasks, finished: tasks } },
    async (world) => {
      times = await holdAndRelease(world, { held, plain, restMs });
      events = world.events();
    },
  );
  return judge(played, { events, times, held });
}

interface Course {
  readonly held: number;
  readonly plain: number;
  readonly restMs: number;
}

async function holdAndRelease(world: World, { held, plain, restMs }: Course): Promise<Times> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: Array.from({ length: plain }, () => PLAIN), everyMs: 0 });
  world.spawnWorker();
  await world.untilDrained(QUIET_MS);
  await world.control().pending.hold({ key: HELD });
  await world.until('the key held', (view) => view.heldKeys.has(HELD), CALM_MS);
  await wait(GAUGES_MS);
  const heldFrom = monotonicMs();
  const keys: string[] = [];
  for (let i = 1; i <= held; i += 1) {
    keys.push(HELD);
    if (i % OTHER_EVERY === 0) keys.push(`other-${i % 7}`);
  }
  await world.enqueue(producer, { keys, everyMs: 0 });
  world.say('enqueued');
  const others = plain + Math.floor(held / OTHER_EVERY);
  await world.until('the other keys done', (view) => view.finished.size >= others, CALM_MS);
  await wait(2_000);
  const restFrom = monotonicMs();
  await wait(restMs);
  const releasedAt = monotonicMs();
  await world.control().pending.release({ key: HELD });
  world.say('released');
  await world.untilDrained(QUIET_MS);
  return { heldFrom, restFrom, releasedAt, drainedAt: monotonicMs() };
}

interface Seen {
  readonly events: readonly LogEvent[];
  readonly times: Times;
  readonly held: number;
}

function judge(played: Awaited<ReturnType<typeof play>>, { events, times, held }: Seen): Outcome {
  const gauges = events.flatMap((e) => (e.event === 'gauge' ? [e] : [])).sort((a, b) => a.at - b.at);
  const rss = (from: number, to: number): number =>
    Math.max(0, ...gauges.filter((g) => g.at >= from && g.at < to).map((g) => g.rssBytes));
  const readAt = (moment: number): number => gauges.findLast((g) => g.at <= moment)?.readBytes ?? 0;
  const { heldFrom, restFrom, releasedAt, drainedAt } = times;
  const before = rss(0, heldFrom);
  const growth = rss(heldFrom, releasedAt) - before;
  const drainGrowth = rss(releasedAt, Number.POSITIVE_INFINITY) - before;
  const bytes = payloadBytes(events, heldFrom);
  const readHeld = readAt(releasedAt) - readAt(heldFrom);
  const readAll = (gauges.at(-1)?.readBytes ?? 0) - readAt(heldFrom);
  const atRest = gauges.find((g) => g.at >= restFrom)?.readBytes ?? 0;
  const resting = readAt(releasedAt) - atRest;
  const plainSpeed = speedOf(events, PLAIN);
  const heldSpeed = speedOf(events, HELD);
  const firstMs = firstFinish(events, HELD) - releasedAt;
  const problems = [...played.problems];
  if (readAll > READ_AGAIN_TIMES * bytes)
    problems.push(`held: read ${(readAll / bytes).toFixed(2)} times what there is`);
  if (resting > 2 * MIB) problems.push(`held: ${text(resting)} read while nothing happened`);
  if (firstMs < 0) problems.push('exercised too little: tasks of the held key ran before it was released');
  const goals = goalsOf({ growth, readTimes: readAll / bytes, speed: heldSpeed / plainSpeed });
  return {
    problems,
    missed: missedOf(goals),
    figures: [
      ['waiting behind the held key', `${held} tasks, ${text(held * TASK_BYTES)}`],
      ['memory before', text(before)],
      ...goals.map(figureOf),
      ['growth while it drains', text(drainGrowth)],
      ['read while held, of the payload', (readHeld / bytes).toFixed(3)],
      ['read at rest', text(resting)],
      ['one key, never held', `${plainSpeed.toFixed(0)} tasks/s`],
      ['the held one, released', `${heldSpeed.toFixed(0)} tasks/s, the first after ${firstMs.toFixed(0)} ms`],
      ['drained in', `${((drainedAt - releasedAt) / 1_000).toFixed(1)} s`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

function goalsOf({ growth, readTimes, speed }: Readonly<Record<'growth' | 'readTimes' | 'speed', number>>) {
  return [
    numberGoal('memory growth while held', growth, { bound: { atMost: GROWTH_BYTES }, show: text }),
    numberGoal('read in all, of the payload', readTimes, {
      bound: { atMost: READ_TIMES },
      show: (times) => times.toFixed(3),
    }),
    numberGoal('speed when released, of one never held', speed, {
      bound: { atLeast: LEAST_SPEED },
      show: (share) => share.toFixed(2),
    }),
  ];
}

/** Of the tasks that were enqueued since, as JSON. */
function payloadBytes(events: readonly LogEvent[], since: number): number {
  let sum = 0;
  for (const event of events) {
    if (event.event !== 'enqueue-called' || event.at < since) continue;
    sum += event.bytes + JSON.stringify({ key: event.key, call: event.call, text: '' }).length;
  }
  return sum;
}

function text(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

function finishesOf(events: readonly LogEvent[], key: string): number[] {
  const own = events.flatMap((e) => (e.event === 'task-finished' && e.key === key ? [e.at] : []));
  return own.sort((a, b) => a - b);
}

function firstFinish(events: readonly LogEvent[], key: string): number {
  return finishesOf(events, key)[0] ?? Number.NaN;
}

/** Tasks a second, from the first to the last. */
function speedOf(events: readonly LogEvent[], key: string): number {
  const own = finishesOf(events, key);
  return (own.length * 1_000) / ((own.at(-1) ?? Number.NaN) - (own[0] ?? Number.NaN));
}

import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { monotonicMs } from '../event-log.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import { SteadyLoad, startGroup, worldOfGroup } from '../group-under-load.ts';
import {
  figuresOf,
  type Outcome,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import { type SlowServer, startSlowServer } from '../slow-server.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 2;
const KEYS = 200;
const EVERY_MS = 10;
const LEAST_TASKS = 1_000;
/** So small that a task which failed as often as an outage lets tasks fail would be given up at once. */
const MAX_ATTEMPTS = 3;
/** What was under way when an outage was noticed has failed after so long. */
const UNDER_WAY_MS = 1_000;
/** Each worker tries one task at a time, and pauses for up to 5 s in between. */
const MOST_PER_SECOND = 2;
const RECOVERED_MS = 10_000;
const QUIET_MS = 60_000;

interface Size {
  /** How long the load runs before the server is down, to know what is normal. */
  readonly normalMs: number;
  readonly downMs: number;
}

const short: Size = { normalMs: 2_000, downMs: 8_000 };

const sizes: Readonly<Record<RunSize, Size>> = {
  full: { normalMs: 5_000, downMs: 180_000 },
  quick: short,
  tiny: short,
};

export const outage: Scenario = {
  name: 'outage',
  about: 'what all handlers depend on is down for three minutes: nothing is given up, and it is hardly asked',
  run,
};

interface Times {
  readonly normalFrom: number;
  readonly downAt: number;
  readonly upAt: number;
}

async function run(options: ScenarioOptions): Promise<Outcome> {
  const server = await startSlowServer();
  let events: LogEvent[] = [];
  let times: Times = { normalFrom: 0, downAt: 0, upAt: 0 };
  try {
    const played = await play(
      options,
      worldOfGroup(options, {
        partitions: PARTITIONS,
        maxBytes: 1_000,
        worker: {
          work: { kind: 'ask', port: server.port, minMs: 2, maxMs: 20 },
          maxAttempts: MAX_ATTEMPTS,
        },
      }),
      { minimum: { acked: LEAST_TASKS, finished: LEAST_TASKS, rebalances: WORKERS } },
      async (world) => {
        times = await goDown(world, server, options.size);
        events = world.events();
      },
    );
    return judge(played, { events, times, asked: server.asked });
  } finally {
    await server.close();
  }
}

async function goDown(world: World, server: SlowServer, size: RunSize): Promise<Times> {
  const { normalMs, downMs } = sizes[size];
  const producer = await startGroup(world, WORKERS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS, atLeast: LEAST_TASKS });
  await wait(2_000);
  const normalFrom = monotonicMs();
  const before = world.look().finished.size;
  await wait(normalMs);
  const downAt = monotonicMs();
  const perSecondBefore = ((world.look().finished.size - before) * 1_000) / (downAt - normalFrom);
  server.setDown(true);
  world.say('down');
  await world.until('every worker saw an outage', (view) => view.inOutage.size === WORKERS, QUIET_MS);
  await wait(downMs);
  server.setDown(false);
  const upAt = monotonicMs();
  world.say('up again');
  if (size === 'full') await wait(RECOVERED_MS + 2_000);
  else await untilAsFast(world, perSecondBefore, upAt + RECOVERED_MS);
  await load.end(QUIET_MS);
  return { normalFrom, downAt, upAt };
}

/** As much is finished within a second as was before; or it is too late for that. */
async function untilAsFast(world: World, perSecondBefore: number, latest: number): Promise<void> {
  for (;;) {
    const from = monotonicMs();
    const before = world.look().finished.size;
    await wait(1_000);
    const now = monotonicMs();
    if (((world.look().finished.size - before) * 1_000) / (now - from) >= perSecondBefore || now > latest)
      return;
  }
}

interface Seen {
  readonly events: readonly LogEvent[];
  readonly times: Times;
  readonly asked: readonly number[];
}

function judge(played: Awaited<ReturnType<typeof play>>, { events, times, asked }: Seen): Outcome {
  const { normalFrom, downAt, upAt } = times;
  const finishes = events.flatMap((e) => (e.event === 'task-finished' ? [e.at] : [])).sort((a, b) => a - b);
  const normal = perSecond(finishes, normalFrom, downAt);
  const perSecondBefore = perSecond(asked, normalFrom, downAt);
  const noticed = noticedAt(events, downAt);
  const perSecondDown = perSecond(asked, Math.max(...noticed) + UNDER_WAY_MS, upAt);
  const recoveredMs = untilNormal(finishes, upAt, normal);
  const parked = events.filter((e) => e.event === 'parked').length;
  const failures = events.filter((e) => e.event === 'task-failed' && e.at > downAt).length;
  const problems = [...played.problems];
  if (parked > 0) problems.push(`outage: ${parked} keys were parked`);
  if (noticed.length < WORKERS)
    problems.push(`exercised too little: only ${noticed.length} of ${WORKERS} workers saw an outage`);
  if (perSecondDown > MOST_PER_SECOND)
    problems.push(`outage: asked ${perSecondDown.toFixed(1)} times a second`);
  const recovered = numberGoal('normal speed again after', recoveredMs, {
    bound: { atMost: RECOVERED_MS },
    show: (ms) => `${ms.toFixed(0)} ms`,
  });
  const askedDown = numberGoal('asked per second, down', perSecondDown, {
    bound: { atMost: MOST_PER_SECOND },
    show: (times) => times.toFixed(2),
  });
  return {
    problems,
    missed: missedOf([recovered]),
    figures: [
      ['down for', `${((upAt - downAt) / 1_000).toFixed(0)} s, ${KEYS} keys, maxAttempts ${MAX_ATTEMPTS}`],
      ['parked or given up', String(parked)],
      ['failed tries meanwhile', String(failures)],
      ['asked per second before', perSecondBefore.toFixed(1)],
      figureOf(askedDown),
      ['finished per second before', normal.toFixed(0)],
      figureOf(recovered),
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

/** When each worker noticed it. */
function noticedAt(events: readonly LogEvent[], downAt: number): number[] {
  const firsts = new Map<string, number>();
  for (const { event, process, at, ...rest } of events) {
    const isIt = event === 'outage' && 'began' in rest && rest.began && at > downAt;
    if (isIt) firsts.set(process, Math.min(at, firsts.get(process) ?? at));
  }
  return [...firsts.values()];
}

function perSecond(moments: readonly number[], from: number, to: number): number {
  return (moments.filter((at) => at >= from && at < to).length * 1_000) / (to - from);
}

/** When the first second begins in which as much is finished as normally. */
function untilNormal(finishes: readonly number[], upAt: number, normal: number): number {
  for (const at of finishes) {
    if (at >= upAt && perSecond(finishes, at, at + 1_000) >= normal) return at - upAt;
  }
  return Number.POSITIVE_INFINITY;
}

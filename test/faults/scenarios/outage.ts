import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { monotonicMs } from '../event-log.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import { type SlowServer, startSlowServer } from '../slow-server.ts';
import { SteadyLoad } from '../steady-load.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 2;
const KEYS = 200;
const EVERY_MS = 10;
/** So small that a task which failed as often as an outage lets tasks fail would be given up at once. */
const MAX_ATTEMPTS = 3;
const NORMAL_MS = 5_000;
/** After so long an outage has been noticed everywhere. */
const NOTICED_MS = 3_000;
/** Each worker tries one task at a time, and pauses for up to 5 s in between. */
const MOST_PER_SECOND = 2;
const RECOVERED_MS = 10_000;
const CALM_MS = 60_000;
const QUIET_MS = 60_000;

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
      {
        brokers: options.brokers,
        partitions: PARTITIONS,
        worker: {
          concurrency: 64,
          commitIntervalMs: 1_000,
          protocol: options.protocol,
          detectFailureMs: 30_000,
          drainMs: 10_000,
          work: { kind: 'ask', port: server.port, minMs: 2, maxMs: 20 },
          slow: undefined,
          failingKeys: [],
          clinging: undefined,
          mutant: options.mutant,
          maxAttempts: MAX_ATTEMPTS,
        },
        producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 500 },
        say: options.say,
      },
      { minimum: { acked: 1_000, finished: 1_000, rebalances: WORKERS } },
      async (world) => {
        times = await goDown(world, server, options.size === 'full' ? 180_000 : 10_000);
        events = world.events();
      },
    );
    return judge(played, { events, times, asked: server.asked });
  } finally {
    await server.close();
  }
}

async function goDown(world: World, server: SlowServer, downMs: number): Promise<Times> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
  for (let i = 0; i < WORKERS; i += 1) world.spawnWorker();
  await world.untilCalm(CALM_MS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS });
  await wait(2_000);
  const normalFrom = monotonicMs();
  await wait(NORMAL_MS);
  const downAt = monotonicMs();
  server.setDown(true);
  world.say('down');
  await wait(downMs);
  server.setDown(false);
  const upAt = monotonicMs();
  world.say('up again');
  await wait(RECOVERED_MS + 2_000);
  await load.end();
  await world.untilDrained(QUIET_MS);
  return { normalFrom, downAt, upAt };
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
  const perSecondDown = perSecond(asked, downAt + NOTICED_MS, upAt);
  const recoveredMs = untilNormal(finishes, upAt, normal);
  const parked = events.filter((e) => e.event === 'parked').length;
  const began = events.filter((e) => e.event === 'outage' && e.began).length;
  const failures = events.filter((e) => e.event === 'task-failed' && e.at > downAt).length;
  const problems = [...played.problems];
  if (parked > 0) problems.push(`outage: ${parked} keys were parked`);
  if (began < WORKERS)
    problems.push(`exercised too little: only ${began} of ${WORKERS} workers saw an outage`);
  if (perSecondDown > MOST_PER_SECOND)
    problems.push(`outage: asked ${perSecondDown.toFixed(1)} times a second`);
  const missed = recoveredMs <= RECOVERED_MS ? [] : [`normal speed only after ${recoveredMs.toFixed(0)} ms`];
  return {
    problems,
    missed,
    figures: [
      ['down for', `${((upAt - downAt) / 1_000).toFixed(0)} s, ${KEYS} keys, maxAttempts ${MAX_ATTEMPTS}`],
      ['parked or given up', String(parked)],
      ['failed tries meanwhile', String(failures)],
      ['asked per second before', perSecondBefore.toFixed(1)],
      ['asked per second, down', `${perSecondDown.toFixed(2)} (at most ${MOST_PER_SECOND})`],
      ['finished per second before', normal.toFixed(0)],
      ['normal speed again after', `${recoveredMs.toFixed(0)} ms (at most ${RECOVERED_MS})`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
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

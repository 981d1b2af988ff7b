import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import { monotonicMs } from '../event-log.ts';
import { costOfMove, distributionText, inOrder, type Move } from '../gaps.ts';
import type { GroupProtocol } from '../process-settings.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import { SteadyLoad } from '../steady-load.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 3;
const KEYS = 240;
const EVERY_MS = 4;
/** As the brokers of these runs have it for KIP-848; classic members ask for the same. */
const SESSION_MS = 6_000;
const BEYOND_SESSION_MS = 2_000;
const CALM_MS = 60_000;
const QUIET_MS = 30_000;

export const killGap: Scenario = {
  name: 'kill-gap',
  about: 'SIGKILL of a worker under load: how long its partitions wait, on both protocols',
  brokerConfig: {
    'group.consumer.session.timeout.ms': String(SESSION_MS),
    'group.consumer.min.session.timeout.ms': String(SESSION_MS),
  },
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const protocols: readonly GroupProtocol[] =
    options.size === 'full' ? ['classic', 'consumer'] : [options.protocol];
  const parts: Outcome[] = [];
  for (const protocol of protocols) parts.push(await part({ ...options, protocol }));
  return {
    problems: parts.flatMap((p) => p.problems),
    missed: parts.flatMap((p) => p.missed),
    figures: parts.flatMap((p) => p.figures),
    report: parts.at(-1)?.report,
  };
}

async function part(options: ScenarioOptions): Promise<Outcome> {
  const kills = options.size === 'full' ? 8 : 1;
  let events: LogEvent[] = [];
  let moves: readonly Move[] = [];
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: PARTITIONS,
      worker: {
        concurrency: 64,
        commitIntervalMs: 1_000,
        protocol: options.protocol,
        detectFailureMs: SESSION_MS,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 5, maxMs: 60 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 2_000 }, window: 500 },
      say: options.say,
    },
    { minimum: { acked: 500, finished: 500, kills, rebalances: WORKERS + kills } },
    async (world) => {
      moves = await killEach(world, kills, new SeededRandom(options.seed));
      events = inOrder(world.events());
    },
  );
  const name = options.protocol;
  const costs = moves.map((move) => costOfMove(events, move));
  const moved = costs.flatMap((c) => c.moved);
  const most = SESSION_MS + BEYOND_SESSION_MS;
  const problems = played.problems.map((text) => `${text} (${name})`);
  if (moved.length < kills) problems.push(`exercised too little: ${moved.length} partitions moved (${name})`);
  const missed = Math.max(...moved) <= most ? [] : [`${name}: a partition waited too long after a kill`];
  return {
    problems,
    missed,
    figures: [
      [name, `session timeout ${SESSION_MS} ms`],
      ['SIGKILL to next task', `${distributionText(moved)}, at most ${most}`],
      ['longest pause, not moved', distributionText(costs.flatMap((c) => c.stayed))],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

async function killEach(world: World, kills: number, random: SeededRandom): Promise<readonly Move[]> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
  for (let i = 0; i < WORKERS; i += 1) world.spawnWorker();
  await world.untilCalm(CALM_MS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS });
  const moves: Move[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    await wait(random.between(1_000, 2_000));
    const target = random.pick(world.workers);
    if (target === undefined) throw new Error('no worker is left');
    const from = monotonicMs();
    await world.kill(target);
    await world.untilCalm(CALM_MS);
    await wait(500);
    moves.push({ life: target.life, from, to: monotonicMs() });
    // The next one only now: what it costs is the survivors' takeover, and not that of one who joins meanwhile.
    world.spawnWorker();
    await world.untilCalm(CALM_MS);
    world.say(`kill ${kill + 1} of ${kills}`);
  }
  await load.end();
  await world.untilDrained(QUIET_MS);
  return moves;
}

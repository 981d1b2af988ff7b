import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import { redrivenFigure } from '../drain.ts';
import { costOfMove, inOrder, type Move } from '../gaps.ts';
import { figureOf, missedOf, timesGoal, timesText } from '../goals.ts';
import { joined, moveOf, protocolsOf, SteadyLoad, startGroup, worldOfGroup } from '../group-under-load.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 3;
const KEYS = 240;
const EVERY_MS = 4;
const LEAST_TASKS = 500;
const SESSION_MS = 6_000;
const BEYOND_SESSION_MS = 2_000;

export const killGap: Scenario = {
  name: 'kill-gap',
  about: 'SIGKILL of a worker under load: how long its partitions wait, on both protocols',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const parts: Outcome[] = [];
  for (const protocol of protocolsOf(options)) parts.push(await part({ ...options, protocol }));
  return joined(parts);
}

async function part(options: ScenarioOptions): Promise<Outcome> {
  const kills = options.size === 'full' ? 8 : 1;
  let events: LogEvent[] = [];
  let moves: readonly Move[] = [];
  const played = await play(
    options,
    worldOfGroup(options, { partitions: PARTITIONS, worker: { detectFailureMs: SESSION_MS } }),
    { minimum: { acked: LEAST_TASKS, finished: LEAST_TASKS, kills, rebalances: WORKERS + kills } },
    async (world) => {
      moves = await killEach(world, kills, new SeededRandom(options.seed));
      events = inOrder(world.events());
    },
  );
  const name = options.protocol;
  const costs = moves.map((move) => costOfMove(events, move));
  const moved = costs.flatMap((c) => c.moved);
  const problems = played.problems.map((text) => `${text} (${name})`);
  if (moved.length < kills) problems.push(`exercised too little: ${moved.length} partitions moved (${name})`);
  const goal = timesGoal('SIGKILL to next task', moved, { max: SESSION_MS + BEYOND_SESSION_MS });
  return {
    problems,
    missed: missedOf([goal], name),
    figures: [
      [name, `session timeout ${SESSION_MS} ms`],
      figureOf(goal),
      ['longest pause, not moved', timesText(costs.flatMap((c) => c.stayed))],
      ...figuresOf(played.report),
      redrivenFigure(played.report),
    ],
    report: played.report,
  };
}

async function killEach(world: World, kills: number, random: SeededRandom): Promise<readonly Move[]> {
  const producer = await startGroup(world, WORKERS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS, atLeast: LEAST_TASKS });
  const moves: Move[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    await wait(random.between(1_000, 2_000));
    const target = random.pick(world.workers);
    if (target === undefined) throw new Error('no worker is left');
    moves.push(await moveOf(world, target, () => world.kill(target)));
    // The next one only now: what it costs is the survivors' takeover, and not that of one who joins meanwhile.
    world.spawnWorker();
    await world.untilCalm();
    world.say(`kill ${kill + 1} of ${kills}`);
  }
  await load.end();
  return moves;
}

import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { monotonicMs } from '../event-log.ts';
import { costOfMove, inOrder, type Move } from '../gaps.ts';
import { figureOf, missedOf, timesGoal, timesText } from '../goals.ts';
import {
  joined,
  moveOf,
  oldestOf,
  protocolsOf,
  SteadyLoad,
  startGroup,
  worldOfGroup,
} from '../group-under-load.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 3;
/** Round robin: every partition gets a task about every 40 ms. */
const KEYS = 240;
const EVERY_MS = 3;
const LEAST_TASKS = 1_000;
const MOVED_MS = 1_500;
const STAYED_MS = 500;
/** Before each move nothing moves for so long: what partitions pause then is the machine's doing. */
const CONTROL_MS = 2_000;

interface Moves {
  readonly goings: readonly Move[];
  readonly controls: readonly Move[];
}

/** Which comes first, the new worker or the end of the old one. */
type Order = 'stop-first' | 'start-first';

export const deploy: Scenario = {
  name: 'deploy',
  about: 'SIGTERM of each worker in turn under load: nothing runs twice, and how long partitions wait',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const parts: Outcome[] = [];
  const orders: readonly Order[] = options.size === 'full' ? ['stop-first', 'start-first'] : ['stop-first'];
  for (const protocol of protocolsOf(options)) {
    for (const order of orders) parts.push(await part({ ...options, protocol }, order));
  }
  return joined(parts);
}

async function part(options: ScenarioOptions, order: Order): Promise<Outcome> {
  const rounds = options.size === 'full' ? 4 * WORKERS : 2;
  let events: LogEvent[] = [];
  let moves: Moves = { goings: [], controls: [] };
  const played = await play(
    options,
    worldOfGroup(options, { partitions: PARTITIONS }),
    { minimum: { acked: LEAST_TASKS, finished: LEAST_TASKS, stops: rounds, rebalances: rounds } },
    async (world) => {
      moves = await replaceEach(world, rounds, order);
      events = inOrder(world.events());
    },
  );
  const name = `${options.protocol}, ${order}`;
  const costs = moves.goings.map((move) => costOfMove(events, move));
  const calm = moves.controls.flatMap((move) => costOfMove(events, move).stayed);
  const moved = costs.flatMap((c) => c.moved);
  const stayed = costs.flatMap((c) => c.stayed);
  const problems = played.problems.map((text) => `${text} (${name})`);
  const { reruns } = played.report.figures;
  if (reruns > 0) problems.push(`re-run: ${reruns} tasks ran twice (${name})`);
  if (moved.length < rounds || stayed.length < rounds)
    problems.push(`exercised too little: ${moved.length} moved, ${stayed.length} stayed (${name})`);
  const goals = [
    timesGoal('exit to next task, moved', moved, { p95: MOVED_MS }),
    timesGoal('longest pause, not moved', stayed, { max: STAYED_MS }),
  ];
  return {
    problems,
    missed: missedOf(goals, name),
    figures: [
      [name, ''],
      ...goals.map(figureOf),
      ['longest pause, nothing moved', `${timesText(calm)}, in ${CONTROL_MS} ms each`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

async function replaceEach(world: World, rounds: number, order: Order): Promise<Moves> {
  const producer = await startGroup(world, WORKERS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS, atLeast: LEAST_TASKS });
  const goings: Move[] = [];
  const controls: Move[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const oldest = oldestOf(world);
    if (order === 'start-first') {
      world.spawnWorker();
      await world.untilCalm();
    }
    const calm = monotonicMs();
    await wait(CONTROL_MS);
    controls.push({ life: '', from: calm, to: monotonicMs() });
    const going = await moveOf(world, oldest, async () => {
      await world.stop(oldest);
      if (order === 'stop-first') world.spawnWorker();
    });
    goings.push(going);
    world.say(`${order}: ${round + 1} of ${rounds}`);
  }
  await load.end();
  return { goings, controls };
}

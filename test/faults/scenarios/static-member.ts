import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { redrivenFigure } from '../drain.ts';
import { costOfMove, inOrder, type Move } from '../gaps.ts';
import { timesText } from '../goals.ts';
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
const KEYS = 240;
const EVERY_MS = 4;
const LEAST_TASKS = 500;
const SESSION_MS = 30_000;

type End = 'SIGTERM' | 'SIGKILL';

export const staticMember: Scenario = {
  name: 'static-member',
  about:
    'workers with a staticMemberId end and come back within their session: what moves, on both protocols',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const parts: Outcome[] = [];
  for (const protocol of protocolsOf(options)) {
    // A KIP-848 member that was killed is not let in again under its id before its session has ended.
    const ends: readonly End[] = protocol === 'classic' ? ['SIGTERM', 'SIGKILL'] : ['SIGTERM'];
    for (const end of ends) parts.push(await part({ ...options, protocol }, end));
  }
  return joined(parts);
}

async function part(options: ScenarioOptions, end: End): Promise<Outcome> {
  const rounds = options.size === 'full' ? WORKERS : 1;
  let events: LogEvent[] = [];
  let moves: readonly Return[] = [];
  const played = await play(
    options,
    worldOfGroup(options, { partitions: PARTITIONS, worker: { detectFailureMs: SESSION_MS } }),
    { minimum: { acked: LEAST_TASKS, finished: LEAST_TASKS, stops: end === 'SIGTERM' ? rounds : 0 } },
    async (world) => {
      moves = await restartEach(world, rounds, end);
      events = inOrder(world.events());
    },
  );
  const name = `${options.protocol}, ${end}`;
  const costs = moves.map((move) => costOfMove(events, move));
  const shares = moves.map((move) => shareThatMoved(events, move));
  const problems = played.problems.map((text) => `${text} (${name})`);
  const { reruns } = played.report.figures;
  if (end === 'SIGTERM' && reruns > 0) problems.push(`re-run: ${reruns} tasks ran twice (${name})`);
  return {
    problems,
    missed: [],
    figures: [
      [name, `session timeout ${SESSION_MS} ms`],
      ['of its partitions, worked on by others', shares.join(', ')],
      ['end to next task, its partitions', timesText(costs.flatMap((c) => c.moved))],
      ['longest pause, other partitions', timesText(costs.flatMap((c) => c.stayed))],
      ...figuresOf(played.report),
      redrivenFigure(played.report),
    ],
    report: played.report,
  };
}

interface Return extends Move {
  /** The process that came back under the name. */
  readonly back: string;
}

async function restartEach(world: World, rounds: number, end: End): Promise<readonly Return[]> {
  const producer = await startGroup(world, WORKERS, (index) => ({ staticMemberId: `static-${index}` }));
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS, atLeast: LEAST_TASKS });
  const moves: Return[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await wait(2_000);
    const oldest = oldestOf(world);
    let back = '';
    const move = await moveOf(world, oldest, async () => {
      await (end === 'SIGTERM' ? world.stop(oldest) : world.kill(oldest));
      back = world.spawnWorker({ staticMemberId: `static-${round}` }).life;
    });
    moves.push({ ...move, back });
    world.say(`${end}: ${round + 1} of ${rounds}`);
  }
  await load.end();
  return moves;
}

/** How many of the partitions that the process had were taken by another than the one that came back. */
function shareThatMoved(events: readonly LogEvent[], move: Return): string {
  const had = new Set<number>();
  const moved = new Set<number>();
  for (const event of events) {
    if (event.event !== 'taken') continue;
    if (event.at < move.from && event.process === move.life) had.add(event.partition);
    else if (event.at < move.from) had.delete(event.partition);
    else if (event.at <= move.to && event.process !== move.back && had.has(event.partition))
      moved.add(event.partition);
  }
  return `${moved.size} of ${had.size}`;
}

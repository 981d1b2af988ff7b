import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
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
const SESSION_MS = 30_000;
const CALM_MS = 60_000;
const QUIET_MS = 30_000;

type End = 'SIGTERM' | 'SIGKILL';

export const staticMember: Scenario = {
  name: 'static-member',
  about:
    'workers with a staticMemberId end and come back within their session: what moves, on both protocols',
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
  for (const protocol of protocols) {
    // A KIP-848 member that was killed is not let in again under its id before its session has ended.
    const ends: readonly End[] = protocol === 'classic' ? ['SIGTERM', 'SIGKILL'] : ['SIGTERM'];
    for (const end of ends) parts.push(await part({ ...options, protocol }, end));
  }
  return {
    problems: parts.flatMap((p) => p.problems),
    missed: parts.flatMap((p) => p.missed),
    figures: parts.flatMap((p) => p.figures),
    report: parts.at(-1)?.report,
  };
}

async function part(options: ScenarioOptions, end: End): Promise<Outcome> {
  const rounds = options.size === 'full' ? WORKERS : 1;
  let events: LogEvent[] = [];
  let moves: readonly Return[] = [];
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
    { minimum: { acked: 500, finished: 500, stops: end === 'SIGTERM' ? rounds : 0 } },
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
      ['end to next task, its partitions', distributionText(costs.flatMap((c) => c.moved))],
      ['longest pause, other partitions', distributionText(costs.flatMap((c) => c.stayed))],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

interface Return extends Move {
  /** The process that came back under the name. */
  readonly back: string;
}

async function restartEach(world: World, rounds: number, end: End): Promise<readonly Return[]> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
  for (let i = 0; i < WORKERS; i += 1) world.spawnWorker({ staticMemberId: `static-${i}` });
  await world.untilCalm(CALM_MS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS });
  const moves: Return[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await wait(2_000);
    const [oldest] = world.workers;
    if (oldest === undefined) throw new Error('no worker is left');
    const from = monotonicMs();
    await (end === 'SIGTERM' ? world.stop(oldest) : world.kill(oldest));
    const back = world.spawnWorker({ staticMemberId: `static-${round}` });
    await world.untilCalm(CALM_MS);
    await wait(500);
    moves.push({ life: oldest.life, back: back.life, from, to: monotonicMs() });
    world.say(`${end}: ${round + 1} of ${rounds}`);
  }
  await load.end();
  await world.untilDrained(QUIET_MS);
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

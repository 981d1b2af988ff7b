import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { monotonicMs } from '../event-log.ts';
import { costOfMove, distributionText, inOrder, type Move, quantile } from '../gaps.ts';
import type { GroupProtocol } from '../process-settings.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import { SteadyLoad } from '../steady-load.ts';
import type { World } from '../world.ts';

const PARTITIONS = 12;
const WORKERS = 3;
/** Round robin: every partition gets a task about every 40 ms. */
const KEYS = 240;
const EVERY_MS = 3;
const MOVED_MS = 1_500;
const STAYED_MS = 500;
/** Before each move nothing moves for so long: what partitions pause then is the machine's doing. */
const CONTROL_MS = 2_000;
const CALM_MS = 60_000;
const QUIET_MS = 30_000;

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
  const protocols: readonly GroupProtocol[] =
    options.size === 'full' ? ['classic', 'consumer'] : [options.protocol];
  for (const protocol of protocols) {
    const orders: readonly Order[] = options.size === 'full' ? ['stop-first', 'start-first'] : ['stop-first'];
    for (const order of orders) parts.push(await part({ ...options, protocol }, order));
  }
  return {
    problems: parts.flatMap((p) => p.problems),
    missed: parts.flatMap((p) => p.missed),
    figures: parts.flatMap((p) => p.figures),
    report: parts.at(-1)?.report,
  };
}

async function part(options: ScenarioOptions, order: Order): Promise<Outcome> {
  const rounds = options.size === 'full' ? 4 * WORKERS : 2;
  let events: LogEvent[] = [];
  let moves: Moves = { goings: [], controls: [] };
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
        work: { kind: 'sleep', minMs: 5, maxMs: 60 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 2_000 }, window: 500 },
      say: options.say,
    },
    { minimum: { acked: 1_000, finished: 1_000, stops: rounds, rebalances: rounds } },
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
  const missed: string[] = [];
  if (!(quantile(moved, 0.95) <= MOVED_MS)) missed.push(`${name}: a moved partition waits too long`);
  if (!(quantile(stayed, 1) <= STAYED_MS)) missed.push(`${name}: a partition that stayed paused too long`);
  return {
    problems,
    missed,
    figures: [
      [name, ''],
      ['exit to next task, moved', `${distributionText(moved)}, p95 at most ${MOVED_MS}`],
      ['longest pause, not moved', `${distributionText(stayed)}, at most ${STAYED_MS}`],
      ['longest pause, nothing moved', `${distributionText(calm)}, in ${CONTROL_MS} ms each`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

async function replaceEach(world: World, rounds: number, order: Order): Promise<Moves> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
  for (let i = 0; i < WORKERS; i += 1) world.spawnWorker();
  await world.untilCalm(CALM_MS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS });
  const goings: Move[] = [];
  const controls: Move[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [oldest] = world.workers;
    if (oldest === undefined) throw new Error('no worker is left');
    if (order === 'start-first') {
      world.spawnWorker();
      await world.untilCalm(CALM_MS);
    }
    const calm = monotonicMs();
    await wait(CONTROL_MS);
    const from = monotonicMs();
    controls.push({ life: '', from: calm, to: from });
    await world.stop(oldest);
    if (order === 'stop-first') world.spawnWorker();
    await world.untilCalm(CALM_MS);
    await wait(500);
    goings.push({ life: oldest.life, from, to: monotonicMs() });
    world.say(`${order}: ${round + 1} of ${rounds}`);
  }
  await load.end();
  await world.untilDrained(QUIET_MS);
  return { goings, controls };
}

import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import {
  figuresOf,
  type Outcome,
  type Played,
  play,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

const HELD = 'held';
const OTHER_KEYS = 500;
const LEAST_RATIO = 0.95;
const SETTLE_MS = 60_000;
const WORK_MS = 300_000;

export const heldKey: Scenario = {
  name: 'held-key',
  about:
    'one key of a partition fails always: the others go on as fast as without it, and a kill repeats nothing committed',
  run,
};

interface Measured extends Played {
  readonly perSecond: number;
}

async function run(options: ScenarioOptions): Promise<Outcome> {
  const others = options.size === 'full' ? 45_000 : 2_700;
  const rounds = options.size === 'full' ? 2 : 1;
  const problems: string[] = [];
  const without: Measured[] = [];
  const held: Measured[] = [];
  // In turn, so that a machine that is slow for a while is slow for both.
  for (let round = 0; round < rounds; round += 1) {
    without.push(await measure(options, { others, held: 0 }));
    held.push(await measure(options, { others, held: Math.round(others / 9) }));
  }
  for (const { problems: found } of [...without, ...held]) problems.push(...found);
  const fastest = (runs: readonly Measured[]): number => Math.max(...runs.map((r) => r.perSecond));
  const ratio = fastest(held) / fastest(without);
  const missed =
    ratio >= LEAST_RATIO
      ? []
      : [`the other keys ran at ${ratio.toFixed(3)} of their speed without the held one`];
  const last = held.at(-1);
  return {
    problems,
    missed,
    figures: [
      ['other keys, no key held', `${fastest(without).toFixed(0)} tasks/s`],
      ['other keys, one key held', `${fastest(held).toFixed(0)} tasks/s`],
      ['ratio', `${ratio.toFixed(3)} (at least ${LEAST_RATIO})`],
      ...(last === undefined ? [] : figuresOf(last.report)),
    ],
    report: last?.report,
  };
}

async function measure(
  options: ScenarioOptions,
  load: { readonly others: number; readonly held: number },
): Promise<Measured> {
  let perSecond = 0;
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: 1,
      worker: {
        concurrency: 32,
        commitIntervalMs: 500,
        protocol: options.protocol,
        detectFailureMs: 3_000,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 1, maxMs: 5 },
        slow: undefined,
        failingKeys: [HELD],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 2_000 },
      say: options.say,
    },
    {
      minimum: { acked: load.others + load.held, finished: load.others, kills: 1, commits: 10 },
      check: { unfinishedKeys: new Set([HELD]) },
    },
    async (world) => {
      perSecond = await workThenKill(world, load);
    },
  );
  return { ...played, perSecond };
}

async function workThenKill(
  world: World,
  load: { readonly others: number; readonly held: number },
): Promise<number> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: interleaved(load), everyMs: 0 });
  const first = world.spawnWorker();
  const done = (view: { readonly finished: ReadonlySet<string> }): boolean =>
    view.finished.size >= load.others;
  await world.until('the other keys finished', done, WORK_MS);
  const perSecond = speedOf(world.events());
  world.say(`${load.held} tasks of the held key: the others at ${perSecond.toFixed(0)} tasks/s`);
  const doneAt = Math.max(
    ...world
      .events()
      .filter((e) => e.event === 'task-finished')
      .map((e) => e.at),
  );
  // The first commit that was sent after the last finish has been acknowledged.
  await world.until(
    'the work committed',
    (view) => (view.lastCommitAt.get(first.life) ?? 0) > doneAt + 500,
    SETTLE_MS,
  );
  await world.kill(first);
  const starts = world.look().startCount;
  world.spawnWorker();
  await world.untilCalm(SETTLE_MS);
  if (load.held > 0)
    await world.until('the held key tried again', (view) => view.startCount > starts, SETTLE_MS);
  // Long enough to read the partition to its end and run whatever would be taken for unfinished.
  await wait(3_000);
  return perSecond;
}

/** The held key's tasks spread evenly among the others'. */
function interleaved({ others, held }: { readonly others: number; readonly held: number }): string[] {
  const keys: string[] = [];
  for (let i = 0; i < others; i += 1) {
    if (Math.floor((i * held) / others) !== Math.floor(((i + 1) * held) / others)) keys.push(HELD);
    keys.push(`key-${i % OTHER_KEYS}`);
  }
  return keys;
}

/** Tasks a second, from the first start to the last finish. */
function speedOf(events: readonly LogEvent[]): number {
  const at = (kind: LogEvent['event']): number[] => events.filter((e) => e.event === kind).map((e) => e.at);
  const finishes = at('task-finished');
  const from = at('task-started').reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const to = finishes.reduce((a, b) => Math.max(a, b), 0);
  return (finishes.length * 1_000) / (to - from);
}

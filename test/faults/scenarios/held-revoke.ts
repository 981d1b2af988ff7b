import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { figureOf, missedOf, timesGoal } from '../goals.ts';
import { joined } from '../group-under-load.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';

const PARTITIONS = 8;
/** Enough that every partition has several. */
const KEYS = 200;
const CLINGING = Array.from({ length: 64 }, (_, i) => `clinging-${i}`);
const HELD_MS = 5_000;
const LONGEST_GAP_MS = 500;
const EVERY_MS = 4;
const CALM_MS = 60_000;

export const heldRevoke: Scenario = {
  name: 'held-revoke',
  about: 'a revoke held open by a 5 s drain: the partitions that stay go on without a gap, on both protocols',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const classic = await part({ ...options, protocol: 'classic' });
  const consumer = await part({ ...options, protocol: 'consumer' });
  return joined([classic, consumer]);
}

async function part(options: ScenarioOptions): Promise<Outcome> {
  let events: LogEvent[] = [];
  let owner = '';
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: PARTITIONS,
      worker: {
        concurrency: 128,
        commitIntervalMs: 1_000,
        protocol: options.protocol,
        detectFailureMs: 30_000,
        drainMs: 20_000,
        work: { kind: 'sleep', minMs: 2, maxMs: 10 },
        slow: undefined,
        failingKeys: [],
        clinging: { keys: CLINGING, ms: HELD_MS },
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 500 },
      say: options.say,
    },
    { minimum: { acked: 1_000, finished: 1_000, rebalances: 2 } },
    async (world) => {
      const producer = await world.spawnProducer();
      await world.enqueue(producer, { keys: CLINGING, everyMs: 0 });
      const first = world.spawnWorker();
      owner = first.life;
      await world.untilCalm(CALM_MS);
      await world.until('the clinging tasks started', (view) => view.startCount >= CLINGING.length, CALM_MS);
      const keys = Array.from({ length: 20_000 / EVERY_MS }, (_, i) => `key-${i % KEYS}`);
      const order = world.enqueue(producer, { keys, everyMs: EVERY_MS });
      await wait(500);
      world.spawnWorker();
      const asked = (): boolean => world.view.member(first.life).asked.size > 0;
      await world.until('a revoke', asked, CALM_MS);
      await world.until('the revoke answered', () => !asked(), CALM_MS);
      await world.untilCalm(CALM_MS);
      await order;
      events = world.events();
    },
  );
  const { longest, heldMs, starts } = gapsWhileHeld(events, owner);
  const name = options.protocol;
  const problems = played.problems.map((text) => `${name}: ${text}`);
  if (heldMs < HELD_MS - 500) {
    problems.push(`${name}: exercised too little: the revoke was open for ${heldMs.toFixed(0)} ms only`);
  }
  if (longest.length === 0) problems.push(`${name}: exercised too little: no partition stayed`);
  const goal = timesGoal(`${name}: longest gap between two starts`, longest, { max: LONGEST_GAP_MS });
  return {
    problems,
    missed: missedOf([goal]),
    figures: [
      [`${name}: revoke held open`, `${heldMs.toFixed(0)} ms`],
      [`${name}: partitions that stayed`, `${longest.length}, ${starts} starts meanwhile`],
      figureOf(goal),
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

/** The longest time in which each partition that its owner kept started nothing, while the owner's first revoke was open. */
function gapsWhileHeld(events: readonly LogEvent[], owner: string) {
  const own = events.filter((e) => e.process === owner);
  const asked = own.find((e) => e.event === 'revoke-asked');
  const given = own.find((e) => e.event === 'given-up' && asked !== undefined && e.at >= asked.at);
  if (asked?.event !== 'revoke-asked' || given === undefined) return { longest: [], heldMs: 0, starts: 0 };
  const gone = new Set(asked.partitions);
  const taken = own.flatMap((e) =>
    e.event === 'taken' && e.at < asked.at && !gone.has(e.partition) ? [e.partition] : [],
  );
  const longest: number[] = [];
  let starts = 0;
  for (const partition of taken) {
    let longestMs = 0;
    let last = asked.at;
    for (const event of own) {
      if (event.event !== 'task-started' || event.partition !== partition) continue;
      if (event.at <= asked.at || event.at > given.at) continue;
      longestMs = Math.max(longestMs, event.at - last);
      last = event.at;
      starts += 1;
    }
    longest.push(Math.max(longestMs, given.at - last));
  }
  return { longest, heldMs: given.at - asked.at, starts };
}

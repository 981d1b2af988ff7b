import { buildHistory } from '../../checker/build-history.ts';
import type { LogEvent } from '../../checker/events.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import {
  figuresOf,
  type Outcome,
  type Played,
  play,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import { startSlowServer } from '../slow-server.ts';

const KEYS = 1_000;
const CONCURRENCY = 16;
const LEAST_SPEEDUP = 14;
const LEAST_OF_POSSIBLE = 0.9;
const WORK_MS = 120_000;

export const parallelKeys: Scenario = {
  name: 'parallel-keys',
  about: 'one partition, many keys, handlers that wait for a server: as parallel as the concurrency allows',
  run,
};

interface Measured extends Played {
  readonly perSecond: number;
  readonly meanMs: number;
}

async function run(options: ScenarioOptions): Promise<Outcome> {
  const server = await startSlowServer();
  try {
    const one = await measure(options, {
      port: server.port,
      concurrency: 1,
      tasks: options.size === 'full' ? 1_500 : 200,
    });
    const many = await measure(options, {
      port: server.port,
      concurrency: CONCURRENCY,
      tasks: options.size === 'full' ? 15_000 : 2_000,
    });
    const speedup = many.perSecond / one.perSecond;
    const possible = (CONCURRENCY * 1_000) / many.meanMs;
    const share = many.perSecond / possible;
    const problems = [...one.problems, ...many.problems];
    const timesOne = numberGoal('times one at a time', speedup, {
      bound: { atLeast: LEAST_SPEEDUP },
      show: (times) => times.toFixed(2),
    });
    const ofPossible = numberGoal('of concurrency / mean duration', share, {
      bound: { atLeast: LEAST_OF_POSSIBLE },
      show: (part) => part.toFixed(3),
    });
    if (!(share >= LEAST_OF_POSSIBLE))
      problems.push(`only ${share.toFixed(3)} of ${CONCURRENCY} / mean duration`);
    return {
      problems,
      missed: missedOf([timesOne]),
      figures: [
        ['one at a time', `${one.perSecond.toFixed(0)} tasks/s, mean handler ${one.meanMs.toFixed(2)} ms`],
        [
          `concurrency ${CONCURRENCY}`,
          `${many.perSecond.toFixed(0)} tasks/s, mean handler ${many.meanMs.toFixed(2)} ms`,
        ],
        figureOf(timesOne),
        figureOf(ofPossible),
        ...figuresOf(many.report),
      ],
      report: many.report,
    };
  } finally {
    await server.close();
  }
}

interface Load {
  readonly port: number;
  readonly concurrency: number;
  readonly tasks: number;
}

async function measure(options: ScenarioOptions, { port, concurrency, tasks }: Load): Promise<Measured> {
  let events: LogEvent[] = [];
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: 1,
      worker: {
        concurrency,
        commitIntervalMs: 1_000,
        protocol: options.protocol,
        detectFailureMs: 30_000,
        drainMs: 10_000,
        work: { kind: 'ask', port, minMs: 1, maxMs: 9 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 2_000 },
      say: options.say,
    },
    { minimum: { acked: tasks, finished: tasks } },
    async (world) => {
      const producer = await world.spawnProducer();
      await world.enqueue(producer, {
        keys: Array.from({ length: tasks }, (_, i) => `key-${i % KEYS}`),
        everyMs: 0,
      });
      world.spawnWorker();
      await world.until('every task finished', (view) => view.isDrained, WORK_MS);
      events = world.events();
    },
  );
  return { ...played, ...speedOf(events) };
}

function speedOf(events: readonly LogEvent[]): { readonly perSecond: number; readonly meanMs: number } {
  const { runs } = buildHistory(events);
  const from = runs[0]?.startedAt ?? 0;
  const to = runs.reduce((latest, run) => Math.max(latest, run.endedAt), 0);
  const total = runs.reduce((sum, run) => sum + run.endedAt - run.startedAt, 0);
  return { perSecond: (runs.length * 1_000) / (to - from), meanMs: total / runs.length };
}

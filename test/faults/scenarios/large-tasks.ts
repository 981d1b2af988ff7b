import type { LogEvent } from '../../checker/events.ts';
import type { ContentKind } from '../../support/large-content.ts';
import { S3Server } from '../../support/s3/s3-server.ts';
import type { Child } from '../child.ts';
import { monotonicMs } from '../event-log.ts';
import { peakRssBytes } from '../gauges.ts';
import { figureOf, type Goal, missedOf, numberGoal } from '../goals.ts';
import type { S3Place } from '../process-settings.ts';
import {
  figuresOf,
  type Outcome,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

const PARTITIONS = 4;
const AT_ONCE = 4;
const HEAP_MEGABYTES = 128;
const MIB = 2 ** 20;
const MOST_RSS_BYTES = 250 * MIB;
const MOST_DELAY_MS = 100;
/** In parts. The first bodies find brokers that still translate their code, and take the processor from whoever reads. */
const WARM_UP = { full: 100e6, quick: 2e6, tiny: 2e6 } as const;
const READY_MS = 60_000;
const QUIET_MS = 120_000;

interface Load {
  readonly name: string;
  readonly tasks: number;
  readonly bytes: number;
  readonly kinds: readonly ContentKind[];
}

const loads: Readonly<Record<RunSize, readonly Load[]>> = {
  full: [
    { name: 'random', tasks: 20, bytes: 100e6, kinds: ['random'] },
    { name: 'compressible', tasks: 20, bytes: 100e6, kinds: ['compressible'] },
    { name: 'one of 500 MB', tasks: 1, bytes: 500e6, kinds: ['random'] },
  ],
  quick: [{ name: 'both', tasks: 6, bytes: 40e6, kinds: ['random', 'compressible'] }],
  tiny: [{ name: 'both', tasks: 4, bytes: 10e6, kinds: ['random', 'compressible'] }],
};

export const largeTasks: Scenario = {
  name: 'large-tasks',
  about: 'bodies of 100 MB, four at a time, and one of 500 MB, between processes with little memory',
  brokersYield: true,
  run: (options) => run(options, undefined),
};

export const largeTasksInS3: Scenario = {
  name: 'large-tasks-s3',
  about: 'the same with bodies in an object store',
  brokersYield: true,
  async run(options) {
    await using server = await S3Server.start();
    // Only beside brokers of the run: the others do not either.
    if (options.cluster !== undefined) await server.yieldProcessors();
    return await run(options, server.place);
  },
};

async function run(options: ScenarioOptions, s3: S3Place | undefined): Promise<Outcome> {
  const parts: { readonly load: Load; readonly outcome: Outcome }[] = [];
  for (const load of loads[options.size]) parts.push({ load, outcome: await carry(options, load, s3) });
  const named = <T>(pick: (outcome: Outcome) => readonly T[], name: (item: T, prefix: string) => T): T[] =>
    parts.flatMap(({ load, outcome }) => pick(outcome).map((item) => name(item, `${load.name}: `)));
  return {
    problems: parts.flatMap(({ outcome }) => outcome.problems),
    missed: named(
      ({ missed }) => missed,
      (text, prefix) => prefix + text,
    ),
    figures: named(
      ({ figures }) => figures,
      ([name, figure], prefix) => [prefix + name, figure] as const,
    ),
    report: parts.at(-1)?.outcome.report,
  };
}

/** What one load has cost. */
interface Cost {
  readonly from: number;
  readonly to: number;
  readonly events: readonly LogEvent[];
  /** Producer and worker. */
  readonly ours: readonly Measured[];
  /** One that did nothing beside them. */
  readonly idle: Measured;
}

interface Measured {
  readonly who: string;
  readonly life: string;
  readonly rssBytes: number | undefined;
}

async function carry(options: ScenarioOptions, load: Load, s3: S3Place | undefined): Promise<Outcome> {
  let cost: Cost | undefined;
  const common = { heapMegabytes: HEAP_MEGABYTES, gauges: true, ...(s3 === undefined ? {} : { s3 }) };
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: PARTITIONS,
      worker: {
        ...common,
        concurrency: AT_ONCE,
        commitIntervalMs: 1_000,
        protocol: options.protocol,
        detectFailureMs: 30_000,
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 0, maxMs: 0 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
      },
      producer: {
        ...common,
        payloads: { seed: options.seed, minBytes: 100, maxBytes: 100 },
        bodies: { seed: options.seed, minBytes: load.bytes, maxBytes: load.bytes, kinds: load.kinds },
        window: AT_ONCE,
      },
      say: options.say,
    },
    { minimum: { acked: load.tasks, finished: load.tasks } },
    async (world) => {
      cost = await send(world, load, WARM_UP[options.size]);
    },
  );
  const problems = [...played.problems];
  if (cost === undefined) return { problems, missed: [], figures: [], report: played.report };
  const { from, to, events, ours, idle } = cost;
  const moves = events.filter(({ event }) => event === 'revoke-asked' || event === 'given-up').length;
  if (moves > 0) problems.push(`rebalance: partitions were asked back ${moves} times`);
  const readBytes = Math.max(0, ...events.map((e) => (e.event === 'gauge' ? e.readBytes : 0)));
  if (s3 !== undefined && readBytes > load.bytes)
    problems.push(
      `exercised too little: ${readBytes} bytes were read from Kafka, and belong in the object store`,
    );
  const goals = [
    ...ours.flatMap(memoryGoal),
    ...ours.map(({ who, life }) => delayGoal(who, longestDelay(gaugesOf(events, life, from)).loopDelayMs)),
  ];
  const delays = [...ours, idle].map(
    ({ who, life }) => [`${who}: that delay`, delayText(gaugesOf(events, life, from))] as const,
  );
  const seconds = (to - from) / 1_000;
  const megabytes = (load.tasks * load.bytes) / 1e6;
  return {
    problems,
    missed: missedOf(goals),
    figures: [
      ...goals.map(figureOf),
      ...delays,
      [
        'from the first call to the last finish',
        `${seconds.toFixed(1)} s, ${(megabytes / seconds).toFixed(0)} MB/s`,
      ],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

async function send(world: World, load: Load, warmUpBytes: number): Promise<Cost> {
  const producer = await world.spawnProducer();
  const worker = world.spawnWorker();
  const idle = world.spawnIdle();
  await world.untilCalm();
  // So that neither is still loading and connecting when it counts.
  await world.enqueue(producer, {
    keys: ['first', 'second', 'third', 'fourth'],
    everyMs: 0,
    bodyBytes: warmUpBytes,
  });
  await world.untilDrained(QUIET_MS);
  const keys = Array.from({ length: load.tasks }, (_, i) => `key-${i}`);
  const before = world.look().callCount;
  const enqueued = world.enqueue(producer, { keys, everyMs: 0 });
  enqueued.catch(() => undefined);
  await world.until('the first call', (view) => view.callCount > before, READY_MS);
  const from = monotonicMs();
  await enqueued;
  await world.untilDrained(QUIET_MS);
  const measured = (who: string, { life, pid }: Child) => ({ who, life, rssBytes: peakRssBytes(pid) });
  return {
    from,
    to: monotonicMs(),
    events: world.events(),
    ours: [measured('producer', producer), measured('worker', worker)],
    idle: measured('a process that does nothing', idle),
  };
}

function memoryGoal({ who, rssBytes }: Measured): Goal[] {
  if (rssBytes === undefined) return [];
  const show = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`;
  return [numberGoal(`${who}: most memory`, rssBytes, { bound: { atMost: MOST_RSS_BYTES }, show })];
}

function delayGoal(who: string, delayMs: number): Goal {
  const show = (ms: number): string => `${ms.toFixed(0)} ms`;
  return numberGoal(`${who}: longest delay of the event loop`, delayMs, {
    bound: { atMost: MOST_DELAY_MS },
    show,
  });
}

type Gauge = Extract<LogEvent, { readonly event: 'gauge' }>;

/** What a process wrote down after the beginning. The first one is about half a second that began before it. */
function gaugesOf(events: readonly LogEvent[], life: string, from: number): Gauge[] {
  const isOne = (e: LogEvent): e is Gauge => e.event === 'gauge' && e.process === life && e.at > from;
  return events.filter(isOne).slice(1);
}

/** No number when nothing was written down: no goal is met by that. */
function longestDelay(gauges: readonly Gauge[]): Pick<Gauge, 'loopDelayMs' | 'waitedMs'> {
  const longer = (a: Gauge, b: Gauge): Gauge => (b.loopDelayMs > a.loopDelayMs ? b : a);
  return gauges.length === 0 ? { loopDelayMs: Number.NaN, waitedMs: Number.NaN } : gauges.reduce(longer);
}

/** Whose it is: the process's own, or that of whatever else had the processors. */
function delayText(gauges: readonly Gauge[]): string {
  const { loopDelayMs, waitedMs } = longestDelay(gauges);
  const computedMs = Math.max(0, ...gauges.map((gauge) => gauge.computedMs));
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  return `${ms(loopDelayMs)}, for ${ms(waitedMs)} of it runnable and without a processor; never computes for more than ${ms(computedMs)}`;
}

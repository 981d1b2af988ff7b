import { setTimeout as wait } from 'node:timers/promises';
import { defaultCodecLimits } from '../../../src/codec/codec-limits.ts';
import { PART_OVERHEAD_BYTES } from '../../../src/codec/part.ts';
import type { LogEvent } from '../../checker/events.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Child } from '../child.ts';
import { clusterAdmin } from '../cluster-admin.ts';
import { drain } from '../drain.ts';
import { monotonicMs } from '../event-log.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import { isEmpty, LogWatch } from '../log-watch.ts';
import type { ProducerOrder } from '../process-settings.ts';
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
const KEYS = 4;
const EACH = 5;
/** Two to eight parts each. */
const MIN_BYTES = 1_000_000;
const MAX_BYTES = 7_000_000;
const PART_BYTES = defaultCodecLimits.maxRecordBytes - PART_OVERHEAD_BYTES;
const READY_MS = 60_000;
const QUIET_MS = 60_000;
const KEEP_MS = 1_000;
const UPLOAD_MS = 9_000;
/**
 * Parts are this old when they go: what is finished is kept for a second, then come the time of an upload and a margin of a
 * third of it. Their tasks' records must be gone before. All is looked at every second.
 */
const GO_MS = KEEP_MS + UPLOAD_MS + UPLOAD_MS / 3 + 4_000;
/** What has not gone then never will. */
const NEVER_MS = 60_000;

/** Each with two producers that are killed. */
const rounds: Readonly<Record<RunSize, number>> = { full: 20, quick: 2, tiny: 1 };

export const tornUploads: Scenario = {
  name: 'torn-uploads',
  about:
    'producers are killed anywhere in the uploads of bodies, two at the same keys: no handler ever sees a torn one, and what is left of it goes',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const calls = 2 * EACH * rounds[options.size];
  let events: LogEvent[] = [];
  let parts = { written: 0, goneMs: Number.NaN };
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: PARTITIONS,
      queueOptions: { retention: { keepFinishedMs: KEEP_MS }, uploadTimeoutMs: UPLOAD_MS },
      worker: {
        concurrency: KEYS,
        commitIntervalMs: 200,
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
        payloads: { seed: options.seed, minBytes: 100, maxBytes: 100 },
        bodies: {
          seed: options.seed,
          minBytes: MIN_BYTES,
          maxBytes: MAX_BYTES,
          kinds: ['random', 'compressible'],
        },
        window: EACH,
      },
      say: options.say,
    },
    { minimum: { acked: KEYS, finished: KEYS } },
    async (world) => {
      await tear(world, options);
      events = world.events();
      parts = await untilGone(options, world.queue);
    },
  );
  const finished = new Map(
    events.flatMap((e) => (e.event === 'task-finished' ? [[e.id, e.bytes] as const] : [])),
  );
  const inParts = [...finished.values()].filter((bytes) => bytes >= MIN_BYTES);
  const partsOfTasks = inParts.reduce((sum, bytes) => sum + Math.ceil(bytes / PART_BYTES), 0);
  const killed = events.filter((e) => e.event === 'killed').length;
  const problems = [...played.problems];
  const called = events.filter((e) => e.event === 'enqueue-called').length;
  const torn = callsOfKilled(events);
  if (torn < calls / 2)
    problems.push(`exercised too little: ${torn} of ${calls} calls came before their producer was killed`);
  if (finished.size === called) problems.push('exercised too little: every task that was begun was finished');
  if (parts.written <= partsOfTasks) problems.push('exercised too little: no parts without a task');
  const goal = numberGoal('after the last task, until no part was left', parts.goneMs, {
    bound: { atMost: GO_MS },
    show: (ms) => `${ms.toFixed(0)} ms`,
  });
  return {
    problems,
    missed: missedOf([goal]),
    figures: [
      figureOf(goal),
      ['producers killed', String(killed)],
      ['enqueued and never seen', `${called - finished.size} of ${called}`],
      ['parts written, of tasks that were handled', `${parts.written}, ${partsOfTasks}`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

/** But for the first of each, which is only to connect it. */
function callsOfKilled(events: readonly LogEvent[]): number {
  const killed = new Set(events.flatMap((e) => (e.event === 'killed' ? [e.target] : [])));
  return events.filter((e) => e.event === 'enqueue-called' && killed.has(e.process)).length - killed.size;
}

async function tear(world: World, { seed, size }: ScenarioOptions): Promise<void> {
  const random = new SeededRandom(seed);
  // Its first task makes the topics, so that the worker finds them.
  const warm = await startedProducer(world);
  world.spawnWorker();
  await world.untilCalm();
  await world.enqueue(warm, oneOfEach);
  const undisturbedMs = await last(world);
  world.say(`undisturbed it takes ${undisturbedMs.toFixed(0)} ms`);
  for (let round = 0; round < rounds[size]; round += 1) {
    await Promise.all([
      tearOne(world, random.next() * undisturbedMs),
      tearOne(world, random.next() * undisturbedMs),
    ]);
    world.say(`round ${round + 1}: ${world.describe()}`);
  }
  // Every key goes on behind what was torn.
  await last(world);
  await drain(world, QUIET_MS);
}

/** A producer that is killed so long after its first call. */
async function tearOne(world: World, afterMs: number): Promise<void> {
  const producer = await startedProducer(world);
  world.enqueue(producer, oneOfEach).catch(() => undefined); // it ends before
  await untilCalled(world, producer);
  await wait(afterMs);
  await world.kill(producer);
}

/** A producer that is left alone. How long it took from its first call to the last ack. */
async function last(world: World): Promise<number> {
  const producer = await startedProducer(world);
  const enqueued = world.enqueue(producer, oneOfEach);
  await untilCalled(world, producer);
  const from = monotonicMs();
  await enqueued;
  return monotonicMs() - from;
}

/** On a busy machine an upload may be too late for its parts; a call is not, so that it tells what became of it. */
const oneOfEach: ProducerOrder = {
  keys: Array.from({ length: EACH }, (_, i) => `key-${i % KEYS}`),
  everyMs: 0,
  timeoutMs: QUIET_MS,
};

/** It is connected, with the client for parts too: kills are to hit uploads. */
async function startedProducer(world: World): Promise<Child> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys: ['first'], everyMs: 0, bodyBytes: MIN_BYTES });
  return producer;
}

function untilCalled(world: World, { life }: Child): Promise<void> {
  return world.until('the first call', (view) => view.callsOf(life) > 1, READY_MS);
}

/** Nothing is left of any upload: neither of those of tasks that are done, nor of those that became none. */
async function untilGone({ brokers }: ScenarioOptions, queue: string) {
  const from = monotonicMs();
  const admin = clusterAdmin(brokers);
  const watched = { topic: `${queue}.parts`, partitions: PARTITIONS, groups: [] };
  const watch = new LogWatch(admin, watched);
  try {
    const { at, logs } = await watch.until('no part left', isEmpty, NEVER_MS);
    return { goneMs: at - from, written: logs.reduce((sum, { end }) => sum + end, 0) };
  } finally {
    await watch.stop();
    await admin.close();
  }
}

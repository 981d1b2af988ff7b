import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Child } from '../child.ts';
import { type ClusterAdmin, clusterAdmin } from '../cluster-admin.ts';
import { monotonicMs } from '../event-log.ts';
import { type StoreWrite, startFencedStore } from '../fenced-store.ts';
import { joined, SteadyLoad, startGroup, worldOfGroup } from '../group-under-load.ts';
import type { GroupView } from '../group-view.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import type { World } from '../world.ts';
import { recreatedTopic } from './recreated-topic.ts';

const PARTITIONS = 6;
const KEYS = 60;
const WORKERS = 3;
const EVERY_MS = 16;
const LEAST_TASKS = 300;
/** So many handlers have begun, and not written, when their process stands still. */
const AT_WORK = 5;
/** No handler writes sooner. */
const LEAST_WORK_MS = 250;
const SESSION_MS = 8_000;
const CALM_MS = 60_000;
/** A worker whose coordinator has told it its partitions, and was not heard, joins again after half a minute. */
const QUIET_MS = 60_000;

/** What happens to the group while the zombie stands still. */
type Meanwhile = 'nothing' | 'offsets deleted' | 'group deleted';

export const zombie: Scenario = {
  name: 'zombie',
  about:
    'a worker stands still for two sessions and goes on: a store that checks the token takes nothing stale',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const parts: Outcome[] = [];
  const turns: readonly Meanwhile[] =
    options.size === 'full' ? ['nothing', 'offsets deleted', 'group deleted'] : ['nothing'];
  for (const meanwhile of turns) {
    options.say(`zombie: ${meanwhile} meanwhile`);
    parts.push(await part(options, meanwhile));
  }
  if (options.size === 'full' && options.unchecked !== true) parts.push(await recreatedTopic(options));
  return joined(parts);
}

async function part(options: ScenarioOptions, meanwhile: Meanwhile): Promise<Outcome> {
  const store = await startFencedStore({ unchecked: options.unchecked === true });
  const admin = clusterAdmin(options.brokers);
  let events: LogEvent[] = [];
  let writes: readonly StoreWrite[] = [];
  let suspended = '';
  try {
    const played = await play(
      options,
      worldOfGroup(options, {
        partitions: PARTITIONS,
        maxBytes: 1_000,
        worker: {
          concurrency: 16,
          commitIntervalMs: 500,
          detectFailureMs: SESSION_MS,
          work: { kind: 'store', port: store.port, minMs: LEAST_WORK_MS, maxMs: 750 },
        },
      }),
      // What it tried while it was void is counted by the store: refused there, its tasks count as failed, not as run again.
      { minimum: { acked: LEAST_TASKS, finished: LEAST_TASKS, rebalances: WORKERS + 2 } },
      async (world) => {
        suspended = await standStill(world, { options, admin, meanwhile });
        writes = await store.writes();
        events = world.events();
      },
    );
    const found = judgeWrites(writes, suspended);
    const name = `${meanwhile} meanwhile`;
    // Without the commits only the journal's frontier is left: what was done out of order above it runs again.
    const forgotten = (text: string): boolean => meanwhile !== 'nothing' && text.startsWith('P8 re-run');
    const kept = played.problems.filter((text) => !forgotten(text));
    const problems = [...kept, ...found.problems, ...judgeStarts(events, suspended)];
    return {
      problems: problems.map((text) => withPrefix(name, text)),
      missed: [],
      figures: [
        [name, ''],
        [
          'writes, refused',
          `${writes.length}, ${found.refused} of the zombie and ${found.refusedOfOthers} of others`,
        ],
        ['stale writes accepted', String(found.stale)],
        ['tokens', `${found.lowest} to ${found.highest}`],
        ...figuresOf(played.report),
      ],
      report: played.report,
    };
  } finally {
    await store.close();
    await admin.close();
  }
}

/** Keeps the kind of the problem, by which they are counted, in front. */
function withPrefix(name: string, text: string): string {
  const colon = text.indexOf(':');
  return `${text.slice(0, colon)}: ${name}${text.slice(colon)}`;
}

interface Course {
  readonly options: ScenarioOptions;
  readonly admin: ClusterAdmin;
  readonly meanwhile: Meanwhile;
}

async function standStill(world: World, { options, admin, meanwhile }: Course): Promise<string> {
  const producer = await startGroup(world, WORKERS);
  const load = new SteadyLoad(world, producer, { keys: KEYS, everyMs: EVERY_MS, atLeast: LEAST_TASKS });
  await wait(1_500);
  const target = new SeededRandom(options.seed).pick(world.workers);
  if (target === undefined) throw new Error('no worker is left');
  await suspendAtWork(world, target);
  const atWork = world.view.runningTasks(target.life);
  const until = performance.now() + 2 * SESSION_MS;
  await world.untilCalm();
  world.say('the others have taken over');
  if (meanwhile !== 'nothing') await forget(world, admin, meanwhile);
  await wait(Math.max(0, until - performance.now()));
  // Others have written what the zombie is about to write.
  const isWritten = ({ finished }: GroupView): boolean => atWork.every((id) => finished.has(id));
  await world.until('its tasks finished by others', isWritten, CALM_MS);
  world.resume(target);
  await world.untilCalm();
  await load.end(QUIET_MS);
  return target.life;
}

async function suspendAtWork(world: World, target: Child): Promise<void> {
  // What began so recently has surely not written yet.
  const atWork = ({ running, latestStart }: GroupView): boolean =>
    (running.get(target.life) ?? 0) >= AT_WORK &&
    monotonicMs() - (latestStart.get(target.life) ?? 0) < LEAST_WORK_MS;
  const deadline = performance.now() + CALM_MS;
  do {
    if (performance.now() > deadline) throw new Error(`${target.life} is never in the middle of its work`);
    await world.until('a worker in the middle of its work', atWork, CALM_MS);
  } while (!(await world.suspend(target, atWork)));
}

/** Nobody is in the group, its offsets are deleted, and others begin. */
async function forget(world: World, admin: ClusterAdmin, meanwhile: Meanwhile): Promise<void> {
  await Promise.all(world.workers.map((worker) => world.stop(worker)));
  await admin.untilEmpty(world.queue, CALM_MS);
  const before = await committedPartitions(admin, world.queue);
  if (before < PARTITIONS) throw new Error(`exercised too little: offsets in ${before} partitions only`);
  if (meanwhile === 'offsets deleted') await admin.deleteOffsets(world.queue, world.queue, PARTITIONS);
  else await admin.deleteGroup(world.queue);
  const after = await committedPartitions(admin, world.queue);
  if (after > 0) throw new Error(`exercised too little: ${after} partitions still have an offset`);
  world.say(`${meanwhile}: ${before} partitions had an offset`);
  for (let i = 1; i < WORKERS; i += 1) world.spawnWorker();
  await world.untilCalm();
}

/** Partitions in which the group of the queue's name has an offset. */
async function committedPartitions(admin: ClusterAdmin, queue: string): Promise<number> {
  const offsets = await admin.committed(queue, queue, PARTITIONS);
  return offsets.filter((offset) => offset !== undefined).length;
}

/** The store's own view: an accepted write whose token is lower than one accepted before it for the key is stale. */
function judgeWrites(writes: readonly StoreWrite[], suspended: string) {
  const problems: string[] = [];
  const newest = new Map<string, StoreWrite>();
  let stale = 0;
  for (const write of writes) {
    if (!write.accepted) continue;
    const before = newest.get(write.key);
    if (before !== undefined && write.token < before.token) {
      stale += 1;
      const text = `${write.by} wrote ${write.id} of ${write.key} with token ${write.token}`;
      problems.push(`fencing: ${text} after ${before.by} had written ${before.id} with ${before.token}`);
    }
    newest.set(write.key, write);
  }
  const late = writes.filter((w) => w.by === suspended && isBehind(w, writes));
  const refused = writes.filter((w) => !w.accepted && w.by === suspended).length;
  const refusedOfOthers = writes.filter((w) => !w.accepted && w.by !== suspended).length;
  if (late.length === 0) problems.push('exercised too little: the zombie tried no stale write');
  if (refusedOfOthers > 0) problems.push(`fencing: ${refusedOfOthers} writes of owners were refused`);
  const tokens = writes.map((w) => w.token);
  return {
    problems,
    stale,
    refused,
    refusedOfOthers,
    lowest: Math.min(...tokens),
    highest: Math.max(...tokens),
  };
}

/** Whether somebody had written the key under a higher token before. */
function isBehind(write: StoreWrite, writes: readonly StoreWrite[]): boolean {
  return writes.slice(0, writes.indexOf(write)).some((w) => w.key === write.key && w.token > write.token);
}

/** A process that stood still starts nothing under a claim that has been replaced. */
function judgeStarts(events: readonly LogEvent[], suspended: string): string[] {
  const newest = new Map<number, number>();
  const problems: string[] = [];
  const ordered = [...events].sort((a, b) => a.at - b.at);
  for (const event of ordered) {
    if (event.event === 'taken')
      newest.set(event.partition, Math.max(event.epoch, newest.get(event.partition) ?? -1));
    if (event.event !== 'task-started' || event.process !== suspended) continue;
    const epoch = newest.get(event.partition) ?? -1;
    if (event.epoch < epoch)
      problems.push(`zombie: it started ${event.id} under epoch ${event.epoch} although ${epoch} was taken`);
  }
  return problems;
}

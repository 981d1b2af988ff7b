import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { LogEvent } from '../../checker/events.ts';
import { readEventLogs } from '../event-log.ts';
import { inOrder } from '../gaps.ts';
import { worldOfGroup } from '../group-under-load.ts';
import { cure, poison } from '../poison.ts';
import { figuresOf, type Outcome, play, type Scenario, type ScenarioOptions } from '../scenario.ts';
import { newQueueName, type World } from '../world.ts';

const PARTITIONS = 4;
const SICK = 'sick';
const KEYS = 40;
const CALM_MS = 60_000;
const QUIET_MS = 60_000;
const LOOK_MS = 100;

export const groups: Scenario = {
  name: 'groups',
  about: 'two groups on one queue: one parks a key and redrives it, the other notices nothing',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const behind = options.size === 'full' ? 2_000 : 100;
  const queue = newQueueName();
  let others: LogEvent[] = [];
  const played = await play(
    options,
    {
      ...worldOfGroup(options, {
        partitions: PARTITIONS,
        worker: {
          concurrency: 16,
          commitIntervalMs: 500,
          work: { kind: 'sleep', minMs: 1, maxMs: 5 },
          maxAttempts: 2,
          poisonable: true,
        },
      }),
      queue,
      queueOptions: { groups: [queue, othersOf(queue)] },
    },
    {
      minimum: { acked: 2 * behind, finished: 2 * behind },
      check: { parkedKeys: (key) => key === SICK },
    },
    async (world) => {
      others = await parkInOne(world, behind);
    },
  );
  const seen = judgeOthers(others);
  return {
    problems: [...played.problems, ...seen.problems],
    missed: [],
    figures: [
      ['the other group finished', `${seen.finished} tasks, ${seen.failed} failures, ${seen.parked} parked`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

function othersOf(queue: string): string {
  return `${queue}-others`;
}

async function parkInOne(world: World, behind: number): Promise<LogEvent[]> {
  // Its logs are its own, and there is no poison where they are.
  const folder = join(world.folder, 'others');
  const group = othersOf(world.queue);
  poison(world.folder, 1);
  const producer = await world.spawnProducer();
  const keys = Array.from({ length: behind }, (_, i) => [SICK, `key-${i % KEYS}`]).flat();
  await world.enqueue(producer, { keys: keys.slice(0, behind), everyMs: 0 });
  world.spawnWorker();
  world.spawnWorker({ group, folder });
  const { parked } = world.control();
  await world.until('a key parked', (view) => view.parkedCount > 0, CALM_MS);
  await world.enqueue(producer, { keys: keys.slice(behind), everyMs: 1 });
  if ((await parked.list()).parked.length !== 1) throw new Error('not one key is parked');
  if ((await parked.list({ group })).parked.length !== 0)
    throw new Error('the other group has parked something');
  cure(world.folder, 1);
  await parked.redrive({ key: SICK });
  await world.untilDrained(QUIET_MS);
  const deadline = performance.now() + QUIET_MS;
  const finished = (): number => readEventLogs(folder).filter((e) => e.event === 'task-finished').length;
  while (finished() < world.view.acked.size) {
    if (performance.now() > deadline)
      throw new Error(`the other group finished ${finished()} of ${world.view.acked.size} tasks`);
    await wait(LOOK_MS);
  }
  return inOrder(readEventLogs(folder));
}

/** Every task once, in the order of the log, and nothing else. */
function judgeOthers(events: readonly LogEvent[]) {
  const problems: string[] = [];
  const last = new Map<string, number>();
  const ids = new Set<string>();
  for (const event of events) {
    if (event.event === 'process-error') problems.push(`other group: ${event.text}`);
    if (event.event !== 'task-finished') continue;
    if (ids.has(event.id)) problems.push(`other group: ${event.id} ran twice`);
    if (event.offset <= (last.get(event.key) ?? -1))
      problems.push(`other group: ${event.id} ran out of order`);
    ids.add(event.id);
    last.set(event.key, event.offset);
  }
  const failed = events.filter((e) => e.event === 'task-failed').length;
  const parked = events.filter((e) => e.event === 'parked').length;
  if (failed + parked > 0) problems.push(`other group: ${failed} tasks failed, ${parked} keys were parked`);
  return { problems, finished: ids.size, failed, parked };
}

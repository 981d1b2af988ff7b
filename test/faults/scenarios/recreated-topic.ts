import { clusterAdmin } from '../cluster-admin.ts';
import { type FencedStore, startFencedStore } from '../fenced-store.ts';
import { type Outcome, play, type ScenarioOptions } from '../scenario.ts';
import { newQueueName, type World, type WorldOptions } from '../world.ts';

const PARTITIONS = 6;
const KEYS = Array.from({ length: 60 }, (_, i) => `key-${i}`);
const ROUNDS = 5;
const CALM_MS = 60_000;

/**
 * The queue topic is deleted and made anew: the group halts and starts nothing. A group that begins anew on the new
 * topic, as an operator would have it, has higher tokens than the first one had.
 */
export async function recreatedTopic(options: ScenarioOptions): Promise<Outcome> {
  const store = await startFencedStore({ unchecked: false });
  const admin = clusterAdmin(options.brokers);
  const queue = newQueueName();
  const keys = Array.from({ length: ROUNDS * KEYS.length }, (_, i) => KEYS[i % KEYS.length] ?? '');
  const world = worldOf(options, store, queue);
  const needed = { acked: keys.length, finished: keys.length };
  try {
    const first = await play(options, world, { minimum: needed }, async (opened) => {
      await work(opened, keys);
    });
    const before = await store.writes();
    await admin.deleteTopic(queue);
    let halted = 0;
    let starts = 0;
    const check = { unfinishedKeys: new Set(KEYS) };
    const halting = { ...world, worker: { ...world.worker, expectedHalt: 'topic-recreated' } };
    const second = await play(
      options,
      halting,
      { minimum: { acked: keys.length }, check },
      async (opened) => {
        await enqueue(opened, keys);
        const worker = opened.spawnWorker();
        const all = (): boolean => opened.view.member(worker.life).halted.size === PARTITIONS;
        await opened.until('every partition halted as topic-recreated', all, CALM_MS);
        halted = opened.view.member(worker.life).halted.size;
        starts = opened.view.startCount;
      },
    );
    // What the second play enqueued is there, and is not of this play: its tasks would be phantoms.
    await admin.deleteTopic(queue);
    const group = `${queue}-anew`;
    const anew = { ...world, queueOptions: { groups: [group] }, worker: { ...world.worker, group } };
    const third = await play(options, anew, { minimum: needed }, (opened) => work(opened, keys));
    const after = (await store.writes()).slice(before.length);
    const highest = Math.max(...before.map((w) => w.token));
    const lowest = Math.min(...after.map((w) => w.token));
    const problems = [...first.problems, ...second.problems, ...third.problems].map(
      (p) => `${p} (topic recreated)`,
    );
    if (halted < PARTITIONS) problems.push(`recreated: only ${halted} partitions halted`);
    if (starts > 0) problems.push(`recreated: ${starts} tasks started on the new topic`);
    const refused = after.filter((w) => !w.accepted).length;
    if (refused > 0) problems.push(`recreated: ${refused} writes of the new group were refused`);
    return {
      problems,
      missed: [],
      figures: [
        ['topic recreated', ''],
        ['partitions halted, tasks started', `${halted} of ${PARTITIONS}, ${starts}`],
        ['highest token before, lowest after', `${highest}, ${lowest}`],
        ['writes of the new group, refused', `${after.length}, ${refused}`],
      ],
      report: third.report,
    };
  } finally {
    await store.close();
    await admin.close();
  }
}

async function work(world: World, keys: readonly string[]): Promise<void> {
  await enqueue(world, keys);
  world.spawnWorker();
  await world.untilCalm(CALM_MS);
  await world.untilDrained(CALM_MS);
}

async function enqueue(world: World, keys: readonly string[]): Promise<void> {
  const producer = await world.spawnProducer();
  await world.enqueue(producer, { keys, everyMs: 0 });
}

function worldOf(options: ScenarioOptions, store: FencedStore, queue: string): WorldOptions {
  return {
    brokers: options.brokers,
    partitions: PARTITIONS,
    queue,
    worker: {
      concurrency: 16,
      commitIntervalMs: 500,
      protocol: options.protocol,
      detectFailureMs: 6_000,
      drainMs: 10_000,
      work: { kind: 'store', port: store.port, minMs: 1, maxMs: 10 },
      slow: undefined,
      failingKeys: [],
      clinging: undefined,
      mutant: options.mutant,
    },
    producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 1_000 }, window: 500 },
    say: options.say,
  };
}

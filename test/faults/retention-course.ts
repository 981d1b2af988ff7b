import { setTimeout as wait } from 'node:timers/promises';
import { partitionOf } from '../../src/codec/partition.ts';
import type { Rewind } from '../checker/check-rewound.ts';
import type { LogEvent } from '../checker/events.ts';
import type { ClusterAdmin } from './cluster-admin.ts';
import { drain } from './drain.ts';
import { monotonicMs } from './event-log.ts';
import { oldestOf, SteadyLoad } from './group-under-load.ts';
import { isEmpty, type LogSample, LogWatch } from './log-watch.ts';
import { SecondGroup } from './second-group.ts';
import type { World, WorldOptions } from './world.ts';

export interface RetentionPlan {
  /** More than 24 share the partitions of the other topics. */
  readonly partitions: number;
  /** Of one that joins, one that is killed, and one that leaves. */
  readonly rounds: number;
  readonly leastTasks: number;
}

interface CourseOptions extends RetentionPlan {
  /** The name of the second group. */
  readonly slow: string;
  readonly admin: ClusterAdmin;
  readonly keepMs: number;
}

const WORKERS = 3;
const EVERY_MS = 10;
const CALM_MS = 60_000;
const QUIET_MS = 60_000;
/** What has not gone then never will. */
const NEVER_MS = 60_000;
/** Nothing is enqueued here after the beginning. */
const IDLE_PARTITION = 0;
const IDLE_TASKS = 20;
/** How far offsets are set back, of the time that all is kept: who does it needs some of that. */
const BACK = 0.75;
/** Long enough for purges that should not be. */
const PURGES_MS = 2_500;

/** What a scenario of retention does: load, two groups, workers that come and go, and offsets that are set back once. */
export class RetentionCourse {
  readonly figures = { emptiedMs: Number.NaN, idleMs: Number.NaN, setBack: 0 };
  rewind: Rewind = { at: Number.POSITIVE_INFINITY, to: new Map() };
  events: readonly LogEvent[] = [];
  slowEvents: readonly LogEvent[] = [];
  samples: readonly LogSample[] = [];
  readonly #world: WorldOptions;
  readonly #options: CourseOptions;

  constructor(world: WorldOptions, options: CourseOptions) {
    this.#world = world;
    this.#options = options;
  }

  async play(world: World): Promise<void> {
    const { partitions, slow: name, admin } = this.#options;
    const { worker } = this.#world;
    const slow = new SecondGroup(world, name, {
      ...this.#world,
      worker: { ...worker, concurrency: 4, work: { kind: 'sleep', minMs: 20, maxMs: 40 } },
    });
    const producer = await world.spawnProducer();
    const [idle = ''] = this.#keys((partition) => partition === IDLE_PARTITION);
    // The first tasks make the topics, so that the workers find them.
    await world.enqueue(producer, { keys: Array.from({ length: IDLE_TASKS }, () => idle), everyMs: 0 });
    const watch = new LogWatch(admin, { topic: world.queue, partitions, groups: [world.queue, name] });
    try {
      const keys = this.#keys((partition) => partition !== IDLE_PARTITION);
      const load = (atLeast: number) => new SteadyLoad(world, producer, { keys, everyMs: EVERY_MS, atLeast });
      await this.#work(world, { slow, watch, load });
      await (await slow.open()).stopAll();
    } finally {
      this.slowEvents = slow.events();
      this.events = world.events();
      await slow.close();
      await watch.stop();
      this.samples = watch.samples;
    }
  }

  async #work(world: World, { slow, watch, load }: Players): Promise<void> {
    const { rounds, leastTasks } = this.#options;
    await this.#spawnWorkers(world);
    const first = load(leastTasks);
    await this.#beginSlow(world, slow);
    const idleFrom = monotonicMs();
    const idle = watch.until('the idle partition emptied', isIdleEmpty, NEVER_MS);
    idle.catch(() => undefined);
    for (let round = 0; round < rounds; round += 1)
      await this.#disturb(world, round % 3 === 0 ? slow : undefined);
    this.figures.idleMs = (await idle).at - idleFrom;
    await this.#setBack(world);
    await first.stop();
    await this.#holdThere(slow, watch);
    await this.#spawnWorkers(world);
    const second = load(0);
    if (rounds > 1) await this.#disturb(world, undefined);
    await second.stop();
    await drain(world, QUIET_MS);
    await slow.untilDone(QUIET_MS);
    world.say(`all done: ${world.describe()}`);
    const from = monotonicMs();
    this.figures.emptiedMs = (await watch.until('nothing left', isEmpty, NEVER_MS)).at - from;
  }

  async #spawnWorkers(world: World): Promise<void> {
    for (let i = 0; i < WORKERS; i += 1) world.spawnWorker();
    await world.untilCalm(CALM_MS);
  }

  /** For as long as it has committed nothing everything stays. */
  async #beginSlow(world: World, slow: SecondGroup): Promise<void> {
    await world.until('something finished', (view) => view.finished.size > 2 * IDLE_TASKS, CALM_MS);
    await wait(this.#options.keepMs + PURGES_MS);
    const others = await slow.open();
    others.spawnWorker();
    await others.untilCalm(CALM_MS);
    world.say(`the slow group begins: ${world.describe()}`);
  }

  async #disturb(world: World, slow: SecondGroup | undefined): Promise<void> {
    world.spawnWorker();
    await world.untilCalm(CALM_MS);
    await world.kill(oldestOf(world));
    await world.untilCalm(CALM_MS);
    if (slow !== undefined) {
      const others = await slow.open();
      await others.kill(oldestOf(others));
      others.spawnWorker();
      await others.untilCalm(CALM_MS);
    }
    world.spawnWorker();
    await world.untilCalm(CALM_MS);
    await world.stop(oldestOf(world));
    await world.untilCalm(CALM_MS);
    world.say(`joined, killed, left: ${world.describe()}`);
  }

  /** As an operator does it: nobody is in the group, and each partition goes back to where it was some time ago. */
  async #setBack(world: World): Promise<void> {
    const { admin, partitions, keepMs } = this.#options;
    const { queue } = world;
    await Promise.all(world.workers.map((worker) => world.stop(worker)));
    await admin.untilEmpty(queue, CALM_MS);
    const at = monotonicMs();
    const committed = await admin.committed(queue, queue, partitions);
    for (;;) {
      const from = monotonicMs();
      const since = await admin.offsetsSince(queue, partitions, Date.now() - BACK * keepMs);
      const to = new Map(
        committed.map((offset = 0, partition) => [partition, Math.min(offset, since[partition] ?? offset)]),
      );
      await admin.setOffsets(queue, queue, to);
      const logs = await admin.logs(queue, partitions);
      const gone = logs.findIndex(({ start }, partition) => start > (to.get(partition) ?? 0));
      const tookMs = monotonicMs() - from;
      this.rewind = { at, to };
      const moved = committed.map((offset = 0, partition) => offset - (to.get(partition) ?? 0));
      this.figures.setBack = moved.reduce((sum, count) => sum + count, 0);
      world.say(`set back by ${moved.join(', ')} tasks`);
      if (gone === -1) return;
      // What has become too old in the meantime may go: an operator who was that slow does it again.
      if (tookMs < (1 - BACK) * keepMs)
        throw new Error(
          `partition ${gone} began at ${logs[gone]?.start} when it was set back to ${to.get(gone)}`,
        );
    }
  }

  /** The other group goes on to the end, and what is left begins where the first one was set back to. */
  async #holdThere(slow: SecondGroup, watch: LogWatch): Promise<void> {
    const { to } = this.rewind;
    await slow.untilDone(QUIET_MS);
    const isThere = ({ logs }: LogSample): boolean =>
      logs.every(({ start }, partition) => start === to.get(partition));
    await watch.until('what is left begins where offsets were set back to', isThere, NEVER_MS);
    await wait(PURGES_MS);
    const { latest } = watch;
    if (latest === undefined || !isThere(latest)) throw new Error(`it does no more: ${watch.describe()}`);
  }

  #keys(wanted: (partition: number) => boolean): string[] {
    const { partitions } = this.#options;
    return Array.from({ length: 20 * partitions }, (_, i) => `key-${i}`).filter((key) =>
      wanted(partitionOf(Buffer.from(key), partitions)),
    );
  }
}

interface Players {
  readonly slow: SecondGroup;
  readonly watch: LogWatch;
  readonly load: (atLeast: number) => SteadyLoad;
}

function isIdleEmpty({ logs }: LogSample): boolean {
  const idle = logs[IDLE_PARTITION];
  return idle !== undefined && idle.start === idle.end && idle.end > 0;
}

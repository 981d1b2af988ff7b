import { setTimeout as wait } from 'node:timers/promises';
import { partitionOf } from '../../src/codec/partition.ts';
import type { LogEvent } from '../checker/events.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import type { Child } from './child.ts';
import type { ClusterAdmin } from './cluster-admin.ts';
import { drain } from './drain.ts';
import { monotonicMs } from './event-log.ts';
import { SteadyLoad } from './group-under-load.ts';
import { isEmpty, type LogSample, LogWatch } from './log-watch.ts';
import { purgeCount } from './retention-rules.ts';
import { SecondGroup } from './second-group.ts';
import type { World, WorldOptions } from './world.ts';

export interface UploadPlan {
  /** More than 24 share the partitions of the other topics. */
  readonly partitions: number;
  readonly rounds: number;
  /** Producers that are killed in the middle of uploads, each round. */
  readonly torn: number;
}

interface CourseOptions extends UploadPlan {
  /** The name of the second group. */
  readonly behind: string;
  readonly admin: ClusterAdmin;
  readonly keepMs: number;
  readonly uploadMs: number;
  /** How old parts are at least when they go. */
  readonly partsGoMs: number;
}

const WORKERS = 2;
const EVERY_MS = 500;
const CALM_MS = 60_000;
const QUIET_MS = 60_000;
/** What has not gone then never will. */
const NEVER_MS = 90_000;
/** Of the time that an upload may take; less when the machine is too busy for that. */
const SLOW_SHARES = [0.85, 0.75, 0.6];
/** Four parts. */
const LONG_BYTES = 2_800_000;
/** Of calls that are to end by their lateness and by nothing else. */
const PATIENCE_MS = 60_000;
/** Of a source that takes too long: on a busy machine the first part is some time on its way, and so are they all. */
const LATE_MS = 4_000;
const TEAR_WITHIN_MS = 400;
const PARKED_IN = 2;
/** Nothing else is enqueued here. */
const HELD_IN = 3;

/** What a scenario of uploads does: see the comments of its steps. */
export class UploadCourse {
  readonly figures = {
    emptiedMs: Number.NaN,
    slowMs: [] as number[],
    movedWhileSlow: 0,
    backlog: 0,
    backlogMs: Number.NaN,
  };
  readonly problems: string[] = [];
  /** Calls whose records, or the last of whose parts, come too late. */
  readonly lateIds: string[] = [];
  readonly keys: Readonly<Record<'busy' | 'slow' | 'late' | 'torn' | 'held' | 'parked', string>>;
  events: readonly LogEvent[] = [];
  behindEvents: readonly LogEvent[] = [];
  queue: readonly LogSample[] = [];
  parts: readonly LogSample[] = [];
  readonly #world: WorldOptions;
  readonly #options: CourseOptions;
  readonly #random: SeededRandom;

  constructor(world: WorldOptions, options: CourseOptions) {
    this.#world = world;
    this.#options = options;
    this.#random = new SeededRandom(options.partitions);
    this.keys = {
      busy: this.#keyIn(0, 'busy'),
      slow: this.#keyIn(0, 'slow'),
      late: this.#keyIn(1, 'late'),
      torn: this.#keyIn(0, 'torn'),
      parked: this.#keyIn(PARKED_IN, 'parked'),
      held: this.#keyIn(HELD_IN, 'held'),
    };
  }

  async play(world: World): Promise<void> {
    const { partitions, behind: name, admin } = this.#options;
    const behind = new SecondGroup(world, name, this.#world);
    // The first task makes the topics, so that the workers find them.
    const busy = await this.#connected(world);
    const queue = new LogWatch(admin, { topic: world.queue, partitions, groups: [world.queue, name] });
    const side = { topic: `${world.queue}.parts`, partitions: Math.min(24, partitions), groups: [] };
    const parts = new LogWatch(admin, side);
    try {
      for (let i = 0; i < WORKERS; i += 1) world.spawnWorker();
      const others = await behind.open();
      others.spawnWorker();
      await Promise.all([world.untilCalm(CALM_MS), others.untilCalm(CALM_MS)]);
      const [slow, heldUp, tooSlow] = await Promise.all([
        this.#connected(world),
        this.#connected(world),
        this.#connected(world),
      ]);
      await this.#work(world, { busy, slow, heldUp, tooSlow, behind, parts });
      await others.stopAll();
    } finally {
      this.behindEvents = behind.events();
      this.events = world.events();
      await behind.close();
      await Promise.all([queue.stop(), parts.stop()]);
      this.queue = queue.samples;
      this.parts = parts.samples;
    }
  }

  async #work(world: World, players: Players): Promise<void> {
    const { rounds } = this.#options;
    const { parts, behind, busy } = players;
    const copied = await this.#holdAndPark(world, busy);
    for (let round = 0; round < rounds; round += 1) {
      const keys = [this.keys.busy, this.#keyIn(1, 'other'), this.#keyIn(PARKED_IN, 'other')];
      const load = new SteadyLoad(world, busy, { keys, everyMs: EVERY_MS, atLeast: 0 });
      const late = this.#late(world, players);
      late.catch(() => undefined); // awaited below
      await Promise.all([this.#slow(world, players), this.#tear(world)]);
      await parts.until('parts gone', ({ logs }) => (logs[0]?.start ?? 0) > 0, NEVER_MS);
      // Once more, while what is older goes.
      await Promise.all([this.#slow(world, players), this.#fallBehind(world, behind), late]);
      await load.stop();
      world.say(`round ${round + 1}: ${world.describe()}`);
    }
    await this.#releaseAndRedrive(world, parts, copied);
    await drain(world, QUIET_MS);
    await behind.untilDone(QUIET_MS);
    const from = monotonicMs();
    this.figures.emptiedMs = (await parts.until('no part left', isEmpty, NEVER_MS)).at - from;
  }

  /**
   * Bodies of a key that is held for longer than finished ones are kept, and of one that is parked: its parts are below
   * the offset that is returned.
   */
  async #holdAndPark(world: World, producer: Child): Promise<number> {
    const { held, parked } = this.keys;
    const { pending } = world.control();
    await Promise.all([pending.hold({ key: held }), pending.park({ key: parked })]);
    await world.until('a key held', (view) => view.heldKeys.has(held), CALM_MS);
    await world.enqueue(producer, { keys: [held, parked, held, parked], everyMs: 0 });
    await world.until('a key parked', (view) => view.parked.has(parked), CALM_MS);
    const logs = await this.#options.admin.logs(`${world.queue}.parts`, PARKED_IN + 1);
    return logs[PARKED_IN]?.end ?? Number.NaN;
  }

  /** Both are as they were, although the parts that the parked one came with are gone. */
  async #releaseAndRedrive(world: World, parts: LogWatch, copied: number): Promise<void> {
    const { held, parked } = this.keys;
    const { pending, parked: control } = world.control();
    const areGone = ({ logs }: LogSample): boolean => (logs[PARKED_IN]?.start ?? 0) >= copied;
    await parts.until('parts that parked tasks came with gone', areGone, NEVER_MS);
    const start = parts.latest?.logs[HELD_IN]?.start;
    if (start !== 0)
      this.problems.push(`parts of a held key: the log starts at ${start} before it is released`);
    await pending.release({ key: held });
    await control.redrive({ key: parked });
  }

  /** An upload that takes almost as long as one may. */
  async #slow(world: World, { slow: producer, parts }: Players): Promise<void> {
    const { uploadMs } = this.#options;
    const before = parts.samples.length;
    for (const share of SLOW_SHARES) {
      const from = monotonicMs();
      const order = { keys: [this.keys.slow], everyMs: 0, bodyBytes: LONG_BYTES, bodyMs: share * uploadMs };
      await world.enqueue(producer, { ...order, timeoutMs: PATIENCE_MS });
      const id = `${producer.life}-${world.look().callsOf(producer.life)}`;
      if (!world.view.acked.has(id)) continue;
      this.figures.slowMs.push(monotonicMs() - from);
      this.figures.movedWhileSlow += purgeCount(parts.samples.slice(before));
      return;
    }
    this.problems.push('exercised too little: slow uploads were always too late');
  }

  /** A record that is held up on its way, and a source that takes too long: neither task counts. */
  async #late(world: World, { heldUp, tooSlow }: Players): Promise<void> {
    const { uploadMs } = this.#options;
    const order = { keys: [this.keys.late], everyMs: 0, bodyBytes: LONG_BYTES, timeoutMs: PATIENCE_MS };
    await Promise.all([
      world.enqueue(heldUp, { ...order, holdMs: uploadMs + 1_000 }),
      world.enqueue(tooSlow, { ...order, bodyMs: uploadMs + LATE_MS }),
    ]);
    for (const { life } of [heldUp, tooSlow]) this.lateIds.push(`${life}-${world.look().callsOf(life)}`);
    // Their key goes on.
    await world.enqueue(tooSlow, { keys: [this.keys.late], everyMs: 0 });
  }

  /** Producers that die in the middle of uploads. */
  async #tear(world: World): Promise<void> {
    for (let i = 0; i < this.#options.torn; i += 1) {
      const producer = await this.#connected(world);
      const { torn } = this.keys;
      const calls = world.look().callsOf(producer.life);
      const order = { keys: [torn, torn, torn], everyMs: 0, bodyBytes: LONG_BYTES };
      world.enqueue(producer, order).catch(() => undefined); // it ends before
      await world.until('the first call', (view) => view.callsOf(producer.life) > calls, CALM_MS);
      await wait(this.#random.below(TEAR_WITHIN_MS));
      await world.kill(producer);
    }
  }

  /** The second group does nothing for so long that its backlog is older than anything that is kept for others. */
  async #fallBehind(world: World, behind: SecondGroup): Promise<void> {
    const others = await behind.open();
    const [worker] = others.workers;
    if (worker === undefined) throw new Error('the second group has no worker');
    await others.stop(worker);
    const from = monotonicMs();
    const acked = world.look().acked.size;
    await wait(this.#options.partsGoMs + this.#options.keepMs);
    this.figures.backlog += world.look().acked.size - acked;
    this.figures.backlogMs = monotonicMs() - from;
    others.spawnWorker();
    await others.untilCalm(CALM_MS);
    await behind.untilDone(QUIET_MS);
  }

  /** It has met the brokers: what follows takes as long as it takes. */
  async #connected(world: World): Promise<Child> {
    const producer = await world.spawnProducer();
    await world.enqueue(producer, { keys: [this.keys.busy], everyMs: 0, bodyBytes: 10 });
    return producer;
  }

  #keyIn(partition: number, name: string): string {
    const { partitions } = this.#options;
    for (let i = 0; ; i += 1) {
      const key = `${name}-${i}`;
      if (partitionOf(Buffer.from(key), partitions) === partition) return key;
    }
  }
}

interface Players {
  /** Producers, by what they are for. */
  readonly busy: Child;
  readonly slow: Child;
  readonly heldUp: Child;
  readonly tooSlow: Child;
  readonly behind: SecondGroup;
  readonly parts: LogWatch;
}

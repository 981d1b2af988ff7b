import { setTimeout as wait } from 'node:timers/promises';
import type { ParkedMark } from '../../../src/parked/parked-mark.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import type { Child } from '../child.ts';
import type { KillPoint } from '../kill-points.ts';
import { cure, poison } from '../poison.ts';
import {
  figuresOf,
  type Outcome,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import type { World } from '../world.ts';

const SICK = 'sick-';
const WORKERS = 2;
const CALM_MS = 60_000;
const QUIET_MS = 60_000;
const LOOK_MS = 50;

/** Of the bodies of the rounds that are about parts. */
const BODY_BYTES = 2_500_000;
const PARTS = 3;

/** Those of the smallest run. */
const tinyPoints: ReadonlySet<string> = new Set([
  'after mark 1',
  'after copy 1',
  'after part 2',
  'after cleared 1',
]);

/** Every step of parking a key and of redriving it, before and after. */
const points: readonly KillPoint[] = [
  { step: 'mark', moment: 'before', nth: 1 },
  { step: 'mark', moment: 'after', nth: 1 },
  { step: 'copy', moment: 'before', nth: 1 },
  { step: 'copy', moment: 'after', nth: 1 },
  { step: 'copy', moment: 'before', nth: 2 },
  { step: 'copy', moment: 'after', nth: 2 },
  { step: 'part', moment: 'before', nth: 1 },
  { step: 'part', moment: 'after', nth: 1 },
  { step: 'part', moment: 'before', nth: 2 },
  { step: 'part', moment: 'after', nth: 2 },
  { step: 'part', moment: 'after', nth: PARTS },
  { step: 'copy with parts', moment: 'before', nth: 1 },
  { step: 'copy with parts', moment: 'after', nth: 1 },
  { step: 'part', moment: 'before', nth: PARTS + 1 },
  { step: 'commit of copied', moment: 'before', nth: 1 },
  { step: 'commit of copied', moment: 'after', nth: 1 },
  { step: 'command', moment: 'after', nth: 1 },
  { step: 'progress', moment: 'before', nth: 1 },
  { step: 'progress', moment: 'after', nth: 1 },
  { step: 'progress', moment: 'before', nth: 2 },
  { step: 'progress', moment: 'after', nth: 2 },
  { step: 'cleared', moment: 'before', nth: 1 },
  { step: 'cleared', moment: 'after', nth: 1 },
  { step: 'commit of cleared', moment: 'before', nth: 1 },
  { step: 'commit of cleared', moment: 'after', nth: 1 },
  { step: 'done', moment: 'before', nth: 1 },
  { step: 'done', moment: 'after', nth: 1 },
];

const roundsOf: Readonly<Record<RunSize, number>> = { full: 20, quick: 1, tiny: 1 };

/**
 * A dead worker holds its partition up for so long, in each round. Short ones are for machines that do nothing else: one that
 * stands still for seconds must not look like a dead worker.
 */
const SESSION_MS: Readonly<Record<RunSize, number>> = { full: 3_000, quick: 3_000, tiny: 6_000 };

export const parkKill: Scenario = {
  name: 'park-kill',
  about: 'the worker is killed at every step of parking a key and of redriving it',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const chosen = options.size === 'tiny' ? points.filter((point) => tinyPoints.has(nameOf(point))) : points;
  const rounds = Array.from({ length: roundsOf[options.size] }, () => chosen).flat();
  const random = new SeededRandom(options.seed);
  const died: KillPoint[] = [];
  const missedPoints: string[] = [];
  const played = await play(
    options,
    {
      brokers: options.brokers,
      partitions: 1,
      worker: {
        concurrency: 8,
        commitIntervalMs: 100,
        protocol: options.protocol,
        detectFailureMs: SESSION_MS[options.size],
        drainMs: 10_000,
        work: { kind: 'sleep', minMs: 1, maxMs: 10 },
        slow: undefined,
        failingKeys: [],
        clinging: undefined,
        mutant: options.mutant,
        maxAttempts: 1,
        poisonable: true,
      },
      producer: { payloads: { seed: options.seed, minBytes: 200, maxBytes: 5_000 }, window: 100 },
      onDeath: (_life, { signal }) => signal === 'SIGKILL',
      say: options.say,
    },
    {
      minimum: {
        acked: rounds.length * 4,
        finished: rounds.length * 4,
        kills: Math.ceil(rounds.length * 0.9),
      },
      check: { parkedKeys: (key) => key.startsWith(SICK) },
    },
    async (world) => {
      const producer = await world.spawnProducer();
      await world.enqueue(producer, { keys: ['key-0'], everyMs: 0 });
      for (const [number, point] of rounds.entries()) {
        const killed = await new Round({ world, producer, random, number, point }).play();
        if (killed) died.push(point);
        else missedPoints.push(nameOf(point));
      }
      await world.untilDrained(QUIET_MS);
    },
  );
  const problems = [...played.problems];
  for (const point of new Set(chosen.map(nameOf))) {
    const times = died.filter((p) => nameOf(p) === point).length;
    if (times === 0) problems.push(`exercised too little: nobody died ${point}`);
  }
  return {
    problems,
    missed: [],
    figures: [
      ['points, rounds', `${chosen.length}, ${rounds.length}`],
      ['died at their point', `${died.length}, not reached ${missedPoints.length}`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

function nameOf({ moment, step, nth }: KillPoint): string {
  return `${moment} ${step} ${nth}`;
}

interface RoundOptions {
  readonly world: World;
  readonly producer: Child;
  readonly random: SeededRandom;
  readonly number: number;
  readonly point: KillPoint;
}

/** One key that is parked and redriven, and one worker that dies of it. */
class Round {
  readonly #about: RoundOptions;
  readonly #key: string;
  #tasks = 0;

  constructor(about: RoundOptions) {
    this.#about = about;
    this.#key = `${SICK}${about.number}`;
  }

  /** False when nobody came to the point. */
  async play(): Promise<boolean> {
    const { world, producer, random, number, point } = this.#about;
    while (world.workers.length < WORKERS) world.spawnWorker();
    await world.untilCalmOf(1, CALM_MS);
    const before = new Set(world.workers);
    for (const worker of before) {
      worker.send({ killAt: point });
      // Whoever takes over goes through the same steps, and lives.
      void worker.exited.then(() => this.#disarm());
    }
    const call = world.look().callCount + 1;
    poison(world.folder, call);
    const most = this.#bodyBytes === undefined ? 30 : 3;
    await this.#enqueue(2 + random.below(most - 1));
    await this.#untilMark((mark) => mark !== undefined);
    await this.#enqueue(1 + random.below(most / 3));
    await this.#untilAllParked();
    // A redrive of what is still poisoned ends with a task that gave up again.
    if (point.step === 'done') await this.#redrive((mark) => mark !== undefined && mark.redrives > 0);
    cure(world.folder, call);
    const more = this.#enqueue(1 + random.below(most / 3), 2);
    await this.#redrive((mark) => mark === undefined);
    await more;
    await world.enqueue(producer, { keys: [`key-${number}`], everyMs: 0 });
    await world.untilDrained(QUIET_MS);
    const dead = await this.#someDied(before);
    this.#disarm();
    world.say(`${number + 1}: ${nameOf(point)}, ${dead ? 'died' : 'NOT reached'}, ${this.#tasks} tasks`);
    return dead;
  }

  #disarm(): void {
    for (const worker of this.#about.world.workers) worker.send({ killAt: undefined });
  }

  /** Some points come after all the work: with the next commit. */
  async #someDied(before: ReadonlySet<Child>): Promise<boolean> {
    const deadline = performance.now() + 2_000;
    const gone = (): boolean => [...before].some((worker) => !worker.running);
    while (!gone() && performance.now() < deadline) await wait(LOOK_MS);
    return gone();
  }

  async #enqueue(count: number, everyMs = 0): Promise<void> {
    this.#tasks += count;
    const keys = Array.from({ length: count }, () => this.#key);
    // Others in between, so that the type is not taken for one whose dependency is down.
    await this.#about.world.enqueue(this.#about.producer, {
      keys: keys.flatMap((key, i) => (i % 4 === 3 ? [key, `key-${i}`] : [key])),
      everyMs,
      ...(this.#bodyBytes === undefined ? {} : { bodyBytes: this.#bodyBytes }),
    });
  }

  get #bodyBytes(): number | undefined {
    const { step } = this.#about.point;
    return step === 'part' || step === 'copy with parts' ? BODY_BYTES : undefined;
  }

  async #redrive(ended: (mark: ParkedMark | undefined) => boolean): Promise<void> {
    await this.#about.world.control().parked.redrive({ key: this.#key });
    await this.#untilMark(ended);
  }

  async #untilMark(holds: (mark: ParkedMark | undefined) => boolean): Promise<void> {
    const { parked } = this.#about.world.control();
    const deadline = performance.now() + CALM_MS;
    for (;;) {
      const mark = (await parked.list()).parked.find(({ key }) => key === this.#key);
      if (holds(mark)) return;
      if (performance.now() > deadline) throw new Error(`${this.#name()}: the journal says ${show(mark)}`);
      await wait(LOOK_MS);
    }
  }

  /** All of the key's tasks, each once, in order. */
  async #untilAllParked(): Promise<void> {
    const { parked } = this.#about.world.control();
    const deadline = performance.now() + CALM_MS;
    for (;;) {
      const offsets: bigint[] = [];
      for await (const task of parked.show({ key: this.#key })) offsets.push(task.offset);
      if (offsets.some((offset, i) => offset <= (offsets[i - 1] ?? -1n)))
        throw new Error(`${this.#name()}: parked out of order`);
      if (offsets.length === this.#tasks) return;
      if (performance.now() > deadline || offsets.length > this.#tasks)
        throw new Error(`${this.#name()}: ${offsets.length} of ${this.#tasks} tasks are parked`);
      await wait(LOOK_MS);
    }
  }

  #name(): string {
    return `${this.#key}, to die ${nameOf(this.#about.point)}`;
  }
}

function show(mark: ParkedMark | undefined): string {
  if (mark === undefined) return 'it is not parked';
  return `parked under ${mark.mark}, redriven ${mark.redrives} times, done ${mark.done}`;
}

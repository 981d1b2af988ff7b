import { foldJournal, type WrittenEntry } from '../../src/journal/journal.ts';
import type { CommitOutcome } from '../../src/kafka/port.ts';
import { decodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { CoreConfig } from '../../src/worker/core/core-state.ts';
import type { CommitItem, Effect, Run } from '../../src/worker/core/effects.ts';
import { LiveKeys } from '../../src/worker/core/live-keys.ts';
import type { PartitionState, Reading } from '../../src/worker/core/partition-state.ts';
import { SharedBudget } from '../../src/worker/core/shared-budget.ts';
import { SuspectGate } from '../../src/worker/core/suspect-gate.ts';
import { type Moment, WorkerCore } from '../../src/worker/core/worker-core.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { itemOf } from './core-rig.ts';

export interface CrashPlan {
  readonly seed: number;
  readonly processes: number;
  /** Queues; each process has a worker of each. */
  readonly queues: number;
  readonly partitions: number;
  readonly tasks: number;
  readonly keys: number;
  readonly killers: number;
  /** Kills from outside, by chance. They spare a process in which one suspect runs alone: nobody could tell them apart. */
  readonly kills: number;
  readonly config: Partial<CoreConfig>;
}

const baseConfig: Omit<CoreConfig, 'scope'> = {
  taskId: () => undefined,
  afterGiveUp: () => 'wait',
  concurrency: 8,
  commitIntervalMs: 200,
  drainMs: 1_000,
  startAhead: { min: 2, max: 64 },
  suspectsAtOnce: 4,
  suspectStarts: 2,
  retry: { minDelayMs: 10, maxDelayMs: 100, giveUpAfterMs: Number.POSITIVE_INFINITY, maxAttempts: undefined },
  probe: { minMs: 10, maxMs: 50 },
  partitionBytes: 1_000_000,
  lookAheadCount: 2,
  trackedTasks: 100_000,
  listedTasks: 10_000,
  confirmIntervalMs: 3_600_000,
};

interface Task {
  readonly key: string;
  readonly kills: boolean;
  ended: number;
}

/** A partition of a queue: its log, what is committed, and who has it. */
class Shard {
  readonly name: string;
  readonly queue: number;
  readonly number: number;
  readonly log: Task[] = [];
  readonly journal: WrittenEntry[] = [];
  stored: { readonly offset: number; readonly metadata: string } | undefined;
  owner: SimulatedCore | undefined;

  constructor(queue: number, number: number) {
    this.queue = queue;
    this.number = number;
    this.name = `${queue}/${number}`;
  }
}

/** Where a reader stands. */
interface Feed {
  readonly reading: Reading;
  at: number;
}

/** Processes that are killed by tasks and from outside, around real worker cores. Chance decides what happens next. */
export class CrashWorld {
  readonly random: SeededRandom;
  readonly plan: CrashPlan;
  readonly shards: Shard[] = [];
  readonly processes: SimulatedProcess[] = [];
  readonly violations: string[] = [];
  readonly crashesOf = new Map<string, number>();
  readonly givenUp = new Set<string>();
  kills = 0;
  starts = 0;
  steps = 0;
  nowMs = 1_000;

  constructor(plan: CrashPlan) {
    this.plan = plan;
    this.random = new SeededRandom(plan.seed);
    for (let queue = 0; queue < plan.queues; queue += 1) {
      for (let number = 0; number < plan.partitions; number += 1) this.shards.push(new Shard(queue, number));
    }
    for (let i = 0; i < plan.tasks; i += 1) {
      const key = this.random.below(plan.keys);
      this.shards[key % this.shards.length]?.log.push({ key: `key-${key}`, kills: false, ended: 0 });
    }
    for (let i = 0; i < plan.killers; i += 1) {
      const shard = this.random.pick(this.shards);
      shard?.log.splice(this.random.below(shard.log.length + 1), 0, {
        key: `killer-${i}`,
        kills: true,
        ended: 0,
      });
    }
    for (let i = 0; i < plan.processes; i += 1) this.processes.push(new SimulatedProcess(this));
    this.assign();
  }

  get crashes(): number {
    let sum = 0;
    for (const count of this.crashesOf.values()) sum += count;
    return sum;
  }

  /** Runs until all is done, or for so many steps. */
  run(most: number): void {
    while (this.steps < most && !this.isDone()) this.step();
    if (!this.isDone()) this.violations.push(`not done after ${most} steps`);
  }

  isDone(): boolean {
    return this.shards.every(({ name, log }) =>
      log.every((task, offset) => task.ended > 0 || this.givenUp.has(`${name}@${offset}`)),
    );
  }

  step(): void {
    this.steps += 1;
    const { random } = this;
    const process = random.pick(this.processes);
    const core = random.pick(process?.cores ?? []);
    if (process === undefined || core === undefined) return;
    const dice = random.next();
    if (dice < 0.25) core.read();
    else if (dice < 0.55) process.endSome();
    else if (dice < 0.75) core.commitOn();
    else if (dice < 0.95) this.pass(random.below(30));
    else if (dice < 0.96) this.move();
    else if (dice < 0.965 && this.kills < this.plan.kills && !process.gate.closed) {
      this.kills += 1;
      this.crash(process);
    }
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const { cores } of this.processes) for (const core of cores) core.tell((c, at) => c.tick(at));
  }

  /** The process is gone in this moment; another takes its place. */
  crash(process: SimulatedProcess): void {
    for (const core of process.cores) core.checkHorizons();
    this.processes.splice(this.processes.indexOf(process), 1, new SimulatedProcess(this));
    for (const shard of this.shards) if (shard.owner?.process === process) shard.owner = undefined;
    this.assign();
  }

  move(): void {
    const shard = this.random.pick(this.shards);
    if (shard?.owner === undefined || shard.owner.moving) return;
    shard.owner.revoke(shard);
  }

  assign(): void {
    for (const shard of this.shards) {
      if (shard.owner !== undefined) continue;
      const core = this.random.pick(this.processes)?.cores[shard.queue];
      if (core === undefined) continue;
      shard.owner = core;
      core.tell((c, at) => c.assigned(at, [shard.number]));
    }
  }
}

class SimulatedProcess {
  readonly world: CrashWorld;
  readonly gate = new SuspectGate();
  readonly liveKeys = new LiveKeys();
  readonly budget = new SharedBudget(1_000_000_000);
  readonly cores: SimulatedCore[] = [];
  readonly running: { readonly core: SimulatedCore; readonly run: Run }[] = [];

  constructor(world: CrashWorld) {
    this.world = world;
    for (let queue = 0; queue < world.plan.queues; queue += 1)
      this.cores.push(new SimulatedCore(this, queue));
  }

  /** A handler ends well or fails, or ends its process. */
  endSome(): void {
    const { random } = this.world;
    const ended = random.take(this.running);
    if (ended === undefined) return;
    const { core, run } = ended;
    const shard = core.shard(run.partition.partition);
    const task = shard.log[run.item.offset];
    if (task === undefined) return;
    if (task.kills) {
      const name = `${shard.name}@${run.item.offset}`;
      this.world.crashesOf.set(name, (this.world.crashesOf.get(name) ?? 0) + 1);
      this.running.push(ended);
      this.world.crash(this);
    } else if (random.chance(0.85)) {
      task.ended += 1;
      core.tell((c, at) => c.finished(at, run));
    } else {
      const verdict = { kind: 'retry', delayMs: undefined, countAttempt: true, error: 'failed' } as const;
      core.tell((c, at) => c.failed(at, run, verdict));
    }
  }
}

class SimulatedCore {
  readonly process: SimulatedProcess;
  readonly queue: number;
  readonly core: WorkerCore;
  readonly #tails = new Map<PartitionState, Feed>();
  readonly #sweeps = new Map<PartitionState, Feed>();
  #commit:
    | { readonly items: readonly CommitItem[]; outcomes: readonly CommitOutcome[] | undefined }
    | undefined;
  #moving: Shard | undefined;
  #busy = false;

  constructor(process: SimulatedProcess, queue: number) {
    this.process = process;
    this.queue = queue;
    const config = { ...baseConfig, scope: `q${queue}`, ...process.world.plan.config };
    this.core = new WorkerCore(config, {
      budget: process.budget,
      liveKeys: process.liveKeys,
      suspectGate: process.gate,
    });
  }

  get moving(): boolean {
    return this.#moving !== undefined;
  }

  shard(number: number): Shard {
    const { world } = this.process;
    const shard = world.shards.find((one) => one.queue === this.queue && one.number === number);
    if (shard === undefined) throw new Error(`partition ${number} is not there`);
    return shard;
  }

  tell(event: (core: WorkerCore, at: Moment) => void): void {
    const { nowMs } = this.process.world;
    event(this.core, { monotonicMs: nowMs, wallMs: nowMs });
    if (this.#busy) return;
    this.#busy = true;
    for (let effects = this.core.takeEffects(); effects.length > 0; effects = this.core.takeEffects()) {
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#busy = false;
  }

  revoke(shard: Shard): void {
    this.#moving = shard;
    this.tell((core, at) => core.revoked(at, 1, [shard.number]));
  }

  /** Brings some records. */
  read(): void {
    const { random } = this.process.world;
    const tail = random.pick([...this.#tails.values()]);
    if (tail !== undefined)
      this.#bring(tail, (items) => this.tell((c, at) => c.records(at, tail.reading, items)));
    const sweep = random.pick([...this.#sweeps.values()]);
    if (sweep !== undefined)
      this.#bring(sweep, (items) => this.tell((c, at) => c.swept(at, sweep.reading, items)));
  }

  #bring(feed: Feed, deliver: (items: ReturnType<typeof itemOf>[]) => void): void {
    const { at } = feed;
    const { log } = this.shard(feed.reading.partition.partition);
    const items = log
      .slice(at, at + 1 + this.process.world.random.below(8))
      .map(({ key }, i) => itemOf(at + i, key));
    feed.at += items.length;
    if (items.length > 0) deliver(items);
  }

  /** The commit under way is stored, or refused; then that is told. */
  commitOn(): void {
    const commit = this.#commit;
    if (commit === undefined) return;
    const { random } = this.process.world;
    if (commit.outcomes !== undefined) {
      this.#commit = undefined;
      const { items, outcomes } = commit;
      this.tell((core, at) => core.committed(at, items, outcomes));
      return;
    }
    commit.outcomes = commit.items.map(({ partition, offset, metadata }) => {
      const refused = random.chance(0.05);
      if (!refused) this.shard(partition.partition).stored = { offset, metadata };
      const failure =
        refused || random.chance(0.05)
          ? ({ kind: 'transient', code: 14, message: 'loading' } as const)
          : undefined;
      return { topic: 'q', partition: partition.partition, failure };
    });
  }

  /** What may be running when a process ends must be below the horizon of the commit that is stored. */
  checkHorizons(): void {
    for (const { core, run } of this.process.running) {
      if (core !== this || core.core.state.runOf.get(run.lane) !== run) continue;
      const { stored, name } = this.shard(run.partition.partition);
      const read = decodeMetadata(stored?.metadata ?? '', stored?.offset ?? 0);
      if (read.kind === 'state' && run.item.offset < read.state.horizon) continue;
      this.process.world.violations.push(`${name}@${run.item.offset} runs beyond the horizon`);
    }
  }

  #carryOut(effect: Effect): void {
    const { world } = this.process;
    switch (effect.kind) {
      case 'claim': {
        const { partition } = effect;
        const { journal } = this.shard(partition.partition);
        journal.push({
          kind: 'claim',
          group: 'g',
          partition: partition.partition,
          by: 'w',
          offset: journal.length,
        });
        this.tell((core, at) => core.claimed(at, partition, journal.length - 1));
        return;
      }
      case 'inspect':
        this.#inspect(effect.partition);
        return;
      case 'confirm':
        this.#confirm(effect);
        return;
      case 'commit':
        this.#commit = { items: effect.items, outcomes: undefined };
        return;
      case 'read':
        this.#tails.set(effect.reading.partition, { reading: effect.reading, at: effect.reading.offset });
        return;
      case 'stop-reading':
        this.#tails.delete(effect.partition);
        return;
      case 'sweep':
        this.#sweeps.set(effect.reading.partition, { reading: effect.reading, at: effect.reading.offset });
        return;
      case 'stop-sweep':
        this.#sweeps.delete(effect.partition);
        return;
      case 'start':
        this.#started(effect.run);
        return;
      case 'await-key': {
        const { partition, lane } = effect;
        this.process.liveKeys.whenFree(this.core.state.keyName(lane), () =>
          this.tell((core, at) => core.keyFreed(at, partition, lane)),
        );
        return;
      }
      case 'answer-revoke':
        if (this.#moving !== undefined) this.#moving.owner = undefined;
        this.#moving = undefined;
        world.assign();
        return;
      case 'report':
        if (effect.report.kind === 'key-held' && effect.report.reason === 'gave-up')
          this.#gaveUp(this.shard(effect.report.partition), effect.report.offset);
        return;
      default:
    }
  }

  #inspect(partition: PartitionState): void {
    const { stored, journal, log } = this.shard(partition.partition);
    this.tell((core, at) =>
      core.inspected(at, partition, {
        epoch: partition.epoch,
        committed: stored,
        history: foldJournal(journal),
        lastWord: foldJournal(journal).lastWord,
        logStart: 0,
        logEnd: log.length,
        leaderEnds: new Map(),
        topicId: 't',
        statePin: 's',
      }),
    );
  }

  #confirm({ partition, frontier, reason }: Extract<Effect, { kind: 'confirm' }>): void {
    const { journal } = this.shard(partition.partition);
    const { epoch } = partition;
    const number = partition.partition;
    journal.push({
      kind: 'confirm',
      group: 'g',
      partition: number,
      epoch,
      frontier,
      topicId: 't',
      reason,
      offset: journal.length,
    });
    if (reason === 'taken') this.tell((core, at) => core.confirmed(at, partition));
  }

  #started(run: Run): void {
    const { running, world } = this.process;
    const shard = this.shard(run.partition.partition);
    world.starts += 1;
    const suspects = this.process.cores.flatMap(({ core }) => [...core.state.suspects.underWay.values()]);
    const alone = suspects.find((one) => one.alone && one.stage === 'running');
    if (alone !== undefined && (alone.run !== run || running.length > 0))
      world.violations.push(`${shard.name}@${run.item.offset} started beside one that was to run alone`);
    if (run.partition.suspectBelow > run.item.offset && !run.lane.charged)
      world.violations.push(`${shard.name}@${run.item.offset} is a suspect and started like others`);
    running.push({ core: this, run });
  }

  #gaveUp(shard: Shard, offset: number): void {
    const { world } = this.process;
    world.givenUp.add(`${shard.name}@${offset}`);
    if (shard.log[offset]?.kills !== true)
      world.violations.push(`${shard.name}@${offset} is innocent and was given up`);
  }
}

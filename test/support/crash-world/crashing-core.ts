import type { CommitOutcome } from '../../../src/kafka/port.ts';
import type { CommitItem, Effect, Run } from '../../../src/worker/core/effects.ts';
import type { LiveKeys } from '../../../src/worker/core/live-keys.ts';
import type { PartitionState, Reading } from '../../../src/worker/core/partition-state.ts';
import type { SharedBudget } from '../../../src/worker/core/shared-budget.ts';
import type { SuspectGate } from '../../../src/worker/core/suspect-gate.ts';
import type { Suspect } from '../../../src/worker/core/suspect-list.ts';
import { type Moment, WorkerCore } from '../../../src/worker/core/worker-core.ts';
import type { SeededRandom } from '../../checker/seeded-random.ts';
import { itemOf } from '../core-rig.ts';
import { type CrashPlan, configOf } from './crash-plan.ts';
import type { CrashRules } from './crash-rules.ts';
import type { Shard } from './shard.ts';

/** What lies outside of all processes. */
export interface Surroundings {
  readonly plan: CrashPlan;
  readonly random: SeededRandom;
  readonly rules: CrashRules;
  readonly shards: readonly Shard[];
  readonly nowMs: number;
  /** Its owner has let go of it. */
  release(shard: Shard): void;
}

/** What the workers of a process have in common. */
interface Home {
  readonly gate: SuspectGate;
  readonly liveKeys: LiveKeys;
  readonly budget: SharedBudget;
  started(core: CrashingCore, run: Run): void;
}

/** Where a reader stands. */
interface Feed {
  readonly reading: Reading;
  at: number;
}

/** A worker's core, and all that it asks for: answered at once, but for commits and records, which take a step each. */
export class CrashingCore {
  readonly #world: Surroundings;
  readonly #home: Home;
  readonly #queue: number;
  readonly #core: WorkerCore;
  readonly #tails = new Map<PartitionState, Feed>();
  readonly #sweeps = new Map<PartitionState, Feed>();
  #commit:
    | { readonly items: readonly CommitItem[]; outcomes: readonly CommitOutcome[] | undefined }
    | undefined;
  #moving: Shard | undefined;
  #busy = false;

  constructor(world: Surroundings, home: Home, queue: number) {
    this.#world = world;
    this.#home = home;
    this.#queue = queue;
    const { budget, liveKeys, gate: suspectGate } = home;
    this.#core = new WorkerCore(configOf(world.plan, queue), { budget, liveKeys, suspectGate });
  }

  get isMoving(): boolean {
    return this.#moving !== undefined;
  }

  get suspects(): Iterable<Suspect> {
    return this.#core.state.suspects.underWay.values();
  }

  /** Its handler is at work, as far as the core knows. */
  knows(run: Run): boolean {
    return this.#core.state.runOf.get(run.lane) === run;
  }

  shard(number: number): Shard {
    const shard = this.#world.shards.find((one) => one.queue === this.#queue && one.number === number);
    if (shard === undefined) throw new Error(`partition ${number} is not there`);
    return shard;
  }

  tell(event: (core: WorkerCore, at: Moment) => void): void {
    const { nowMs } = this.#world;
    const core = this.#core;
    event(core, { monotonicMs: nowMs, wallMs: nowMs });
    if (this.#busy) return;
    this.#busy = true;
    for (let effects = core.takeEffects(); effects.length > 0; effects = core.takeEffects()) {
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
    const { random } = this.#world;
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
      .slice(at, at + 1 + this.#world.random.below(8))
      .map(({ key }, i) => itemOf(at + i, key));
    feed.at += items.length;
    if (items.length > 0) deliver(items);
  }

  /** The commit under way is stored, or refused; then that is told. */
  commitOn(): void {
    const commit = this.#commit;
    if (commit === undefined) return;
    const { random } = this.#world;
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

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'claim': {
        const { partition } = effect;
        const epoch = this.shard(partition.partition).claim();
        this.tell((core, at) => core.claimed(at, partition, epoch));
        return;
      }
      case 'inspect': {
        const { partition } = effect;
        const finding = this.shard(partition.partition).inspect(partition.epoch);
        this.tell((core, at) => core.inspected(at, partition, finding));
        return;
      }
      case 'confirm': {
        const { partition, reason } = effect;
        this.shard(partition.partition).confirm(effect);
        if (reason === 'taken') this.tell((core, at) => core.confirmed(at, partition));
        return;
      }
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
        this.#home.started(this, effect.run);
        return;
      case 'await-key': {
        const { partition, lane } = effect;
        this.#home.liveKeys.whenFree(this.#core.state.keyName(lane), () =>
          this.tell((core, at) => core.keyFreed(at, partition, lane)),
        );
        return;
      }
      case 'answer-revoke':
        this.#letGo();
        return;
      case 'report':
        if (effect.report.kind === 'key-held' && effect.report.reason === 'gave-up')
          this.#world.rules.gaveUp(this.shard(effect.report.partition), effect.report.offset);
        return;
      default:
    }
  }

  #letGo(): void {
    const moved = this.#moving;
    this.#moving = undefined;
    if (moved !== undefined) this.#world.release(moved);
  }
}

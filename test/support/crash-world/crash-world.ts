import { SeededRandom } from '../../checker/seeded-random.ts';
import type { CrashPlan } from './crash-plan.ts';
import { CrashRules } from './crash-rules.ts';
import type { CrashingCore } from './crashing-core.ts';
import { CrashingProcess } from './crashing-process.ts';
import { type Shard, shardsOf } from './shard.ts';

/** Processes that are killed by tasks and from outside, around real worker cores. Chance decides what happens next. */
export class CrashWorld {
  readonly plan: CrashPlan;
  readonly random: SeededRandom;
  readonly rules = new CrashRules();
  readonly shards: readonly Shard[];
  nowMs = 1_000;
  readonly #processes: CrashingProcess[] = [];
  readonly #ownerOf = new Map<Shard, CrashingCore>();
  #kills = 0;
  #steps = 0;

  constructor(plan: CrashPlan) {
    this.plan = plan;
    this.random = new SeededRandom(plan.seed);
    this.shards = shardsOf(plan, this.random);
    for (let i = 0; i < plan.processes; i += 1) this.#processes.push(new CrashingProcess(this));
    this.#assign();
  }

  /** Runs until all is done, or for so many steps. */
  run(most: number): void {
    while (this.#steps < most && !this.#isDone()) this.#step();
    if (!this.#isDone()) this.rules.violations.push(`not done after ${most} steps`);
  }

  release(shard: Shard): void {
    this.#ownerOf.delete(shard);
    this.#assign();
  }

  #isDone(): boolean {
    return this.shards.every((shard) => this.rules.isDone(shard));
  }

  #step(): void {
    this.#steps += 1;
    const { random } = this;
    const process = random.pick(this.#processes);
    const core = random.pick(process?.cores ?? []);
    if (process === undefined || core === undefined) return;
    const dice = random.next();
    if (dice < 0.25) core.read();
    else if (dice < 0.55) this.#endSome(process);
    else if (dice < 0.75) core.commitOn();
    else if (dice < 0.95) this.#pass(random.below(30));
    else if (dice < 0.96) this.#move();
    else if (dice < 0.965 && this.#kills < this.plan.kills && !process.gate.closed) {
      this.#kills += 1;
      this.#crash(process);
    }
  }

  #endSome(process: CrashingProcess): void {
    if (process.endSome()) this.#crash(process);
  }

  #pass(ms: number): void {
    this.nowMs += ms;
    for (const { cores } of this.#processes) for (const core of cores) core.tell((c, at) => c.tick(at));
  }

  /** Another process takes its place. */
  #crash(process: CrashingProcess): void {
    process.die();
    this.#processes.splice(this.#processes.indexOf(process), 1, new CrashingProcess(this));
    for (const [shard, owner] of this.#ownerOf)
      if (process.cores.includes(owner)) this.#ownerOf.delete(shard);
    this.#assign();
  }

  #move(): void {
    const shard = this.random.pick(this.shards);
    if (shard === undefined) return;
    const owner = this.#ownerOf.get(shard);
    if (owner?.isMoving === false) owner.revoke(shard);
  }

  #assign(): void {
    for (const shard of this.shards) {
      if (this.#ownerOf.has(shard)) continue;
      const core = this.random.pick(this.#processes)?.cores[shard.queue];
      if (core === undefined) continue;
      this.#ownerOf.set(shard, core);
      core.tell((c, at) => c.assigned(at, [shard.number]));
    }
  }
}

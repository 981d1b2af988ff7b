import type { Run } from '../../../src/worker/core/effects.ts';
import type { Suspect } from '../../../src/worker/core/suspect-list.ts';
import type { Shard } from './shard.ts';

/** What was seen of tasks, and what of it must not be, whoever dies when. */
export class CrashRules {
  readonly violations: string[] = [];
  /** By the task's name, how many processes it has ended. */
  readonly crashesOf = new Map<string, number>();
  readonly #givenUp = new Set<string>();
  starts = 0;

  /** How many processes tasks have ended. */
  get crashes(): number {
    let sum = 0;
    for (const count of this.crashesOf.values()) sum += count;
    return sum;
  }

  isDone(shard: Shard): boolean {
    return shard.log.every(({ ended }, offset) => ended > 0 || this.#givenUp.has(shard.nameOf(offset)));
  }

  started(
    shard: Shard,
    run: Run,
    beside: { readonly running: number; readonly suspects: Iterable<Suspect> },
  ): void {
    this.starts += 1;
    const name = shard.nameOf(run.item.offset);
    const alone = [...beside.suspects].find((one) => one.alone && one.stage === 'running');
    if (alone !== undefined && (alone.run !== run || beside.running > 0))
      this.violations.push(`${name} started beside one that was to run alone`);
    if (run.partition.suspectBelow > run.item.offset && !run.lane.charged)
      this.violations.push(`${name} is a suspect and started like others`);
  }

  /** It was running when its process ended. */
  cutOff(shard: Shard, offset: number): void {
    if (offset >= shard.horizon) this.violations.push(`${shard.nameOf(offset)} runs beyond the horizon`);
  }

  /** It ends its process. */
  killed(shard: Shard, offset: number): void {
    const name = shard.nameOf(offset);
    this.crashesOf.set(name, (this.crashesOf.get(name) ?? 0) + 1);
  }

  gaveUp(shard: Shard, offset: number): void {
    const name = shard.nameOf(offset);
    this.#givenUp.add(name);
    if (shard.log[offset]?.kills !== true) this.violations.push(`${name} is innocent and was given up`);
  }
}

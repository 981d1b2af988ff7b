import type { Run } from '../../../src/worker/core/effects.ts';
import { LiveKeys } from '../../../src/worker/core/live-keys.ts';
import { SharedBudget } from '../../../src/worker/core/shared-budget.ts';
import { SuspectGate } from '../../../src/worker/core/suspect-gate.ts';
import { CrashingCore, type Surroundings } from './crashing-core.ts';

/** A process with a worker of each queue, and the handlers that are at work in it. */
export class CrashingProcess {
  readonly gate = new SuspectGate();
  readonly liveKeys = new LiveKeys();
  readonly budget = new SharedBudget(1_000_000_000);
  readonly cores: CrashingCore[] = [];
  readonly #world: Surroundings;
  readonly #running: { readonly core: CrashingCore; readonly run: Run }[] = [];

  constructor(world: Surroundings) {
    this.#world = world;
    for (let queue = 0; queue < world.plan.queues; queue += 1)
      this.cores.push(new CrashingCore(world, this, queue));
  }

  started(core: CrashingCore, run: Run): void {
    const suspects = this.cores.flatMap((one) => [...one.suspects]);
    const running = this.#running.length;
    this.#world.rules.started(core.shard(run.partition.partition), run, { running, suspects });
    this.#running.push({ core, run });
  }

  /** A handler ends well or fails, or ends its process: then it returns true. */
  endSome(): boolean {
    const { random, rules } = this.#world;
    const ended = random.take(this.#running);
    if (ended === undefined) return false;
    const { core, run } = ended;
    const shard = core.shard(run.partition.partition);
    const task = shard.log[run.item.offset];
    if (task === undefined) return false;
    if (task.kills) {
      rules.killed(shard, run.item.offset);
      this.#running.push(ended);
      return true;
    }
    if (random.chance(0.85)) {
      task.ended += 1;
      core.tell((c, at) => c.finished(at, run));
    } else {
      const verdict = { kind: 'retry', delayMs: undefined, countAttempt: true, error: 'failed' } as const;
      core.tell((c, at) => c.failed(at, run, verdict));
    }
    return false;
  }

  /** It is gone in this moment. */
  die(): void {
    for (const { core, run } of this.#running) {
      if (core.knows(run)) this.#world.rules.cutOff(core.shard(run.partition.partition), run.item.offset);
    }
  }
}

import type { CoreState, TypeState } from './core-state.ts';
import type { Lane } from './lane.ts';
import { isOnItsWay } from './memory-gate.ts';
import type { PartitionState } from './partition-state.ts';
import { advanceLane } from './scheduling.ts';
import type { TypePolicy } from './type-policy.ts';

/** Who waits because a type has as many tasks under way, or as many starts behind it, as it may. */
export class TypeLimit {
  /** In the order in which they came. An entry whose lane has moved on since is stale. */
  readonly waiting = new Map<Lane, PartitionState>();
  /** Those whose turn has come: a place is kept for each until it starts, or has something else to wait for. */
  readonly called = new Map<Lane, PartitionState>();
  readonly #policy: TypePolicy;
  /** When the last starts were, as a ring of as many as the rate allows; its next place, where the oldest is once it is full. */
  readonly #startsMs: number[] = [];
  #at = 0;

  constructor(policy: TypePolicy) {
    this.#policy = policy;
  }

  /** How many more may start now. */
  free(runningCount: number, nowMs: number): number {
    const slots = this.#policy.concurrency - runningCount - this.called.size;
    return Math.min(slots, this.#tokens(nowMs) - this.called.size);
  }

  started(lane: Lane, nowMs: number): void {
    this.waiting.delete(lane);
    this.called.delete(lane);
    const { rateLimit } = this.#policy;
    if (rateLimit === undefined) return;
    this.#startsMs[this.#at] = nowMs;
    this.#at = (this.#at + 1) % rateLimit.count;
  }

  #tokens(nowMs: number): number {
    const { rateLimit } = this.#policy;
    if (rateLimit === undefined) return Number.POSITIVE_INFINITY;
    return rateLimit.count - (this.#startsMs.length - this.#countBefore(nowMs - rateLimit.perMs));
  }

  /** How many of the noted starts were at or before a time; they are in order, from the oldest on. */
  #countBefore(timeMs: number): number {
    const { length } = this.#startsMs;
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#startsMs[(this.#at + middle) % length] ?? 0) <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What keeps count of a type's starts; undefined when nothing is limited. */
export function limitOf(policy: TypePolicy): TypeLimit | undefined {
  const unlimited = policy.concurrency === Number.POSITIVE_INFINITY && policy.rateLimit === undefined;
  return unlimited ? undefined : new TypeLimit(policy);
}

/** Whether a lane's first task may start as far as its type's limits go. What is free is free for all: who waited was called. */
export function mayStart(core: CoreState, { limit, runningCount }: TypeState, lane: Lane): boolean {
  if (limit === undefined || limit.called.has(lane)) return true;
  return limit.free(runningCount, core.nowMs) > 0;
}

/** Calls those who have waited longest for a limit, as many as may start. True when anybody was called. */
export function callWaiting(core: CoreState): boolean {
  let any = false;
  for (const type of core.types.values()) {
    const { limit } = type;
    if (limit === undefined) continue;
    for (const [lane, partition] of limit.called) {
      if (!keepsPlace(core, type, lane, partition)) limit.called.delete(lane);
    }
    let free = limit.free(type.runningCount, core.nowMs);
    for (const [lane, partition] of limit.waiting) {
      if (free <= 0) break;
      limit.waiting.delete(lane);
      if (lane.state !== 'gated' || partition.phase !== 'running') continue;
      limit.called.set(lane, partition);
      free -= 1;
      any = true;
      advanceLane(core, partition, lane);
    }
  }
  return any;
}

/** Whether it is about to start, and still as a task of this type. */
function keepsPlace(core: CoreState, type: TypeState, lane: Lane, partition: PartitionState): boolean {
  if (typeof lane.first === 'object' && core.type(lane.first.type) !== type) return false;
  return isOnItsWay(lane, partition);
}

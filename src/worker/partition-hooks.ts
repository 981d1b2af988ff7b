import type { Clock } from '../clock/clock.ts';
import { endsWithin } from '../clock/ends-within.ts';
import type { Emitter } from '../telemetry/emitter.ts';
import type { SlowHook, WorkerEvents } from './worker-events.ts';

/** Why partitions are not this worker's any more. */
export type RevokeReason = 'revoked' | 'lost' | 'stopped';

/** What a user has done when partitions come and go. */
export interface PartitionHookFunctions {
  readonly onPartitionsAssigned?: ((partitions: readonly number[]) => unknown) | undefined;
  readonly onPartitionsRevoked?:
    | ((partitions: readonly number[], reason: RevokeReason) => unknown)
    | undefined;
}

/** A rebalance of the whole group may wait for it, and cannot for ever. */
const REVOKED_MS = 10_000;
/** One that has not settled is told of whenever so long has passed. */
const SLOW_MS = 30_000;

/** The call that is under way. */
interface Call extends Omit<SlowHook, 'elapsedMs'> {
  readonly sinceMs: number;
  timer: { clear(): void } | undefined;
}

/**
 * Calls the user's hooks, one at a time, in the order of what they tell. Each partition that was told as assigned is told
 * once as given up.
 */
export class PartitionHooks {
  readonly #functions: PartitionHookFunctions;
  readonly #clock: Clock;
  readonly #events: Emitter<WorkerEvents>;
  /** Assigned, and what for: a later assignment of the same partition is another one. */
  readonly #assigned = new Map<number, object>();
  #last: Promise<void> = Promise.resolve();
  #call: Call | undefined;
  #closed = false;

  constructor(functions: PartitionHookFunctions, clock: Clock, events: Emitter<WorkerEvents>) {
    this.#functions = functions;
    this.#clock = clock;
    this.#events = events;
  }

  /** Nothing is called, and nothing need be waited for. */
  get none(): boolean {
    return (
      this.#functions.onPartitionsAssigned === undefined && this.#functions.onPartitionsRevoked === undefined
    );
  }

  /** The hook that has not settled for long, and that others wait for. */
  get slow(): SlowHook | undefined {
    if (this.#call === undefined) return undefined;
    const slow = this.#slowHook(this.#call);
    return slow.elapsedMs < SLOW_MS ? undefined : slow;
  }

  /** Resolves, when the hook has settled, with those of the partitions that were not given up meanwhile. */
  async assigned(partitions: readonly number[]): Promise<readonly number[]> {
    const assignment = {};
    for (const partition of partitions) this.#assigned.set(partition, assignment);
    await this.#inTurn('onPartitionsAssigned', partitions, () =>
      this.#functions.onPartitionsAssigned?.(partitions),
    );
    return partitions.filter((partition) => this.#assigned.get(partition) === assignment);
  }

  /** From now on they are not ours; what waits for their assignment need not claim them. */
  leaving(partitions: readonly number[]): readonly number[] {
    return partitions.filter((partition) => this.#assigned.delete(partition));
  }

  /** Resolves when the hook has settled or its time is up. Never rejects. */
  revoked(partitions: readonly number[], reason: RevokeReason): Promise<void> {
    if (partitions.length === 0) return Promise.resolve();
    const settled = this.#inTurn('onPartitionsRevoked', partitions, () =>
      this.#functions.onPartitionsRevoked?.(partitions, reason),
    );
    return this.#inTime(settled);
  }

  /** The worker has ended: what was not given up in good order is lost, and nobody waits for a hook any more. */
  close(): Promise<void> {
    this.#closed = true;
    this.#unwatch();
    return this.revoked(this.leaving([...this.#assigned.keys()]), 'lost');
  }

  #inTurn(hook: SlowHook['hook'], partitions: readonly number[], call: () => unknown): Promise<void> {
    const called = this.#last.then(async () => {
      this.#watch(hook, partitions);
      try {
        await call();
      } catch (error) {
        this.#events.emit('hook-failed', { hook, error });
      }
      this.#unwatch();
    });
    this.#last = called;
    return called;
  }

  #watch(hook: SlowHook['hook'], partitions: readonly number[]): void {
    if (this.#closed) return;
    const call: Call = { hook, partitions, sinceMs: this.#clock.monotonicMs(), timer: undefined };
    const report = (): void => {
      this.#events.emit('hook-slow', this.#slowHook(call));
      arm();
    };
    const arm = (): void => {
      call.timer = this.#clock.setTimer(SLOW_MS, report, { background: true });
    };
    arm();
    this.#call = call;
  }

  #unwatch(): void {
    this.#call?.timer?.clear();
    this.#call = undefined;
  }

  #slowHook({ hook, partitions, sinceMs }: Call): SlowHook {
    return { hook, partitions, elapsedMs: this.#clock.monotonicMs() - sinceMs };
  }

  async #inTime(settled: Promise<void>): Promise<void> {
    if (await endsWithin(settled, REVOKED_MS, this.#clock)) return;
    const error = new Error(
      `it did not settle within ${REVOKED_MS} ms; the partitions are given up without it`,
    );
    this.#events.emit('hook-failed', { hook: 'onPartitionsRevoked', error });
  }
}

import type { Clock } from '../clock/clock.ts';
import type { HookName } from './worker-events.ts';

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

/**
 * Calls the user's hooks, one at a time, in the order of what they tell. Each partition that was told as assigned is told
 * once as given up.
 */
export class PartitionHooks {
  readonly #functions: PartitionHookFunctions;
  readonly #clock: Clock;
  readonly #onFailed: (hook: HookName, error: unknown) => void;
  /** Assigned, and what for: a later assignment of the same partition is another one. */
  readonly #assigned = new Map<number, object>();
  #last: Promise<void> = Promise.resolve();

  constructor(
    functions: PartitionHookFunctions,
    clock: Clock,
    onFailed: (hook: HookName, error: unknown) => void,
  ) {
    this.#functions = functions;
    this.#clock = clock;
    this.#onFailed = onFailed;
  }

  /** Nothing is called, and nothing need be waited for. */
  get none(): boolean {
    return (
      this.#functions.onPartitionsAssigned === undefined && this.#functions.onPartitionsRevoked === undefined
    );
  }

  /** Resolves, when the hook has settled, with those of the partitions that were not given up meanwhile. */
  async assigned(partitions: readonly number[]): Promise<readonly number[]> {
    const assignment = {};
    for (const partition of partitions) this.#assigned.set(partition, assignment);
    await this.#call('onPartitionsAssigned', () => this.#functions.onPartitionsAssigned?.(partitions));
    return partitions.filter((partition) => this.#assigned.get(partition) === assignment);
  }

  /** From now on they are not ours; what waits for their assignment need not claim them. */
  leaving(partitions: readonly number[]): readonly number[] {
    return partitions.filter((partition) => this.#assigned.delete(partition));
  }

  /** Resolves when the hook has settled or its time is up. Never rejects. */
  revoked(partitions: readonly number[], reason: RevokeReason): Promise<void> {
    if (partitions.length === 0) return Promise.resolve();
    const settled = this.#call('onPartitionsRevoked', () =>
      this.#functions.onPartitionsRevoked?.(partitions, reason),
    );
    return this.#inTime(settled);
  }

  /** The worker has ended: what was not given up in good order is lost. */
  close(): Promise<void> {
    return this.revoked(this.leaving([...this.#assigned.keys()]), 'lost');
  }

  #call(hook: HookName, call: () => unknown): Promise<void> {
    const called = this.#last.then(async () => {
      try {
        await call();
      } catch (error) {
        this.#onFailed(hook, error);
      }
    });
    this.#last = called;
    return called;
  }

  async #inTime(settled: Promise<void>): Promise<void> {
    let timer: { clear(): void } | undefined;
    const timeUp = new Promise<void>((resolve) => {
      timer = this.#clock.setTimer(REVOKED_MS, () => {
        this.#onFailed(
          'onPartitionsRevoked',
          new Error(`it did not settle within ${REVOKED_MS} ms; the partitions are given up without it`),
        );
        resolve();
      });
    });
    await Promise.race([settled, timeUp]);
    timer?.clear();
  }
}

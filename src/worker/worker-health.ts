import type { CoreState } from './core/core-state.ts';
import type { Loss, StopReason } from './core/judge-taking.ts';
import { longWaitMs } from './core/leader-waits.ts';
import type { PartitionState } from './core/partition-state.ts';
import { NO_PINS } from './retention/pin-book.ts';
import type { RetentionHealth } from './retention/retention-health.ts';
import type { SlowHook } from './worker-events.ts';

/** How a worker is doing. Made for a health endpoint: not whether it lives, but whether it gets anywhere. */
export interface WorkerHealth {
  /**
   * - `ok`: whatever can run does
   * - `degraded`: works, but something waits: held keys, keys that cannot be parked, halted partitions, reading that waits for a leader, a type in outage, all for a task that is
   *   tried alone, partitions for a hook that does not settle, deletions for what keeps them from going
   * - `stalled`: has tasks that could start and free slots, and starts nothing
   * - `starting`, `stopping`, `stopped`: as said
   */
  readonly status: 'starting' | 'ok' | 'degraded' | 'stalled' | 'stopping' | 'stopped';
  /** Why it is not `ok`, in words. */
  readonly reasons: readonly string[];
  readonly runningCount: number;
  readonly heldKeys: number;
  readonly bufferedBytes: number;
  /** What keeps finished tasks on disk longer than asked for, or threatens unfinished ones. */
  readonly retention: RetentionHealth;
  readonly partitions: readonly {
    readonly partition: number;
    readonly phase: PartitionState['phase'];
    /** Milliseconds since a task of it last finished or failed; undefined = none did yet. */
    readonly idleMs: number | undefined;
    /** What stopped it, as `partition-halted` says it: `queue.pending.acceptLoss({ partition, below: to })` lets it go on. */
    readonly halted: { readonly reason: StopReason; readonly from: bigint; readonly to: bigint } | undefined;
  }[];
}

/** What there is to look at; nothing before a worker runs. */
interface WorkerInside {
  readonly core?: Readonly<CoreState> | undefined;
  readonly slowHook?: SlowHook | undefined;
  readonly retention?: RetentionHealth | undefined;
}

const NO_RETENTION: RetentionHealth = { pinned: NO_PINS, refused: [], alarms: [] };

const STALLED_AFTER_MS = 30_000;

/** One store that is away may keep thousands of keys. */
const STUCK_BY_NAME = 3;

export function judgeHealth(
  life: 'new' | 'starting' | 'running' | 'stopping' | 'stopped',
  { core, slowHook, retention = NO_RETENTION }: WorkerInside,
  nowMs: number,
): WorkerHealth {
  const partitions = [...(core?.partitions.values() ?? [])];
  const reasons: string[] = [];
  let heldKeys = 0;
  let stalled = false;
  for (const partition of partitions) {
    if (partition.phase === 'halted')
      reasons.push(`partition ${partition.partition} is halted${wordsOf(partition.halt)}`);
    const waitMs = longWaitMs(partition, nowMs);
    if (waitMs !== undefined) reasons.push(waitWords(partition, waitMs));
    for (const lane of partition.open) {
      if (lane.state === 'held' && lane.dueMs === Number.POSITIVE_INFINITY) heldKeys += 1;
    }
    stalled ||= isStalled(core, partition, nowMs);
  }
  reasons.push(...stuckReasons(partitions));
  if (heldKeys > 0) reasons.push(heldKeys === 1 ? '1 key is held' : `${heldKeys} keys are held`);
  for (const [type, state] of core?.types ?? [])
    if (state.outage.down) reasons.push(`'${type}' is in outage`);
  reasons.push(...retentionReasons(retention));
  if (slowHook !== undefined) reasons.push(`partitions wait for ${slowHook.hook}, which has not settled`);
  // With keys to start and a free slot this would look stalled, and a restart would be charged to that task.
  if (core?.suspectGate.closed === true) {
    stalled = false;
    reasons.push('nothing else starts while a task that may have ended its process is tried alone');
  }
  if (stalled) reasons.unshift('tasks could start and do not');
  return {
    status: statusOf(life, stalled, reasons.length > 0),
    reasons,
    runningCount: core?.runningCount ?? 0,
    heldKeys,
    bufferedBytes: partitions.reduce((sum, partition) => sum + partition.bufferedBytes, 0),
    retention,
    partitions: partitions.map((partition) => ({
      partition: partition.partition,
      phase: partition.phase,
      idleMs: partition.progressAtMs === undefined ? undefined : nowMs - partition.progressAtMs,
      halted: partition.phase === 'halted' ? haltedOf(partition.halt) : undefined,
    })),
  };
}

/** Tasks that cannot be parked: the first few by name. */
function stuckReasons(partitions: readonly PartitionState[]): readonly string[] {
  const reasons: string[] = [];
  let count = 0;
  for (const { partition, marks } of partitions) {
    for (const { key, mark, stuck } of marks.values()) {
      if (stuck === undefined) continue;
      count += 1;
      if (count > STUCK_BY_NAME) continue;
      const name = Buffer.from(key, 'latin1').toString('utf8');
      const why = stuck.error instanceof Error ? stuck.error.message : String(stuck.error);
      reasons.push(
        `a task of key '${name}' cannot be parked (partition ${partition}, mark ${mark}, offset ${stuck.item.offset}): ${why}`,
      );
    }
  }
  if (count > STUCK_BY_NAME) reasons.push(`${count - STUCK_BY_NAME} more keys cannot be parked`);
  return reasons;
}

function waitWords({ partition }: PartitionState, waitMs: number): string {
  const seconds = Math.floor(waitMs / 1_000);
  return `partition ${partition} is not read on: its leader has not said for ${seconds} s what it has of what was read`;
}

function wordsOf(halt: Loss | undefined): string {
  return halt === undefined ? '' : `: ${halt.reason}, offsets ${halt.from} to ${halt.to}`;
}

function haltedOf(halt: Loss | undefined): WorkerHealth['partitions'][number]['halted'] {
  return halt && { reason: halt.reason, from: BigInt(halt.from), to: BigInt(halt.to) };
}

function retentionReasons({ pinned, refused, alarms }: RetentionHealth): readonly string[] {
  // What is parked waits for an operator, and parts for what is in the queue: neither is news of its own.
  const kept = pinned.queuePartitions;
  return [
    ...(kept === 0 ? [] : [`what is finished is kept longer than asked for in ${partitionCount(kept)}`]),
    ...refused.map(({ topic }) => `nothing of '${topic}' can be deleted`),
    ...(alarms.length === 0
      ? []
      : [`Kafka will delete unfinished tasks of ${partitionCount(alarms.length)}`]),
  ];
}

function partitionCount(count: number): string {
  return count === 1 ? '1 partition' : `${count} partitions`;
}

/** Something could start, a slot is free, and nothing has moved for long. */
function isStalled(core: Readonly<CoreState> | undefined, partition: PartitionState, nowMs: number): boolean {
  if (core === undefined || partition.phase !== 'running' || core.runningCount >= core.config.concurrency)
    return false;
  if (partition.peekReady() === undefined || partition.full) return false;
  return nowMs - (partition.progressAtMs ?? partition.startedAtMs) >= STALLED_AFTER_MS;
}

function statusOf(
  life: Parameters<typeof judgeHealth>[0],
  stalled: boolean,
  degraded: boolean,
): WorkerHealth['status'] {
  if (life === 'new' || life === 'starting') return 'starting';
  if (life !== 'running') return life;
  if (stalled) return 'stalled';
  return degraded ? 'degraded' : 'ok';
}

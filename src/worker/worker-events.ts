import type { PartsLostError } from '../errors/body-errors.ts';
import type { ParkReason } from '../journal/journal.ts';
import type { KafkaFailure } from '../kafka/port.ts';
import type { StopReason, TakingNote } from './core/judge-taking.ts';
import type { RetentionAlarm, RetentionPins, RetentionRefusal } from './retention/retention-health.ts';

/** Which task an event is about. */
export interface TaskRef {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly partition: number;
  readonly offset: bigint;
  /** 1 for the first try since the key's last success. */
  readonly attempt: number;
  /** The epoch the task runs under. */
  readonly fencingToken: bigint;
}

/** What is parked: a key's tasks, or one of them, under a mark in the journal. */
export interface ParkedRef {
  readonly partition: number;
  readonly key: string;
  readonly mark: number;
}

/** A command to hold or to release a key or a type: of the two one is undefined. */
export interface OperatorHold {
  readonly partition: number;
  readonly key: string | undefined;
  /** As the command names it: the type's present name or an alias. Each name of a type is a command of its own. */
  readonly type: string | undefined;
  /** The command's id, the same in each partition. */
  readonly command: string;
  /** Who asked. */
  readonly by: string;
}

/** Functions of the options that are no handlers. */
export type HookName = 'classify' | 'onPartitionsAssigned' | 'onPartitionsRevoked';

/** A call of a hook that others wait for. */
export interface SlowHook {
  readonly hook: Exclude<HookName, 'classify'>;
  /** Those it was called for. */
  readonly partitions: readonly number[];
  readonly elapsedMs: number;
}

/** What a worker says of itself, by event name. Listeners are called synchronously and must not block. */
export interface WorkerEvents {
  /** The group gave us partitions; each starts after it was taken, see `partition-started`. */
  'partitions-assigned': { readonly partitions: readonly number[] };
  /** A partition was taken and its tasks run from `offset` on. */
  'partition-started': { readonly partition: number; readonly epoch: bigint; readonly offset: bigint };
  /** Something about where a partition starts that an operator should know. */
  'partition-note': { readonly partition: number; readonly note: TakingNote };
  /**
   * A partition is not worked on any more: tasks are lost, see the reason. Those at [from, to) are concerned; of a topic that
   * was recreated, all from `from` on in the one that is gone. `queue.pending.acceptLoss({ partition, below: to })` lets it
   * go on.
   */
  'partition-halted': {
    readonly partition: number;
    readonly reason: StopReason;
    readonly from: bigint;
    readonly to: bigint;
  };
  /** So many keys of a partition are unfinished that nothing more of it starts until one of them is done. */
  'partition-full': { readonly partition: number; readonly openKeys: number };
  /** So many tasks of a partition wait behind unfinished ones of their keys that no more of it is read until some are done. */
  'backlog-limit': { readonly partition: number; readonly waitingTasks: number };
  /** Records were expected and did not come; reading was begun anew. */
  'reading-restarted': { readonly partition: number; readonly offset: bigint };
  /**
   * After an election nothing of a partition is read, from `offset` on, until the new leader has said that it has all that was
   * read before. It has not for 30 s: it does not answer, or there is none. Told once each time; `health()` says so for as
   * long as it lasts.
   */
  'reading-waits': { readonly partition: number; readonly offset: bigint; readonly elapsedMs: number };
  /** The group wants partitions back; they are drained and answered. */
  'partitions-revoked': { readonly partitions: readonly number[] };
  /** All that was asked back has been given up. */
  'partitions-released': { readonly partitions: readonly number[] };
  /** The group took partitions away without asking. */
  'partitions-lost': { readonly partitions: readonly number[] };
  /** Handlers did not end within drainMs; their signals were aborted and their work is void. */
  'drain-expired': { readonly partition: number; readonly runningCount: number };
  /** A partition was given up although its last commit was not acknowledged: finished tasks may run again. */
  'released-uncommitted': { readonly partition: number };
  /** The brokers acknowledged a commit. Everything below `doneBelow` is finished but for `openKeys` keys. */
  committed: {
    readonly partition: number;
    readonly offset: bigint;
    readonly doneBelow: bigint;
    readonly metadata: string;
    readonly epoch: bigint;
  };
  'commit-failed': { readonly partition: number; readonly failure: KafkaFailure };
  'task-started': TaskRef;
  /** Its handler ended well while the partition was still ours; later ends are void and not told. */
  'task-finished': TaskRef & { readonly durationMs: number };
  'task-failed': TaskRef & { readonly error: unknown; readonly retryInMs: number; readonly counted: boolean };
  'task-discarded': TaskRef & { readonly reason: string };
  /** A handler has not returned although its signal was aborted this long ago; its key waits for it. */
  'task-stuck': TaskRef & { readonly abortedMs: number };
  /**
   * A task's record was appended so long after its first part that its producer has told the caller that it is absent. It
   * counts as finished and its handler is not called.
   */
  'task-void': TaskRef & { readonly upload: string };
  /**
   * Parts of a task's payload or body are gone or damaged. Nothing wrong was given out as complete. `key-held` follows, or
   * `redrive-failed` when it was a parked task: it stays parked. A task that is being parked is parked without them.
   */
  'data-loss': {
    /** The task's place in the queue. */
    readonly partition: number;
    readonly offset: bigint;
    readonly key: string;
    readonly id: string | undefined;
    readonly type: string | undefined;
    /** What is lost, and where it was: offsets in the parts topic. */
    readonly upload: string;
    readonly parts: {
      readonly topic: string;
      readonly partition: number;
      readonly from: bigint;
      readonly to: bigint;
    };
    readonly error: PartsLostError;
  };
  /** A key waits until somebody acts (or another version is deployed); other keys go on. */
  'key-held': {
    readonly partition: number;
    readonly offset: bigint;
    readonly key: string;
    readonly id: string | undefined;
    readonly type: string | undefined;
    readonly reason:
      | 'gave-up'
      | 'unknown-type'
      | 'newer-version'
      | 'undecodable'
      | 'codec-missing'
      | 'store-missing'
      | 'data-loss';
    readonly attempts: number;
    readonly error: unknown;
  };
  /**
   * Nothing of a key, or of a type, starts any more in this partition: an operator's hold is obeyed. Told once a command
   * and partition, whether or not a task waits for it.
   */
  'held-by-operator': OperatorHold;
  /** An operator's release is obeyed: what waited for a hold goes on, and a key that waited for its next try is tried. */
  'released-by-operator': OperatorHold;
  /** A partition was taken in which operators hold keys and types: their tasks wait until they are released. */
  'holds-found': {
    readonly partition: number;
    readonly keys: readonly string[];
    readonly types: readonly string[];
  };
  /** A key, or one task of it, is parked: the journal says so, and its tasks go to the parked topic. */
  'key-parked': ParkedRef & {
    /** The first task's offset in the queue's topic. */
    readonly offset: bigint;
    readonly scope: 'key' | 'task';
    /** Of the task that gave up; undefined when an operator parked the key, or the record is no task. */
    readonly id: string | undefined;
    readonly type: string | undefined;
    readonly reason: ParkReason;
    readonly error: unknown;
  };
  /**
   * A task that is to be parked stays in the queue, whole, and its key waits: its payload or body cannot be copied, as its
   * store does not answer, or has no such object although keylane has not deleted it (`error.reason` is `unreachable`). It
   * is tried again, every 30 s at the longest, and parked when the store is back. When the object is gone for good,
   * `queue.parked.discard(event)` gives this task up, and those behind it are parked. Told again every 10 minutes.
   */
  'parking-stuck': ParkedRef & {
    /** The task's offset in the queue's topic. */
    readonly offset: bigint;
    readonly id: string | undefined;
    readonly type: string | undefined;
    /** A `PayloadStoreError` or a `StoreMissingError`. */
    readonly error: unknown;
  };
  /** What is parked under a mark runs again, in order; the key's tasks in the queue wait behind it. */
  'key-redriving': ParkedRef;
  /** All of it is done, `tasks` of them by this worker; the key goes on in the queue. */
  'key-redriven': ParkedRef & { readonly tasks: number };
  /** A parked task gave up again: it and all behind it stay parked. */
  'redrive-failed': ParkedRef & { readonly tasks: number; readonly error: unknown };
  'parked-discarded': ParkedRef;
  /** A task was finished without being run because an operator (`by`) asked for it. */
  'task-skipped': {
    readonly partition: number;
    readonly offset: bigint;
    readonly key: string;
    readonly id: string | undefined;
    readonly type: string | undefined;
    readonly command: string;
    readonly by: string;
  };
  /** An operator's command was carried out, or found to concern nothing. */
  'command-done': {
    readonly partition: number;
    readonly command: string;
    /** 'park', 'skip', 'redrive', 'discard' or 'accept-loss'. */
    readonly verb: string;
    readonly outcome: string;
  };
  /** Most keys of a type fail and none succeeds: its tasks wait, one probe at a time. Attempts are not counted. */
  'outage-began': { readonly type: string };
  'outage-ended': { readonly type: string };
  /** A function given in the worker's options threw, or took too long; the worker goes on without it. */
  'hook-failed': { readonly hook: HookName; readonly error: unknown };
  /**
   * A hook has not settled for 30 s; told again every 30 s. Nothing is claimed of partitions that were assigned with it, or
   * since, and hooks for what came and went since wait as well.
   */
  'hook-slow': SlowHook;
  /** Records of a topic of the queue were deleted: what is left begins at `below`. */
  purged: { readonly topic: string; readonly partition: number; readonly below: bigint };
  /**
   * Records that are old enough to go stay, because something needs them: in all partitions of this worker, in one event.
   * Told when that begins in one of them, and then every 10 minutes (or every `keepFinishedMs`, if that is shorter) for as
   * long as it lasts; `health()` has what is pinned now.
   */
  'retention-pinned': RetentionPins;
  /** Nothing of a topic can be deleted. Told again like `retention-pinned`. */
  'retention-refused': RetentionRefusal;
  /** Half of the time is over after which Kafka deletes an unfinished task. Told again like `retention-pinned`. */
  'retention-alarm': RetentionAlarm;
  /**
   * The group's coordinator believes the worker to own something else than it was told: an answer got lost. The worker hands
   * over all it has and joins again. Not `certain`: an answer got lost, and a worker that has nothing cannot tell whether it is
   * to have anything; where there are more workers than partitions, most of those that join again so have missed nothing.
   */
  rejoining: { readonly group: string; readonly difference: string; readonly certain: boolean };
  /** Something Kafka said that keylane deals with by itself. */
  problem: { readonly failure: KafkaFailure };
  /** The process stood still; nothing starts before the group has acknowledged a new commit. */
  'stood-still': { readonly gapMs: number };
}

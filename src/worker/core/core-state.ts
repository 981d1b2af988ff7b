import type { Effect, PartitionEffect, Run } from './effects.ts';
import type { Item, Lane } from './lane.ts';
import type { LiveKeys } from './live-keys.ts';
import { MemoryGate } from './memory-gate.ts';
import { MinHeap } from './min-heap.ts';
import { OutageDetector } from './outage.ts';
import type { PartitionState } from './partition-state.ts';
import type { RetryPolicy } from './retry.ts';
import type { SharedBudget } from './shared-budget.ts';
import type { SuspectGate } from './suspect-gate.ts';
import { type Inheritance, Suspects } from './suspect-list.ts';
import { limitOf, type TypeLimit } from './type-limits.ts';
import type { AfterGiveUp, TypePolicy } from './type-policy.ts';

/** What the core decides by. All times in milliseconds of the monotonic clock, but for those that are written down. */
export interface CoreConfig {
  /** Names the queue's keys among those of other queues and groups of the process. */
  readonly scope: string;
  /** The id written on a record; undefined when it has none. */
  readonly taskId: (item: Item) => string | undefined;
  /** What becomes of a task of this type that is not tried any more. */
  readonly afterGiveUp: (type: string) => AfterGiveUp;
  /** A task that others do not wait for is not to run before this time, as people count it. Left out: none is delayed. */
  readonly notBeforeMs?: (item: Item) => number | undefined;
  /** Memory that a start takes beside its record. Left out: none. */
  readonly contentBytes?: (item: Item) => number;
  readonly concurrency: number;
  readonly commitIntervalMs: number;
  readonly drainMs: number;
  /** How many offsets beyond what was started a commit allows to start before the next one, at least and at most. */
  readonly startAhead: { readonly min: number; readonly max: number };
  /** Suspects that may be under way at once in a process. */
  readonly suspectsAtOnce: number;
  /** Starts of a suspect that ended with their process, after the crash that made it one: then it is given up. */
  readonly suspectStarts: number;
  readonly retry: RetryPolicy;
  /** What holds for the tasks of a type, by the name that a record carries. Left out: no type differs. */
  readonly typePolicy?: (recorded: string) => TypePolicy;
  /** First and longest pause between two probes of a type in outage. */
  readonly probe: { readonly minMs: number; readonly maxMs: number };
  /** Bytes of records a partition may hold before its reading pauses. */
  readonly partitionBytes: number;
  /** Records a lane that cannot run keeps when memory is short. */
  readonly lookAheadCount: number;
  /** Unfinished tasks of a partition that are kept track of at once. */
  readonly trackedTasks: number;
  /** Tasks of one lane that are kept track of; what it has beyond is found again by a sweep. */
  readonly listedTasks: number;
  /** How often an owner restates its frontier in the journal. */
  readonly confirmIntervalMs: number;
}

export interface TypeState {
  readonly policy: TypePolicy;
  readonly limit: TypeLimit | undefined;
  readonly outage: OutageDetector;
  runningCount: number;
  /** The last probe of an outage, until it ends; others wait for it until then, or until a time. */
  probe: Run | undefined;
  probeUntilMs: number;
  probePatienceMs: number;
  /** Lanes that wait for the end of the outage. */
  readonly waiting: Map<Lane, PartitionState>;
}

export interface Revocation {
  readonly id: number;
  readonly partitions: Set<PartitionState>;
  /** Until then handlers may run on. */
  readonly drainUntilMs: number;
  /** Until then the last commit is tried. */
  readonly commitUntilMs: number;
  expired: boolean;
}

/** What the workers of a process share. */
export interface SharedByWorkers {
  readonly budget: SharedBudget;
  readonly liveKeys: LiveKeys;
  readonly suspectGate: SuspectGate;
}

interface Due {
  readonly lane: Lane;
  readonly partition: PartitionState;
}

/** Everything a worker's core knows. The files beside this one read and change it; nothing else does. */
export class CoreState {
  readonly config: CoreConfig;
  readonly budget: SharedBudget;
  readonly liveKeys: LiveKeys;
  readonly suspectGate: SuspectGate;
  readonly suspects = new Suspects();
  readonly memory = new MemoryGate();
  readonly partitions = new Map<number, PartitionState>();
  /** By their present names. */
  readonly types = new Map<string, TypeState>();
  readonly #typeOfRecord = new Map<string, TypeState>();
  readonly revocations = new Map<number, Revocation>();
  /** Starts whose end has not come yet, those that no longer count included. */
  readonly runs = new Set<Run>();
  /** The run a lane has now. */
  readonly runOf = new Map<Lane, Run>();
  readonly due = new MinHeap<Due>();
  /** Partitions with something to start, in turn. */
  readonly turn: PartitionState[] = [];
  /** Partitions whose taking failed and is to be tried again. */
  readonly takingAgain = new Set<PartitionState>();
  /** Halted partitions to take anew, as an operator accepts what was lost; until when open ends may hold that up. */
  readonly retaking = new Map<PartitionState, number>();
  /** Partitions whose reading is paused. */
  readonly paused = new Set<PartitionState>();
  /** Partitions whose reading waits for a leader, until it was told that they do. */
  readonly leaderWaits = new Set<PartitionState>();
  /** Full partitions that wait until delayed tasks may make room. */
  readonly roomWanted = new Set<PartitionState>();
  /** Partitions with a lane that has run out of records. */
  readonly sweepWanted = new Set<PartitionState>();
  /** Lanes with a task that runs, and a command to park their key. */
  readonly parkWaiting = new Map<Lane, PartitionState>();
  /** Partitions with a mark that waits to be redriven or discarded. */
  readonly settling = new Set<PartitionState>();
  /** Partitions with a redrive that has run out of records. */
  readonly parkedWanted = new Set<PartitionState>();
  /** Partitions with a redrive. */
  readonly redriving = new Set<PartitionState>();
  /** What failed and is done again after a while. */
  readonly repeat = new MinHeap<PartitionEffect>();
  effects: Effect[] = [];
  stopping = false;
  nowMs = 0;
  /** Under which epoch this worker had partitions last, and what was suspect when it took them. */
  readonly ownEpochs = new Map<number, Inheritance>();
  /** Time as people and records count it: only for first-failure times that are written into commits. */
  wallMs = 0;
  /** Partitions that the commit under way names; undefined = none is under way. */
  inCommit: ReadonlySet<number> | undefined;
  /** Partitions to look at once the commit under way, which names them for a former assignment, is answered. */
  readonly inspectLater = new Set<PartitionState>();
  /** A partition waits for a commit: it is sent at once, not at the next interval. */
  commitUrgent = false;
  nextCommitAtMs = 0;
  commitFailures = 0;
  nextConfirmAtMs = 0;
  /** A running mean of record sizes, for how many to ask for. Begins high: too few at first cost nothing. */
  meanBytes = 65_536;

  constructor(config: CoreConfig, shared: SharedByWorkers) {
    this.config = config;
    this.budget = shared.budget;
    this.liveKeys = shared.liveKeys;
    this.suspectGate = shared.suspectGate;
  }

  get runningCount(): number {
    return this.runs.size;
  }

  get commitUnderWay(): boolean {
    return this.inCommit !== undefined;
  }

  /** By the name that a record carries. */
  type(recorded: string): TypeState {
    let state = this.#typeOfRecord.get(recorded);
    if (state === undefined) {
      state = this.#typeNamed(recorded);
      this.#typeOfRecord.set(recorded, state);
    }
    return state;
  }

  #typeNamed(recorded: string): TypeState {
    const { retry, typePolicy, probe } = this.config;
    const policy = typePolicy?.(recorded) ?? {
      name: recorded,
      retry,
      concurrency: Number.POSITIVE_INFINITY,
      rateLimit: undefined,
    };
    let state = this.types.get(policy.name);
    if (state === undefined) {
      state = {
        policy,
        limit: limitOf(policy),
        outage: new OutageDetector(probe),
        runningCount: 0,
        probe: undefined,
        probeUntilMs: 0,
        probePatienceMs: 0,
        waiting: new Map(),
      };
      this.types.set(policy.name, state);
    }
    return state;
  }

  keyName(lane: Lane): string {
    return `${this.config.scope}\n${lane.key}`;
  }
}

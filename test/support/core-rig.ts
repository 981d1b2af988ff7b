import { foldJournal } from '../../src/journal/journal.ts';
import type { CommitOutcome, IncomingRecord, KafkaFailure } from '../../src/kafka/port.ts';
import type { CoreConfig } from '../../src/worker/core/core-state.ts';
import type { CommitItem, CoreReport, Effect, Run, Verdict } from '../../src/worker/core/effects.ts';
import type { TakingFinding } from '../../src/worker/core/judge-taking.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { LiveKeys } from '../../src/worker/core/live-keys.ts';
import type { PartitionState, Reading } from '../../src/worker/core/partition-state.ts';
import { SharedBudget } from '../../src/worker/core/shared-budget.ts';
import { SuspectGate } from '../../src/worker/core/suspect-gate.ts';
import { type Moment, WorkerCore } from '../../src/worker/core/worker-core.ts';

const baseConfig: CoreConfig = {
  scope: 'q',
  taskId: (item) => `id-${item.offset}`,
  afterGiveUp: () => 'wait',
  concurrency: 4,
  commitIntervalMs: 100,
  drainMs: 1_000,
  startAhead: { min: 1_000_000, max: 1_000_000 },
  suspectsAtOnce: 4,
  suspectStarts: 2,
  retry: { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined },
  probe: { minMs: 200, maxMs: 5_000 },
  partitionBytes: 1_000_000,
  lookAheadCount: 2,
  trackedTasks: 100_000,
  listedTasks: 10_000,
  confirmIntervalMs: 3_600_000,
};

/** What a new owner finds in a partition that nobody has worked on. */
function freshFinding(partition: PartitionState, logEnd = 1_000_000): TakingFinding {
  return {
    epoch: partition.epoch,
    committed: undefined,
    history: foldJournal([]),
    lastWord: -1,
    logStart: 0,
    logEnd,
    leaderEnds: new Map(),
    topicId: 'topic',
    statePin: 'abcdefghijklmnopqrstuv', // as long as a Kafka topic id
  };
}

export function itemOf(
  offset: number,
  key: string,
  more: { readonly type?: string; readonly bytes?: number } = {},
): Item {
  const record: IncomingRecord = {
    topic: 'q',
    partition: 0,
    offset,
    timestampMs: 0,
    key: Buffer.from(key),
    value: Buffer.alloc(0),
    headers: [],
  };
  return { offset, key, type: more.type ?? 'job', bytes: more.bytes ?? 100, record };
}

/** Items of one partition with rising offsets: one a key. */
export function itemsOf(from: number, keys: readonly string[], more?: Parameters<typeof itemOf>[2]): Item[] {
  return keys.map((key, i) => itemOf(from + i, key, more));
}

/** Where nothing was ordered, records come for an order that is not known. */
export function readingOf(partition: PartitionState): Reading {
  return partition.reading ?? { partition, offset: 0 };
}

function sweepingOf(partition: PartitionState): Reading {
  return partition.sweep?.reading ?? { partition, offset: 0 };
}

/** A worker's core, its effects noted instead of carried out. */
export class CoreRig {
  readonly core: WorkerCore;
  readonly budget: SharedBudget;
  readonly liveKeys: LiveKeys;
  readonly suspectGate: SuspectGate;
  /** Everything the core asked for, in order. */
  readonly effects: Effect[] = [];
  /** Starts that have not been ended. */
  readonly running: Run[] = [];
  #nowMs = 10_000;
  #claims = 100;

  constructor(
    config: Partial<CoreConfig> = {},
    shared: {
      readonly budgetBytes?: number;
      readonly budget?: SharedBudget;
      readonly liveKeys?: LiveKeys;
      readonly suspectGate?: SuspectGate;
    } = {},
  ) {
    this.budget = shared.budget ?? new SharedBudget(shared.budgetBytes ?? 100_000_000);
    this.liveKeys = shared.liveKeys ?? new LiveKeys();
    this.suspectGate = shared.suspectGate ?? new SuspectGate();
    this.core = new WorkerCore({ ...baseConfig, ...config }, this);
  }

  get at(): Moment {
    return { monotonicMs: this.#nowMs, wallMs: 1_700_000_000_000 + this.#nowMs };
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** What was asked for since the last look. */
  tell(event: (core: WorkerCore, at: Moment) => void): readonly Effect[] {
    event(this.core, this.at);
    const effects = this.core.takeEffects();
    for (const effect of effects) if (effect.kind === 'start') this.running.push(effect.run);
    this.effects.push(...effects);
    return effects;
  }

  /** Time passes. */
  pass(ms: number): readonly Effect[] {
    this.#nowMs += ms;
    return this.tell((core, at) => core.tick(at));
  }

  assign(number: number): PartitionState {
    this.tell((core, at) => core.assigned(at, [number]));
    return this.partition(number);
  }

  partition(number: number): PartitionState {
    const partition = this.core.state.partitions.get(number);
    if (partition === undefined) throw new Error(`partition ${number} is not there`);
    return partition;
  }

  claim(partition: PartitionState): void {
    this.#claims += 1;
    const epoch = this.#claims;
    this.tell((core, at) => core.claimed(at, partition, epoch));
  }

  inspect(partition: PartitionState, finding: Partial<TakingFinding> = {}): void {
    this.tell((core, at) => core.inspected(at, partition, { ...freshFinding(partition), ...finding }));
  }

  confirm(partition: PartitionState): void {
    this.tell((core, at) => core.confirmed(at, partition));
  }

  /** A partition that runs. */
  take(number: number, finding: Partial<TakingFinding> = {}): PartitionState {
    const partition = this.assign(number);
    this.claim(partition);
    this.inspect(partition, finding);
    this.ack();
    this.confirm(partition);
    if (partition.phase !== 'running') throw new Error(`partition ${number} is ${partition.phase}`);
    return partition;
  }

  records(partition: PartitionState, items: readonly Item[]): readonly Effect[] {
    return this.tell((core, at) => core.records(at, readingOf(partition), items));
  }

  swept(partition: PartitionState, items: readonly Item[]): readonly Effect[] {
    return this.tell((core, at) => core.swept(at, sweepingOf(partition), items));
  }

  /** The run of a key that was started last and has not ended. */
  runOf(key: string): Run {
    const run = this.running.findLast((candidate) => candidate.lane.key === key);
    if (run === undefined) throw new Error(`no task of '${key}' is running`);
    return run;
  }

  finish(run: Run): readonly Effect[] {
    this.#ended(run);
    return this.tell((core, at) => core.finished(at, run));
  }

  fail(run: Run, verdict: Partial<Extract<Verdict, { kind: 'retry' }>> = {}): readonly Effect[] {
    return this.end(run, {
      kind: 'retry',
      delayMs: undefined,
      countAttempt: true,
      error: new Error('x'),
      ...verdict,
    });
  }

  end(run: Run, verdict: Verdict): readonly Effect[] {
    this.#ended(run);
    return this.tell((core, at) => core.failed(at, run, verdict));
  }

  /** The commit that is under way. */
  commit(): readonly CommitItem[] {
    const last = this.of('commit').at(-1);
    if (last === undefined || !this.core.state.commitUnderWay) throw new Error('no commit is under way');
    return last.items;
  }

  /** The group acknowledges the commit under way, or refuses all of it. */
  ack(failure?: KafkaFailure): readonly CommitItem[] {
    const items = this.commit();
    const outcomes = items.map(
      ({ partition }): CommitOutcome => ({ topic: 'q', partition: partition.partition, failure }),
    );
    this.tell((core, at) => core.committed(at, items, outcomes));
    return items;
  }

  /** Acknowledges commits until nothing is left to say. */
  settle(): readonly CommitItem[] {
    const items: CommitItem[] = [];
    for (let round = 0; round < 1_000; round += 1) {
      if (this.core.state.commitUnderWay) items.push(...this.ack());
      else if ([...this.core.state.partitions.values()].some(({ dirty }) => dirty)) this.pass(100);
      else return items;
    }
    throw new Error('commits go on for ever');
  }

  of<K extends Effect['kind']>(kind: K): (Effect & { readonly kind: K })[] {
    return this.effects.filter((effect): effect is Effect & { readonly kind: K } => effect.kind === kind);
  }

  reports<K extends CoreReport['kind']>(kind: K): Extract<CoreReport, { kind: K }>[] {
    return this.of('report')
      .map(({ report }) => report)
      .filter((report): report is Extract<CoreReport, { kind: K }> => report.kind === kind);
  }

  /** Keys with a running task, in the order of their starts. */
  get runningKeys(): string[] {
    return this.running.map((run) => run.lane.key);
  }

  #ended(run: Run): void {
    const at = this.running.indexOf(run);
    if (at < 0) throw new Error('this run has ended already');
    this.running.splice(at, 1);
  }
}

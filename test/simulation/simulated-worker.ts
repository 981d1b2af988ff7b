import { foldJournal } from '../../src/journal/journal.ts';
import type { CoreConfig } from '../../src/worker/core/core-state.ts';
import type { CommitItem, Effect, Run } from '../../src/worker/core/effects.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { LiveKeys } from '../../src/worker/core/live-keys.ts';
import type { PartitionState } from '../../src/worker/core/partition-state.ts';
import { SharedBudget } from '../../src/worker/core/shared-budget.ts';
import { SuspectGate } from '../../src/worker/core/suspect-gate.ts';
import { type Moment, WorkerCore } from '../../src/worker/core/worker-core.ts';
import { mutateEffects, mutateFinding, mutateItems } from './mutants.ts';
import { isEmpty, type LogRecord } from './reference.ts';
import type { World } from './world.ts';

const RECORD_BYTES = 100;

/** What a process has open towards the log. */
interface Position {
  readonly state: PartitionState;
  at: number;
}

/** One process with one worker: the core, and I/O that takes a while and may go wrong. */
export class SimulatedWorker {
  readonly world: World;
  readonly budget: SharedBudget;
  readonly liveKeys = new LiveKeys();
  readonly suspectGate = new SuspectGate();
  readonly core: WorkerCore;
  readonly tails = new Map<number, Position>();
  readonly sweeps = new Map<number, Position>();
  readonly paused = new Set<number>();
  readonly running: Run[] = [];
  alive = true;
  /** The group knows it as a member. */
  known = true;
  leaving = false;
  readonly #revocations = new Map<number, readonly number[]>();
  /** What its reader has lost. */
  readonly #lostOnce = new Set<LogRecord>();
  #revocationCount = 0;
  #working = false;

  constructor(world: World) {
    this.world = world;
    this.budget = new SharedBudget(world.scenario.budgetBytes);
    const config: CoreConfig = {
      scope: 'q',
      taskId: () => undefined,
      afterGiveUp: () => 'wait',
      concurrency: world.scenario.concurrency,
      commitIntervalMs: 50,
      drainMs: 200,
      startAhead: { min: 2, max: 16 },
      suspectsAtOnce: 2,
      retry: {
        minDelayMs: 10,
        maxDelayMs: 100,
        giveUpAfterMs: Number.POSITIVE_INFINITY,
        maxAttempts: undefined,
      },
      probe: { minMs: 10, maxMs: 50 },
      partitionBytes: world.scenario.budgetBytes / 2,
      lookAheadCount: 2,
      trackedTasks: 1_000,
      confirmIntervalMs: 2_000,
    };
    this.core = new WorkerCore(config, this);
  }

  get at(): Moment {
    return { monotonicMs: this.world.nowMs, wallMs: this.world.nowMs };
  }

  tell(event: (core: WorkerCore, at: Moment) => void): void {
    event(this.core, this.at);
    if (this.#working) return;
    this.#working = true;
    for (let effects = this.core.takeEffects(); effects.length > 0; effects = this.core.takeEffects()) {
      for (const effect of mutateEffects(this, effects)) this.#carryOut(effect);
    }
    this.#working = false;
  }

  revoke(partitions: readonly number[]): void {
    this.#revocationCount += 1;
    const id = this.#revocationCount;
    this.#revocations.set(id, partitions);
    this.#later(() => {
      if (this.world.scenario.mutant === 'ignored-revoke') {
        this.world.answered(this, partitions);
        return;
      }
      this.tell((core, at) => core.revoked(at, id, partitions));
    });
  }

  /** Brings some records of the tail, as many as the core wants. */
  poll(position: Position): void {
    const wanted = this.core.wantedCount();
    if (wanted === 0 || this.paused.has(position.state.partition)) return;
    const items = this.#read(position, Math.min(wanted, 1 + this.world.random.below(6)));
    if (items.length > 0)
      this.tell((core, at) => core.records(at, position.state, mutateItems(this, items, 'tail')));
  }

  pollSweep(position: Position): void {
    const items = this.#read(position, 1 + this.world.random.below(6));
    if (items.length > 0)
      this.tell((core, at) => core.swept(at, position.state, mutateItems(this, items, 'sweep')));
  }

  /** A handler comes to its end. The core hears of it a moment later. */
  endHandler(run: Run, success: boolean): void {
    const at = this.running.indexOf(run);
    if (at >= 0) this.running.splice(at, 1);
    this.world.reference.ended(this, recordOf(run), success);
    this.#later(() =>
      this.tell((core, moment) => {
        if (success) core.finished(moment, run);
        else {
          core.failed(moment, run, {
            kind: 'retry',
            delayMs: undefined,
            countAttempt: true,
            error: 'failed',
          });
        }
      }),
    );
  }

  #later(run: () => void): void {
    this.world.later(() => this.alive, run);
  }

  #read(position: Position, count: number): Item[] {
    const log = this.world.reference.log(position.state.partition);
    const stretch = log.slice(position.at, position.at + count);
    position.at += stretch.length;
    const records = stretch.filter((record) => !isEmpty(record));
    // A client that loses something once: reading it again brings it.
    const [lost, ...others] = records;
    if (lost !== undefined && !this.#lostOnce.has(lost) && this.world.fault(0.05)) {
      this.#lostOnce.add(lost);
      this.world.count('records lost by a reader');
      return others.map(itemOf);
    }
    return records.map(itemOf);
  }

  #carryOut(effect: Effect): void {
    const { world } = this;
    world.count(effect.kind);
    switch (effect.kind) {
      case 'claim':
        this.#claim(effect.partition);
        return;
      case 'inspect':
        this.#inspect(effect.partition);
        return;
      case 'confirm':
        this.#confirm(effect);
        return;
      case 'commit':
        this.#commit(effect.items);
        return;
      case 'read': {
        const { partition, offset } = effect;
        this.tails.delete(partition.partition);
        this.paused.delete(partition.partition);
        this.#later(() => {
          if (partition.phase === 'running')
            this.tails.set(partition.partition, { state: partition, at: offset });
        });
        return;
      }
      case 'stop-reading':
        if (this.tails.get(effect.partition.partition)?.state === effect.partition) {
          this.tails.delete(effect.partition.partition);
        }
        return;
      case 'pause':
        this.paused.add(effect.partition.partition);
        return;
      case 'resume':
        this.paused.delete(effect.partition.partition);
        return;
      case 'sweep':
        this.sweeps.set(effect.partition.partition, { state: effect.partition, at: effect.from });
        return;
      case 'stop-sweep':
        if (this.sweeps.get(effect.partition.partition)?.state === effect.partition) {
          this.sweeps.delete(effect.partition.partition);
        }
        return;
      case 'check-gap':
        this.#later(() => {
          const { partition, found } = effect;
          const log = { start: 0, found };
          this.tell((core, at) =>
            effect.of === 'tail'
              ? core.gapChecked(at, partition, log)
              : core.sweepGapChecked(at, partition, log),
          );
        });
        return;
      case 'start':
        world.reference.started(this, recordOf(effect.run), effect.run.partition.epoch);
        this.running.push(effect.run);
        return;
      case 'await-key': {
        const { partition, lane } = effect;
        const freed = (): void =>
          this.#later(() => this.tell((core, at) => core.keyFreed(at, partition, lane)));
        this.liveKeys.whenFree(this.core.state.keyName(lane), freed);
        return;
      }
      case 'answer-revoke': {
        const partitions = this.#revocations.get(effect.revocation) ?? [];
        this.#revocations.delete(effect.revocation);
        world.answered(this, partitions);
        return;
      }
      case 'report':
        world.count(`report ${effect.report.kind}`);
        if (effect.report.kind === 'partition-halted') {
          const { partition, reason, from, to } = effect.report;
          world.reference.violations.push(
            `partition ${partition} was halted for ${reason} [${from}, ${to}) without cause`,
          );
        }
        return;
      case 'abort':
        world.reference.voided(this, recordOf(effect.run));
        return;
      case 'drain':
      case 'committed':
    }
  }

  #claim(partition: PartitionState): void {
    const { world } = this;
    this.#later(() => {
      const refused = world.fault(0.05);
      const epoch = refused
        ? -1
        : world.appendEntry({ kind: 'claim', group: 'g', partition: partition.partition, by: 'sim' });
      const unheard = refused || world.fault(0.05);
      this.#later(() =>
        this.tell((core, at) =>
          unheard ? core.takingFailed(at, partition) : core.claimed(at, partition, epoch),
        ),
      );
    });
  }

  #inspect(partition: PartitionState): void {
    const { world } = this;
    this.#later(() => {
      const number = partition.partition;
      const stored = world.committed.get(number);
      const logEnd = world.reference.log(number).length;
      this.#later(() =>
        this.tell((core, at) => {
          if (world.fault(0.05)) core.takingFailed(at, partition);
          else {
            core.inspected(
              at,
              partition,
              mutateFinding(this, {
                epoch: partition.epoch,
                committed: stored,
                history: foldJournal(world.history(number, partition.epoch)),
                logStart: 0,
                logEnd,
                topicId: 't',
                statePin: 's',
              }),
            );
          }
        }),
      );
    });
  }

  #confirm({ partition, frontier, reason }: Extract<Effect, { kind: 'confirm' }>): void {
    const { world } = this;
    const { epoch } = partition;
    this.#later(() => {
      const refused = world.fault(0.05);
      if (!refused) {
        world.reference.confirmedInJournal(partition.partition, epoch);
        world.appendEntry({
          kind: 'confirm',
          group: 'g',
          partition: partition.partition,
          epoch,
          frontier,
          topicId: 't',
          reason,
        });
      }
      if (!refused) world.tellConfirmed(partition.partition, epoch);
      if (reason !== 'taken') return;
      const history = foldJournal(world.history(partition.partition, world.journal.length));
      const unheard = refused || history.newestConfirmedEpoch !== epoch || world.fault(0.05);
      this.#later(() =>
        this.tell((core, at) => (unheard ? core.takingFailed(at, partition) : core.confirmed(at, partition))),
      );
    });
  }

  #commit(items: readonly CommitItem[]): void {
    this.#later(() => {
      const outcomes = this.world.commit(this, items);
      this.#later(() => this.tell((core, at) => core.committed(at, items, outcomes)));
    });
  }
}

function itemOf(record: LogRecord): Item {
  return {
    offset: record.offset,
    key: record.key,
    type: 'task',
    bytes: RECORD_BYTES,
    record: {
      topic: 'q',
      partition: record.partition,
      offset: record.offset,
      timestampMs: 0,
      key: Buffer.from(record.key),
      value: null,
      headers: [],
    },
  };
}

function recordOf(run: Run): LogRecord {
  return { partition: run.partition.partition, offset: run.item.offset, key: run.item.key };
}

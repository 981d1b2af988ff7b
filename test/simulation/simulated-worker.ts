import type { CoreConfig } from '../../src/worker/core/core-state.ts';
import type { CoreReport, Effect, Run, Verdict } from '../../src/worker/core/effects.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { LiveKeys } from '../../src/worker/core/live-keys.ts';
import type { PartitionState, Reading } from '../../src/worker/core/partition-state.ts';
import { SharedBudget } from '../../src/worker/core/shared-budget.ts';
import { SuspectGate } from '../../src/worker/core/suspect-gate.ts';
import { type Moment, WorkerCore } from '../../src/worker/core/worker-core.ts';
import { mutateEffects, mutateItems } from './mutants.ts';
import type { LogRecord } from './reference.ts';
import type { Scenario } from './scenario.ts';
import { SimulatedFeed } from './simulated-feed.ts';
import { SimulatedParking } from './simulated-parking.ts';
import { SimulatedTaking } from './simulated-taking.ts';
import type { SimulatedEvent } from './transitions.ts';
import type { World } from './world.ts';

/** One process with one worker: the core, and I/O that takes a while and may go wrong. */
export class SimulatedWorker {
  readonly world: World;
  readonly budget: SharedBudget;
  readonly liveKeys = new LiveKeys();
  readonly suspectGate = new SuspectGate();
  readonly core: WorkerCore;
  readonly tail: SimulatedFeed;
  readonly sweeps: SimulatedFeed;
  readonly running: Run[] = [];
  alive = true;
  /** The group knows it as a member. */
  known = true;
  readonly #taking: SimulatedTaking;
  readonly #parking: SimulatedParking;
  /** The next entry of the journal that it reads. */
  #followed: number;
  readonly #revocations = new Map<number, readonly number[]>();
  #revocationCount = 0;
  #working = false;

  constructor(world: World) {
    this.world = world;
    this.budget = new SharedBudget(world.scenario.budgetBytes);
    this.core = new WorkerCore(configOf(world.scenario), this);
    this.#taking = new SimulatedTaking(this);
    this.#parking = new SimulatedParking(this);
    this.#followed = world.journal.length;
    const later = (run: () => void): void => this.later(run);
    this.tail = new SimulatedFeed({
      world,
      later,
      wantedCount: () => this.core.wantedCount(),
      deliver: (reading, items) => this.#deliver(reading, mutateItems(this, items, 'tail')),
    });
    this.sweeps = new SimulatedFeed({
      world,
      later,
      wantedCount: () => 100,
      deliver: (reading, items) =>
        this.hear(reading.partition, ['swept', 'late records'], (at) =>
          this.core.swept(at, reading, mutateItems(this, items, 'sweep')),
        ),
    });
  }

  #deliver(reading: Reading, items: readonly Item[]): void {
    this.hear(reading.partition, ['records', 'late records'], (at) => this.core.records(at, reading, items));
  }

  get #at(): Moment {
    return { monotonicMs: this.world.nowMs, wallMs: this.world.nowMs };
  }

  /** Tells the core something, and does what it wants done. */
  tell(event: (core: WorkerCore, at: Moment) => void): void {
    event(this.core, this.#at);
    if (this.#working) return;
    this.#working = true;
    for (let effects = this.core.takeEffects(); effects.length > 0; effects = this.core.takeEffects()) {
      for (const effect of mutateEffects(this, effects)) this.#carryOut(effect);
    }
    this.#working = false;
  }

  /** Tells the core something that concerns an assignment, and notes it under the name that fits. */
  hear(
    state: PartitionState,
    [event, late]: readonly [SimulatedEvent, SimulatedEvent],
    tell: (at: Moment) => void,
  ): void {
    this.world.note(state.partition, state.phase === 'gone' ? late : event);
    this.tell((_core, at) => tell(at));
  }

  /** Something that happens to all its partitions. */
  noteAll(event: SimulatedEvent): void {
    for (const partition of this.core.state.partitions.keys()) this.world.note(partition, event);
  }

  later(run: () => void): void {
    this.world.later(() => this.alive, run);
  }

  /** As many moments later. */
  laterBy(moments: number, run: () => void): void {
    this.later(() => {
      if (moments > 0) this.laterBy(moments - 1, run);
      else run();
    });
  }

  tick(): void {
    this.noteAll('ticked');
    this.tell((core, at) => core.tick(at));
  }

  revoke(partitions: readonly number[]): void {
    this.#revocationCount += 1;
    const id = this.#revocationCount;
    this.#revocations.set(id, partitions);
    this.later(() => {
      for (const partition of partitions) this.world.note(partition, 'revoked');
      if (this.world.scenario.mutant === 'ignored-revoke') this.world.group.answered(this, partitions);
      else this.tell((core, at) => core.revoked(at, id, partitions));
    });
  }

  lose(): void {
    this.noteAll('lost');
    this.tell((core, at) => core.lost(at, [...core.state.partitions.keys()]));
  }

  /** Reads the next entry of the journal. */
  follow(): void {
    const entry = this.world.journal[this.#followed];
    if (entry === undefined) return;
    this.#followed += 1;
    const { partition } = entry;
    const state = this.core.state.partitions.get(partition);
    if (entry.kind === 'confirm') {
      const known = state?.epoch ?? -1;
      if (known >= 0 && entry.epoch > known) this.world.note(partition, 'superseded');
      this.tell((core, at) => core.claimConfirmed(at, partition, entry.epoch));
    } else if (entry.kind === 'command') {
      if (state !== undefined) this.world.note(partition, 'heard command');
      this.tell((core, at) => core.commanded(at, partition, entry));
    }
  }

  /** Whoever looks at the history up to an entry has read it all. */
  followTo(offset: number): void {
    while (this.#followed <= offset && this.#followed < this.world.journal.length) this.follow();
  }

  /** A handler comes to its end. The core hears of it a moment later. */
  endHandler(run: Run, verdict: Verdict | undefined): void {
    const at = this.running.indexOf(run);
    if (at >= 0) this.running.splice(at, 1);
    this.world.reference.ended(this, recordOf(run), verdict === undefined || verdict.kind === 'discard');
    this.later(() => {
      const counts = this.core.state.runOf.get(run.lane) === run;
      const event = verdict === undefined ? 'finished' : 'failed';
      this.world.note(run.partition.partition, counts ? event : 'late end');
      this.tell((core, moment) =>
        verdict === undefined ? core.finished(moment, run) : core.failed(moment, run, verdict),
      );
    });
  }

  #carryOut(effect: Effect): void {
    const { world } = this;
    world.count(effect.kind);
    world.trace?.(`    worker ${world.workers.indexOf(this)} wants ${describe(effect)}`);
    switch (effect.kind) {
      case 'claim':
      case 'inspect':
      case 'confirm':
      case 'commit':
        this.#taking.carryOut(effect);
        return;
      case 'mark':
      case 'copy':
      case 'write':
      case 'read-parked':
      case 'postpone':
        this.#parking.carryOut(effect);
        return;
      case 'read':
        this.tail.read(effect.reading);
        return;
      case 'stop-reading':
        this.tail.stop(effect.partition);
        return;
      case 'pause':
        world.note(effect.partition.partition, 'paused');
        this.tail.pause(effect.partition);
        return;
      case 'resume':
        world.note(effect.partition.partition, 'resumed');
        this.tail.resume(effect.partition);
        return;
      case 'sweep':
        this.sweeps.read(effect.reading);
        return;
      case 'stop-sweep':
        this.sweeps.stop(effect.partition);
        return;
      case 'check-gap':
        this.#checkGap(effect);
        return;
      case 'start':
        world.note(effect.run.partition.partition, 'started');
        world.reference.started(this, recordOf(effect.run), ownerOf(effect.run));
        this.running.push(effect.run);
        return;
      case 'abort':
        world.reference.voided(this, recordOf(effect.run));
        return;
      case 'await-key':
        this.#awaitKey(effect);
        return;
      case 'answer-revoke':
        this.#answerRevoke(effect.revocation);
        return;
      case 'report':
        this.#report(effect.report);
        return;
      case 'drain':
      case 'committed':
    }
  }

  #checkGap({ partition, of, found }: Extract<Effect, { kind: 'check-gap' }>): void {
    const log = { start: 0, found };
    this.later(() =>
      this.hear(partition, ['gap checked', 'late records'], (at) => {
        if (of === 'tail') this.core.gapChecked(at, partition, log);
        else this.core.sweepGapChecked(at, partition, log);
      }),
    );
  }

  #awaitKey({ partition, lane }: Extract<Effect, { kind: 'await-key' }>): void {
    this.liveKeys.whenFree(this.core.state.keyName(lane), () =>
      this.later(() =>
        this.hear(partition, ['key freed', 'late end'], (at) => this.core.keyFreed(at, partition, lane)),
      ),
    );
  }

  #answerRevoke(revocation: number): void {
    const partitions = this.#revocations.get(revocation) ?? [];
    this.#revocations.delete(revocation);
    for (const partition of partitions) this.world.note(partition, 'released');
    this.world.group.answered(this, partitions);
  }

  #report(report: CoreReport): void {
    const { world } = this;
    world.count(`report ${report.kind}`);
    switch (report.kind) {
      case 'partition-halted': {
        const { partition, reason, from, to } = report;
        world.reference.fail(
          `partition ${partition} was halted for ${reason} [${from}, ${to}) without cause`,
        );
        return;
      }
      case 'parked':
        world.note(report.partition, 'parked');
        if (report.reason === 'crash-loop') world.condemned(report.partition, report.offset);
        return;
      case 'redrive-began':
        world.note(report.partition, 'redrive began');
        return;
      case 'redriven':
        world.note(report.partition, 'redriven');
        return;
      case 'redrive-failed':
        world.note(report.partition, 'redrive failed');
        return;
      case 'parked-discarded':
        world.note(report.partition, 'parked discarded');
        return;
      case 'key-held':
        world.note(report.partition, 'held');
        return;
      case 'task-skipped': {
        const { partition, item } = report;
        world.note(partition, 'skipped');
        const epoch = this.core.state.partitions.get(partition)?.epoch ?? -1;
        const asked = world.operators.haveAskedFor(partition, item.offset);
        world.reference.excused(partition, item.offset, { epoch, asked });
        return;
      }
      default:
    }
  }
}

function configOf(scenario: Scenario): CoreConfig {
  return {
    scope: 'q',
    concurrency: scenario.concurrency,
    commitIntervalMs: scenario.commitIntervalMs,
    drainMs: 200,
    startAhead: { min: 2, max: 16 },
    suspectsAtOnce: 2,
    // Here no task ends its process. One that runs alone when its process is killed or cut off would look as if it did.
    suspectStarts: 1_000,
    retry: {
      minDelayMs: 10,
      maxDelayMs: 100,
      giveUpAfterMs: Number.POSITIVE_INFINITY,
      maxAttempts: undefined,
    },
    probe: { minMs: 10, maxMs: 50 },
    partitionBytes: scenario.budgetBytes / 2,
    lookAheadCount: 2,
    trackedTasks: 1_000,
    listedTasks: 4,
    confirmIntervalMs: 2_000,
    taskId: ({ offset }) => `task-${offset}`,
    afterGiveUp: () => scenario.afterGiveUp,
  };
}

function recordOf(run: Run): LogRecord {
  return { partition: run.partition.partition, offset: run.item.offset, key: run.item.key };
}

function ownerOf({ partition, lane, item }: Run): {
  state: PartitionState;
  epoch: number;
  aside: boolean;
  given: number;
} {
  return { state: partition, epoch: partition.epoch, aside: lane.aside, given: item.record.offset };
}

function describe(effect: Effect): string {
  if ('run' in effect) return `${effect.kind} ${effect.run.partition.partition}@${effect.run.item.offset}`;
  if (effect.kind === 'commit') {
    return `commit ${effect.items.map(({ partition, offset, metadata }) => `${partition.partition}@${offset} ${metadata}`).join(' ')}`;
  }
  return 'partition' in effect ? `${effect.kind} ${effect.partition.partition}` : effect.kind;
}

import type { Effect, Run, Verdict } from '../../src/worker/core/effects.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { LiveKeys } from '../../src/worker/core/live-keys.ts';
import type { PartitionState, Reading } from '../../src/worker/core/partition-state.ts';
import type { SharedBudget } from '../../src/worker/core/shared-budget.ts';
import { SuspectGate } from '../../src/worker/core/suspect-gate.ts';
import { type Moment, WorkerCore } from '../../src/worker/core/worker-core.ts';
import { budgetOf, checkContents, forgetWaiting } from './contents.ts';
import { Holds } from './holds.ts';
import { mutateEffects, mutateItems } from './mutants.ts';
import { beforeTick, mutateVerdict } from './outage-mutants.ts';
import { OutageWatch } from './outage-watch.ts';
import { describe, ownerOf, startOf } from './run-views.ts';
import { SimulatedFeed } from './simulated-feed.ts';
import { SimulatedParking } from './simulated-parking.ts';
import { ReportReader } from './simulated-reports.ts';
import { SimulatedTaking } from './simulated-taking.ts';
import { openGate } from './suspect-mutants.ts';
import type { SimulatedEvent } from './transitions.ts';
import { isUnheard } from './type-mutants.ts';
import { configOf } from './worker-config.ts';
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
  readonly holds: Holds;
  readonly outages: OutageWatch;
  alive = true;
  /** The group knows it as a member. */
  known = true;
  /** It was told to come to its end. */
  stopping = false;
  readonly #reports: ReportReader;
  readonly #taking: SimulatedTaking;
  readonly #parking: SimulatedParking;
  /** The next entry of the journal that it reads. */
  #followed: number;
  readonly #revocations = new Map<number, readonly number[]>();
  #revocationCount = 0;
  #working = false;

  constructor(world: World) {
    this.world = world;
    this.budget = budgetOf(world.scenario);
    this.core = new WorkerCore(configOf(world), this);
    forgetWaiting(this);
    this.holds = new Holds(world);
    this.outages = new OutageWatch(world);
    this.#reports = new ReportReader(this);
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
    openGate(this);
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
    beforeTick(this);
    this.tell((core, at) => core.tick(at));
    if (this.world.scenario.lossRate > 0 && this.world.random.chance(0.15)) this.#lookAtLogs();
  }

  #lookAtLogs(): void {
    if (this.world.scenario.mutant === 'loss-unnoticed') return;
    for (const partition of this.core.state.partitions.values()) {
      const number = partition.partition;
      const start = this.world.losses.startOf(number);
      const end = this.world.reference.log(number).length;
      const log = { start, end, topicId: 't', statePin: 's', readTo: partition.nextOffset, left: undefined };
      this.later(() =>
        this.tell((core, at) => {
          core.logSeen(at, partition, log);
          // A reader is silent where there is nothing any more.
          if (partition.sweep !== undefined && partition.sweep.at < start)
            core.sweepStalled(at, partition, start);
        }),
      );
    }
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

  /** Begins to end in good order: it starts nothing more, and leaves when it has given up all it had. */
  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.noteAll('stopping');
    if (this.world.scenario.mutant !== 'stop-unheard') this.tell((core, at) => core.stopping(at));
    this.world.group.leave(this);
  }

  /** It has left the group. Handlers that did not end in time are left behind. */
  left(): void {
    if (!this.alive) return;
    if (this.core.state.partitions.size > 0) this.lose();
    this.alive = false;
    this.world.count('left');
    if (this.core.state.runs.size === 0 && this.budget.usedBytes > 0)
      this.world.reference.fail(`P11 bounds: a worker has left with ${this.budget.usedBytes} bytes`);
    this.world.reference.gone(this);
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
      this.holds.heard(entry);
      if (!isUnheard(this.world.scenario, entry))
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
    this.world.reference.ended(this, startOf(run), verdict === undefined || verdict.kind === 'discard');
    this.later(() => {
      const counts = this.core.state.runOf.get(run.lane) === run;
      const event = verdict === undefined ? 'finished' : 'failed';
      const isDown = this.outages.isDown(run.item.type);
      this.outages.heardEnd(startOf(run), verdict, counts);
      if (counts) this.world.reference.heardEnd(startOf(run), verdict, isDown);
      this.world.note(run.partition.partition, counts ? event : 'late end');
      const heard = mutateVerdict(this, run, verdict);
      this.tell((core, moment) =>
        heard === undefined ? core.finished(moment, run) : core.failed(moment, run, heard),
      );
      this.outages.said();
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
        checkContents(this, effect.run);
        world.reference.started(this, startOf(effect.run), ownerOf(effect.run));
        this.outages.started(startOf(effect.run));
        this.running.push(effect.run);
        return;
      case 'abort':
        world.reference.voided({ process: this, state: effect.run.partition }, startOf(effect.run));
        return;
      case 'await-key':
        this.#awaitKey(effect);
        return;
      case 'answer-revoke':
        this.#answerRevoke(effect.revocation);
        return;
      case 'report':
        this.#reports.read(effect.report);
        return;
      case 'drain':
      case 'look':
      case 'committed':
    }
  }

  #checkGap({ partition, of, found }: Extract<Effect, { kind: 'check-gap' }>): void {
    const log = { start: this.world.losses.startOf(partition.partition), found };
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
}

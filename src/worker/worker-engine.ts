import type { Clock } from '../clock/clock.ts';
import { endsWithin } from '../clock/ends-within.ts';
import type { WrittenEntry } from '../journal/journal.ts';
import type { KafkaFailure, Membership, MembershipEvent } from '../kafka/port.ts';
import type { Emitter } from '../telemetry/emitter.ts';
import { CommitSteps } from './commit-steps.ts';
import { releaseRun, releaseWaiting } from './core/breaking.ts';
import type { CommitItem, Effect, Run } from './core/effects.ts';
import type { LiveKeys } from './core/live-keys.ts';
import type { PartitionState, Reading } from './core/partition-state.ts';
import type { Moment, WorkerCore } from './core/worker-core.ts';
import type { EngineLink } from './engine-link.ts';
import { Handover } from './handover.ts';
import type { ParkingIo } from './parking-io.ts';
import { ParkingSteps } from './parking-steps.ts';
import type { PartitionHooks } from './partition-hooks.ts';
import type { PartitionIo } from './partition-io.ts';
import type { SweepFeed } from './reading/sweep-feed.ts';
import type { TailFeed } from './reading/tail-feed.ts';
import { ReadingSteps } from './reading-steps.ts';
import { emitReport } from './report-events.ts';
import { RunSteps } from './run-steps.ts';
import { hasStoodStill } from './running/standstill.ts';
import type { TaskEnd, TaskRunner } from './running/task-runner.ts';
import { TakingSteps } from './taking-steps.ts';
import type { WorkerEvents } from './worker-events.ts';

/** How often time is looked at. */
const TICK_MS = 25;

/** What is under way when a worker ends is waited for as long. */
const CLOSE_MS = 5_000;

export interface EngineDeps {
  readonly core: WorkerCore;
  readonly topic: string;
  readonly membership: Membership;
  readonly io: PartitionIo;
  readonly parking: ParkingIo;
  readonly tail: TailFeed;
  readonly sweeps: SweepFeed;
  readonly runner: TaskRunner;
  readonly hooks: PartitionHooks;
  readonly liveKeys: LiveKeys;
  readonly clock: Clock;
  readonly events: Emitter<WorkerEvents>;
  /** The group acknowledged that everything below is finished. */
  readonly onCommitted: (partition: number, frontier: number) => void;
  /** The same, with what was committed. */
  readonly onAcknowledged: (item: CommitItem) => void;
  /** Of a partition, what lies below in the parked topic is history. */
  readonly onParkedNeeded: (partition: number, parkedFrom: number) => void;
  readonly onFatal: (failure: KafkaFailure) => void;
  /** The core, or what carries out its decisions, has thrown. */
  readonly onBroken: (error: unknown) => void;
}

/**
 * The thin shell around the core: tells it what happened and does what it says. It decides nothing, and nothing is
 * awaited between an event and its effects.
 */
export class WorkerEngine {
  readonly #deps: EngineDeps;
  readonly #handover: Handover;
  readonly #taking: TakingSteps;
  readonly #reading: ReadingSteps;
  readonly #runs: RunSteps;
  readonly #commits: CommitSteps;
  readonly #parking: ParkingSteps;
  /** Journal entries whose outcome nobody waits for, but the end of the worker. */
  readonly #background = new Set<Promise<unknown>>();
  #draining = false;
  #broken = false;
  #timer: { clear(): void } | undefined;
  #lastTickMs = 0;

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    const { core, clock, events } = deps;
    const link: EngineLink = {
      core,
      events,
      tell: (event) => this.#tell(event),
      inBackground: (work) => this.#inBackground(work),
    };
    this.#handover = new Handover(link, deps.hooks);
    this.#taking = new TakingSteps(link, deps.io);
    this.#parking = new ParkingSteps(link, deps.parking, deps.onParkedNeeded);
    this.#reading = new ReadingSteps(link, deps, clock.monotonicMs());
    this.#runs = new RunSteps(link, deps.runner, deps.liveKeys);
    this.#commits = new CommitSteps(link, deps);
  }

  start(): void {
    this.#lastTickMs = this.#deps.clock.monotonicMs();
    this.#armTick();
  }

  onMembership(event: MembershipEvent): void {
    const { events } = this.#deps;
    switch (event.kind) {
      case 'assigned':
        this.#handover.assigned(event.partitions);
        return;
      case 'revoked':
        this.#handover.revoked(event.partitions, event.answer);
        return;
      case 'lost':
        this.#handover.lost(event.partitions);
        return;
      case 'problem':
        events.emit('problem', { failure: event.failure });
        if (event.fatal) this.#deps.onFatal(event.failure);
    }
  }

  onReaderProblem(failure: KafkaFailure): void {
    this.#deps.events.emit('problem', { failure });
    this.#reading.onReaderProblem();
  }

  onRecords(reading: Reading, items: Parameters<WorkerCore['records']>[2]): void {
    this.#tell((at) => this.#deps.core.records(at, reading, items));
  }

  onSwept(reading: Reading, items: Parameters<WorkerCore['swept']>[2]): void {
    this.#tell((at) => this.#deps.core.swept(at, reading, items));
  }

  onJournalEntry(entry: WrittenEntry): void {
    const { core } = this.#deps;
    if (entry.kind === 'confirm') this.#tell((at) => core.claimConfirmed(at, entry.partition, entry.epoch));
    if (entry.kind !== 'command') return;
    const { id, offset, key, verb, by } = entry;
    this.#tell((at) => core.commanded(at, entry.partition, { id, offset, key, verb, by }));
  }

  onTaskEnded(run: Run, end: TaskEnd): void {
    const { core } = this.#deps;
    if (this.#broken) releaseRun(core.state, run);
    this.#tell((at) => (end.kind === 'failed' ? core.failed(at, run, end.verdict) : core.finished(at, run)));
  }

  /** The next commit speaks of these, if they still run. */
  askForCommit(partitions: readonly PartitionState[]): void {
    this.#tell((at) => this.#deps.core.commitAsked(at, partitions));
  }

  /** Nothing starts from here on. */
  stopping(): void {
    this.#tell((at) => this.#deps.core.stopping(at));
  }

  /** Everything is given up without the group's leave: for a worker that cannot go on. */
  giveUp(): void {
    const partitions = [...this.#deps.core.state.partitions.keys()];
    this.#tell((at) => this.#deps.core.lost(at, partitions));
  }

  /** Something has thrown that never may. The core is told nothing more, and nothing more of it is carried out. */
  break(error: unknown): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#timer?.clear();
    this.#timer = undefined;
    const { core, runner } = this.#deps;
    runner.abortAll('partition-lost');
    releaseWaiting(core.state, (run) => runner.has(run));
    this.#deps.onBroken(error);
  }

  /** Resolves when all that was begun in the background has ended, or after a while: brokers may not answer. */
  async close(): Promise<void> {
    this.#timer?.clear();
    this.#timer = undefined;
    this.#handover.close();
    await endsWithin(Promise.allSettled(this.#background), CLOSE_MS, this.#deps.clock);
  }

  #now(): Moment {
    return { monotonicMs: this.#deps.clock.monotonicMs(), wallMs: this.#deps.clock.wallMs() };
  }

  #tell(event: (at: Moment) => void): void {
    this.#orBreak(() => this.#tellNow(event));
  }

  #orBreak(work: () => void): void {
    if (this.#broken) return;
    try {
      work();
    } catch (error) {
      this.break(error);
    }
  }

  #tellNow(event: (at: Moment) => void): void {
    const at = this.#now();
    // Before anything else: what a process hears first when it goes on after a standstill need not be the timer.
    this.#lookAtTheTime(at);
    event(at);
    if (this.#draining) return; // an effect told the core something; its own effects follow in the loop below
    this.#draining = true;
    try {
      for (;;) {
        const effects = this.#deps.core.takeEffects();
        if (effects.length === 0) break;
        this.#carryOut(effects);
      }
    } finally {
      this.#draining = false;
    }
    this.#reading.poke();
  }

  /** Timers fire all the time; that none did for so long shows that the process stood still. */
  #lookAtTheTime(at: Moment): void {
    const gapMs = at.monotonicMs - this.#lastTickMs;
    if (this.#timer === undefined || !hasStoodStill(this.#lastTickMs, at.monotonicMs)) return;
    this.#lastTickMs = at.monotonicMs;
    this.#deps.events.emit('stood-still', { gapMs });
    this.#deps.core.stoodStill(at);
  }

  #carryOut(effects: readonly Effect[]): void {
    const inspect: PartitionState[] = [];
    const read: Reading[] = [];
    const stop: PartitionState[] = [];
    for (const effect of effects) {
      if (this.#broken) return;
      switch (effect.kind) {
        case 'inspect':
          inspect.push(effect.partition);
          break;
        case 'read':
          read.push(effect.reading);
          break;
        case 'stop-reading':
          stop.push(effect.partition);
          break;
        default:
          this.#carryOutOne(effect);
      }
    }
    this.#reading.stop(stop);
    this.#reading.read(read);
    if (inspect.length > 0) this.#taking.inspect(inspect);
  }

  #carryOutOne(effect: Exclude<Effect, { kind: 'inspect' | 'read' | 'stop-reading' }>): void {
    switch (effect.kind) {
      case 'claim':
      case 'confirm':
        this.#taking.carryOut(effect);
        return;
      case 'mark':
      case 'copy':
      case 'write':
      case 'read-parked':
      case 'postpone':
        this.#parking.carryOut(effect);
        return;
      case 'commit':
      case 'committed':
        this.#commits.carryOut(effect);
        return;
      case 'pause':
      case 'resume':
      case 'sweep':
      case 'stop-sweep':
      case 'check-gap':
      case 'look':
        this.#reading.carryOut(effect);
        return;
      case 'start':
      case 'drain':
      case 'abort':
      case 'await-key':
        this.#runs.carryOut(effect);
        return;
      case 'answer-revoke':
        this.#handover.answer(effect.revocation);
        return;
      case 'report':
        emitReport(this.#deps.events, effect.report);
    }
  }

  #armTick(): void {
    this.#timer = this.#deps.clock.setTimer(TICK_MS, () => {
      this.#orBreak(() => this.#deps.runner.watch());
      this.#tell((at) => this.#deps.core.tick(at));
      this.#lastTickMs = this.#deps.clock.monotonicMs();
      this.#reading.watch(this.#lastTickMs);
      if (this.#timer !== undefined) this.#armTick();
    });
  }

  #inBackground(work: Promise<unknown>): void {
    const tracked = work
      .catch((error: unknown) => this.break(error))
      .finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }
}

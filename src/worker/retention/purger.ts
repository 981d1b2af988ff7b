import type { Clock } from '../../clock/clock.ts';
import { endsWithin } from '../../clock/ends-within.ts';
import type { Admin } from '../../kafka/admin.ts';
import type { KafkaFailure, TopicPartition } from '../../kafka/port.ts';
import { KafkaRequestError } from '../../kafka/request-error.ts';
import type { Retention } from '../../options/retention.ts';
import type { Emitter } from '../../telemetry/emitter.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { WorkerEvents } from '../worker-events.ts';
import { BrokerTimes } from './broker-times.ts';
import { nameOf } from './log-view.ts';
import { PinBook } from './pin-book.ts';
import { ReportBook } from './report-book.ts';
import type {
  RetentionAlarm,
  RetentionHealth,
  RetentionPin,
  RetentionPins,
  RetentionRefusal,
} from './retention-health.ts';
import type { Findings, Round } from './round.ts';

const TEN_MINUTES_MS = 600_000;

/** A request to brokers that do not answer is not waited for when the worker ends: it can only delete what may go. */
const STOP_MS = 5_000;

interface PurgerDeps {
  readonly retention: Retention;
  /** The topics whose ages are asked for. */
  readonly topics: readonly string[];
  readonly round: (round: Round) => Promise<Findings>;
  readonly brokerNowMs: () => number | undefined;
  readonly running: () => readonly PartitionState[];
  readonly admin: () => Promise<Admin>;
  readonly clock: Clock;
  readonly events: Emitter<WorkerEvents>;
  /** Ends the wait for something that is not the cluster's answer. */
  readonly onStop: () => void;
}

/** The worker ends: nothing more is asked. */
class RoundOver extends Error {}

/**
 * Looks after what is finished, round by round, for as long as the worker lives: one round at a time, and none before
 * something of ours was appended, as only the brokers' clocks count.
 */
export class Purger {
  readonly #deps: PurgerDeps;
  readonly #intervalMs: number;
  readonly #times: BrokerTimes;
  readonly #pins: PinBook;
  readonly #alarms: ReportBook<RetentionAlarm>;
  readonly #refusals: ReportBook<RetentionRefusal>;
  readonly #restingUntilMs = new Map<
    string,
    { readonly untilMs: number; readonly refusal: RetentionRefusal }
  >();
  readonly #repeatMs: number;
  #timer: { clear(): void } | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  #ending: Promise<void> | undefined;

  constructor(deps: PurgerDeps) {
    this.#deps = deps;
    const { retention } = deps;
    const keptMs = retention.kind === 'keep-finished' ? retention.keepFinishedMs : retention.timeMs;
    this.#intervalMs = retention.purgeIntervalMs;
    this.#repeatMs = Math.min(TEN_MINUTES_MS, keptMs);
    this.#times = new BrokerTimes(deps.topics, this.#repeatMs);
    this.#pins = new PinBook(this.#repeatMs);
    this.#alarms = new ReportBook(this.#repeatMs, ({ partition }) => String(partition));
    this.#refusals = new ReportBook(this.#repeatMs, ({ topic }) => topic);
  }

  get health(): RetentionHealth {
    return { pinned: this.#pins.current, refused: this.#refusals.current, alarms: this.#alarms.current };
  }

  start(): void {
    this.#timer = this.#deps.clock.setTimer(
      this.#intervalMs,
      () => {
        this.#round = this.#look().finally(() => {
          if (!this.#stopped) this.start();
        });
      },
      { background: true },
    );
  }

  /** Nothing is asked from here on. Resolves when what is being asked has been answered, or after a while. */
  stop(): Promise<void> {
    this.#ending ??= this.#stop();
    return this.#ending;
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.clear();
    this.#deps.onStop();
    await endsWithin(this.#round, STOP_MS, this.#deps.clock);
  }

  async #look(): Promise<void> {
    const { clock, brokerNowMs: asked, running, events } = this.#deps;
    const startedMs = clock.monotonicMs();
    const brokerNowMs = asked();
    const partitions = running();
    if (brokerNowMs === undefined || partitions.length === 0) {
      this.#report([], undefined, startedMs);
      this.#reportAlarms([], startedMs);
      this.#tellRefused([], startedMs);
      return;
    }
    try {
      const ask = <T>(request: (admin: Admin) => Promise<T>): Promise<T> => this.#ask(request);
      const untrusted = await this.#times.problems(ask, startedMs);
      if (untrusted.length > 0) {
        this.#tellRefused(untrusted, startedMs);
        return;
      }
      const untold = new Map<string, KafkaFailure>();
      const found = await this.#deps.round({
        brokerNowMs,
        startedMs,
        partitions,
        ask,
        isRefused: (topic) => this.#isResting(topic, startedMs),
        refuse: (topic, failure) => this.#rest(topic, failure, startedMs),
        untold: (place, failure) => this.#miss(untold, { place, failure }, startedMs),
        isUntold: (place) => untold.has(nameOf(place)),
      });
      const isDue = this.#pins.isDue(found.pinned, startedMs);
      this.#report(found.pinned, isDue ? await found.describe(found.pinned) : undefined, startedMs);
      this.#reportAlarms(found.alarms, startedMs);
      this.#tellRefused(this.#refusedLately(startedMs), startedMs);
      // However many have no leader: they mostly have lost it for the same reason.
      const [failure] = [...untold.values()].filter(({ kind }) => kind !== 'authorization');
      if (failure !== undefined) events.emit('problem', { failure });
    } catch (error) {
      if (this.#stopped) return;
      const failure = failureOf(error);
      if (failure.kind === 'authorization')
        this.#tellRefused([notAllowed(this.#deps.topics[0] ?? '', failure)], startedMs);
      else events.emit('problem', { failure });
    }
  }

  async #ask<T>(request: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#stopped) throw new RoundOver();
    const admin = await this.#deps.admin();
    if (this.#stopped) throw new RoundOver();
    return await request(admin);
  }

  #report(found: readonly RetentionPin[], told: RetentionPins | undefined, nowMs: number): void {
    this.#pins.note(found, told, nowMs);
    if (told !== undefined) this.#deps.events.emit('retention-pinned', told);
  }

  #reportAlarms(found: readonly RetentionAlarm[], nowMs: number): void {
    const due = this.#alarms.due(found, nowMs);
    this.#alarms.note(found, due, nowMs);
    for (const alarm of due) this.#deps.events.emit('retention-alarm', alarm);
  }

  #tellRefused(refused: readonly RetentionRefusal[], nowMs: number): void {
    const due = this.#refusals.due(refused, nowMs);
    this.#refusals.note(refused, due, nowMs);
    for (const refusal of due) this.#deps.events.emit('retention-refused', refusal);
  }

  #miss(
    untold: Map<string, KafkaFailure>,
    { place, failure }: { readonly place: TopicPartition; readonly failure: KafkaFailure },
    nowMs: number,
  ): void {
    untold.set(nameOf(place), failure);
    if (failure.kind === 'authorization') this.#rest(place.topic, failure, nowMs);
  }

  /** Asked again after a while: what is allowed may have been changed. */
  #rest(topic: string, failure: KafkaFailure, nowMs: number): void {
    this.#restingUntilMs.set(topic, {
      untilMs: nowMs + this.#repeatMs,
      refusal: notAllowed(topic, failure),
    });
  }

  #isResting(topic: string, nowMs: number): boolean {
    return nowMs < (this.#restingUntilMs.get(topic)?.untilMs ?? Number.NEGATIVE_INFINITY);
  }

  /** Of what was refused longer ago, and has nothing to delete since, nobody knows whether it may go now. */
  #refusedLately(nowMs: number): readonly RetentionRefusal[] {
    return [...this.#restingUntilMs.values()]
      .filter(({ untilMs }) => nowMs < untilMs)
      .map(({ refusal }) => refusal);
  }
}

function notAllowed(topic: string, failure: KafkaFailure): RetentionRefusal {
  return { topic, why: `this principal may not do what deleting needs: ${failure.message}`, failure };
}

function failureOf(error: unknown): KafkaFailure {
  if (error instanceof KafkaRequestError) return error.failure;
  return { kind: 'other', code: undefined, message: error instanceof Error ? error.message : String(error) };
}

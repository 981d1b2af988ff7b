import type { JournalHistory, Mark } from '../../src/journal/journal.ts';
import type { MarkRequest } from '../../src/worker/core/parked.ts';
import { isGivenUp } from '../../src/worker/core/retry.ts';
import { covers, type PartitionTruth } from './partition-truth.ts';
import type { Start } from './running-tasks.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import { type SimulatedType, typeNamed } from './task-types.ts';
import type { Violations } from './violations.ts';

/** What the journal and the parked topic say now. */
export interface Marks {
  readonly history: (partition: number) => JournalHistory;
  readonly list: (partition: number, mark: Mark) => readonly number[];
  /** Somebody has asked that it be skipped or discarded. */
  readonly isUnwanted: (partition: number, offset: number) => boolean;
}

interface Failures {
  /** Those that count as attempts, and when the first of them was. */
  counted: number;
  firstMs: number;
  /** Its handler has asked that it be given up. */
  asked: boolean;
}

/** Why a task is parked, where that is to be seen from what it did. */
const judged: ReadonlySet<MarkRequest['cause']['reason']> = new Set(['gave-up', 'asked', 'crash-loop']);

/** What is parked, why, and what may therefore start. */
export class ParkedTruth {
  readonly #violations: Violations;
  readonly #marks: Marks;
  readonly #types: readonly SimulatedType[];
  /** By partition and offset. */
  readonly #failures = new Map<string, Failures>();
  /** Tasks that have ended a process. */
  readonly #enders = new Set<string>();
  /** Given up without a last commit: a start whose end is not said looks like one that ended its process. */
  readonly #leftUncommitted = new Set<number>();
  readonly #seen = new WeakSet<MarkRequest>();

  constructor(violations: Violations, marks: Marks, types: readonly SimulatedType[]) {
    this.#violations = violations;
    this.#marks = marks;
    this.#types = types;
  }

  /** Whoever reads the parked topic finds it under a mark that counts. */
  isCopied(truth: PartitionTruth, offset: number): boolean {
    const { partition } = truth;
    const key = truth.keyAt(offset);
    const { marks } = this.#marks.history(partition);
    return marks.some(
      (mark) =>
        mark.key === key && covers(mark, offset) && this.#marks.list(partition, mark).includes(offset),
    );
  }

  /** Later tasks of its key need not wait for it. */
  isPassed({ partition, key }: Start, offset: number, aside: boolean): boolean {
    const { marks } = this.#marks.history(partition);
    if (marks.some((mark) => mark.scope === 'task' && mark.key === key && mark.from === offset)) return true;
    // Taken out of a parked list; that this is done may be written down later.
    return aside && this.#marks.isUnwanted(partition, offset);
  }

  checkStart({ partition, offset, key }: Start, aside: boolean): void {
    const name = `${partition}@${offset}`;
    const { marks, pending } = this.#marks.history(partition);
    const mark = marks.find((one) => one.key === key && covers(one, offset));
    if (!aside && mark !== undefined)
      this.#violations.fail(`${name} started in the queue while it was parked under mark ${mark.id}`);
    if (!aside) return;
    if (mark === undefined) this.#violations.fail(`${name} was redriven and is not parked`);
    else if (mark.discarded.includes(offset))
      this.#violations.fail(`${name} was redriven and had been discarded`);
    else if (!pending.some(({ verb }) => verb.name === 'redrive' && verb.mark === mark.id))
      this.#violations.fail(`${name} was redriven and nobody has asked for it`);
  }

  /** An owner has heard that a handler failed. */
  failed(
    { partition, offset }: Start,
    how: { readonly counted: boolean; readonly asked: boolean },
    nowMs: number,
  ): void {
    const name = `${partition}@${offset}`;
    const known = this.#failures.get(name) ?? { counted: 0, firstMs: nowMs, asked: false };
    this.#failures.set(name, known);
    if (how.counted && known.counted === 0) known.firstMs = nowMs;
    if (how.counted) known.counted += 1;
    known.asked ||= how.asked;
  }

  /** A task has ended its process. */
  endedProcess({ partition, offset }: Start): void {
    this.#enders.add(`${partition}@${offset}`);
  }

  leftUncommitted(partition: number): void {
    this.#leftUncommitted.add(partition);
  }

  /** An owner wants a mark written. */
  checkMark(process: SimulatedWorker, partition: number, request: MarkRequest): void {
    const { parked, item, cause } = request;
    const { nowMs } = process.world;
    if (this.#seen.has(request)) return; // written again after a failure
    this.#seen.add(request);
    if (item === undefined || !judged.has(cause.reason)) return;
    const name = `${partition}@${item.offset}`;
    const type = typeNamed(this.#types, item.type);
    const failures = this.#failures.get(name) ?? { counted: 0, firstMs: nowMs, asked: false };
    const scope = type.afterGiveUp === 'parkTask' ? 'task' : 'key';
    if (parked.scope !== scope)
      this.#violations.fail(`${name} of ${type.name} was parked as a ${parked.scope}`);
    if (cause.reason === 'asked') {
      if (!failures.asked) this.#violations.fail(`${name} was parked, and its handler never asked for it`);
      return;
    }
    if (type.afterGiveUp === 'wait')
      this.#violations.fail(`${name} of ${type.name} was parked and is to wait`);
    if (cause.reason === 'crash-loop') {
      if (!this.#enders.has(name) && !this.#leftUncommitted.has(partition))
        this.#violations.fail(`${name} was parked as one that ends its process, and never did`);
      return;
    }
    if (process.outages.isDown(type.name))
      this.#violations.fail(`outage: ${name} was given up although ${type.name} is said to be down`);
    const tried = { attempts: failures.counted, firstFailedAtMs: failures.firstMs, nowMs };
    if (!isGivenUp(type.retry, tried))
      this.#violations.fail(`${name} of ${type.name} gave up after ${failures.counted} attempts`);
  }
}

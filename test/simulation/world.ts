import {
  foldJournal,
  type JournalEntry,
  type JournalHistory,
  type Mark,
  type WrittenEntry,
} from '../../src/journal/journal.ts';
import type { CommitOutcome } from '../../src/kafka/port.ts';
import type { CommitItem } from '../../src/worker/core/effects.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { Group } from './group.ts';
import { Losses } from './losses.ts';
import { Operators } from './operators.ts';
import { ParkedLog } from './parked-log.ts';
import { Reference } from './reference.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import { readCommit } from './stored-commit.ts';
import { type SimulatedEvent, Transitions } from './transitions.ts';

const QUARTER_MS = 15 * 60_000;

interface Stored {
  readonly offset: number;
  readonly metadata: string;
  readonly epoch: number;
}

/** Kafka as far as a group of workers sees it: logs, the journal, committed offsets. */
export class World {
  readonly random: SeededRandom;
  readonly reference: Reference;
  readonly scenario: Scenario;
  readonly group: Group;
  readonly transitions = new Transitions();
  readonly operators = new Operators(this);
  readonly losses: Losses;
  readonly journal: WrittenEntry[] = [];
  readonly parked = new ParkedLog();
  readonly committed = new Map<number, Stored>();
  readonly workers: SimulatedWorker[] = [];
  /** Things under way; which one happens next is chance. */
  readonly pending: { readonly run: () => void; readonly alive: () => boolean }[] = [];
  /** Crashes with the next step. */
  doomed: SimulatedWorker | undefined;
  readonly #byOwners = new Map<number, number>();
  readonly #pastCommits = new Map<number, Stored[]>();
  /** The journal by partition. */
  readonly #entries = new Map<number, WrittenEntry[]>();
  readonly #truth = new Map<number, { readonly entries: number; readonly history: JournalHistory }>();
  nowMs = 1_000;
  healed = false;
  /** Types whose handlers all fail. */
  readonly failing = new Set<string>();
  /** Names the next task that needs no order. */
  nextAlone = 0;
  readonly counts: Record<string, number> = {};
  /** Is told everything that happens, to look into a schedule that fails. */
  readonly trace: ((line: string) => void) | undefined;

  constructor(scenario: Scenario, trace?: (line: string) => void) {
    this.trace = trace;
    this.scenario = scenario;
    this.random = new SeededRandom(scenario.seed);
    this.losses = new Losses(this);
    this.reference = new Reference(scenario.partitions, {
      history: (partition) => this.truth(partition),
      types: scenario.types,
      nowMs: () => this.nowMs,
      list: (partition, mark) => this.parked.list(partition, mark),
      isUnwanted: (partition, offset) => this.operators.haveAskedFor(partition, offset),
    });
    this.group = new Group(this, scenario.partitions);
  }

  get isClean(): boolean {
    return this.reference.violations.length === 0;
  }

  living(): SimulatedWorker[] {
    return this.workers.filter(({ alive }) => alive);
  }

  /** One of the things under way happens. */
  happen(): void {
    const next = this.random.take(this.pending);
    if (next?.alive() === true) next.run();
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const worker of this.living()) worker.tick();
  }

  /** Longer than a delayed task may wait in its place; meanwhile not nothing happens. */
  passQuarterOfAnHour(): void {
    for (let part = 0; part < 4; part += 1) {
      for (let i = Math.min(8, this.pending.length); i > 0; i -= 1) this.happen();
      this.pass(QUARTER_MS / 4);
    }
  }

  note(partition: number, event: SimulatedEvent): void {
    this.trace?.(`${this.nowMs} ms  ${partition}: ${event}`);
    this.transitions.note(partition, event);
    this.count(event);
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** Something that happens later, if whoever waits for it is still there. */
  later(alive: () => boolean, run: () => void): void {
    this.pending.push({ alive, run });
  }

  /** A fault happens now. Never after healing. */
  fault(probability: number): boolean {
    return this.scenario.faults && !this.healed && this.random.chance(probability);
  }

  /** Whoever follows the journal reads the entry some time later; who is cut off, much later. */
  appendEntry(entry: JournalEntry): number {
    const before = this.truth(entry.partition);
    const offset = this.journal.length;
    const written = { ...entry, offset };
    this.journal.push(written);
    const own = this.#entries.get(entry.partition);
    if (own === undefined) this.#entries.set(entry.partition, [written]);
    else own.push(written);
    this.trace?.(`    journal ${offset}: ${JSON.stringify(entry)}`);
    this.#noteDropped(entry, before);
    for (const worker of this.workers) {
      if (worker.alive) worker.laterBy(worker.known ? 0 : this.random.below(200), () => worker.follow());
    }
    return offset;
  }

  /** What the journal says of a partition now. */
  truth(partition: number): JournalHistory {
    const entries = this.#entries.get(partition) ?? [];
    const known = this.#truth.get(partition);
    if (known?.entries === entries.length) return known.history;
    const history = foldJournal(entries);
    this.#truth.set(partition, { entries: entries.length, history });
    return history;
  }

  /** Parked tasks that are not wanted any more. */
  #noteDropped(entry: JournalEntry, before: JournalHistory): void {
    const { partition } = entry;
    if (entry.kind === 'progress') {
      const mark = before.marks.find(({ id }) => id === entry.mark);
      if (mark !== undefined) this.#dropWanted(mark, entry, entry.done);
    }
    if (entry.kind === 'cleared') {
      const mark = before.marks.find(({ id }) => id === entry.mark);
      if (mark !== undefined && entry.how === 'redriven')
        this.#dropWanted(mark, entry, Number.POSITIVE_INFINITY);
      if (entry.how === 'redriven') return;
      const alone = mark?.scope === 'task' ? [mark.from] : []; // copied yet or not
      if (mark !== undefined) this.#drop(mark, entry, [...this.parked.list(partition, mark), ...alone]);
    }
    if (entry.kind !== 'done' || entry.outcome !== 'discarded') return;
    const verb = before.pending.find(({ id }) => id === entry.command)?.verb;
    const mark = before.marks.find((one) => verb !== undefined && 'mark' in verb && one.id === verb.mark);
    if (verb?.name === 'discard-task' && mark !== undefined) this.#drop(mark, entry, [verb.offset]);
  }

  /** A parked task that was taken out may be told of after the redrive has passed it, or the mark has ended. */
  #dropWanted(mark: Mark, by: { partition: number; epoch: number }, upTo: number): void {
    const passed = this.parked.list(by.partition, mark).filter((offset) => offset <= upTo);
    const wanted = passed.filter((offset) => this.operators.haveAskedFor(by.partition, offset));
    this.#drop(mark, by, wanted);
  }

  #drop(mark: Mark, by: { partition: number; epoch: number }, offsets: readonly number[]): void {
    const { partition, epoch } = by;
    for (const offset of offsets) {
      const asked = this.operators.haveAskedFor(partition, offset, mark.id);
      this.reference.excused(partition, offset, { epoch, asked });
    }
  }

  history(partition: number, upTo: number): WrittenEntry[] {
    const all = this.scenario.mutant === 'fold-all-partitions';
    return this.journal.filter((entry) => entry.offset <= upTo && (all || entry.partition === partition));
  }

  /** Its process does not survive it. */
  isKiller(partition: number, offset: number): boolean {
    if (!this.scenario.killers) return false;
    // Where it is not given up, each ends processes to the end of the schedule.
    const share = this.scenario.condemns ? 0.06 : 0.02;
    return (Math.imul(offset * 31 + partition + this.scenario.seed, 0x9e3779b1) >>> 0) / 2 ** 32 < share;
  }

  /** The brokers check that a member is known, not that it owns the partition. */
  commit(worker: SimulatedWorker, items: readonly CommitItem[]): readonly CommitOutcome[] {
    return items.map((item): CommitOutcome => {
      const place = { topic: 'q', partition: item.partition.partition };
      // A client may send what it had queued under its new membership: such a late commit is accepted.
      const admitted = worker.known || this.fault(this.scenario.cutOff === 0 ? 1 : 0.4);
      if (!admitted || this.#isOvertaken(item)) {
        return { ...place, failure: { kind: 'fenced', code: 25, message: 'unknown member' } };
      }
      if (this.fault(0.08)) return { ...place, failure: { kind: 'transient', code: 14, message: 'loading' } };
      this.#store(item);
      this.#bringBackAnOldOne(place.partition);
      if (this.fault(0.08))
        return { ...place, failure: { kind: 'unreachable', code: undefined, message: 'ack lost' } };
      return { ...place, failure: undefined };
    });
  }

  /** A newer owner has committed: in a world without overtaking, what its predecessor sent is refused. */
  #isOvertaken(item: CommitItem): boolean {
    const { partition } = item.partition;
    if (storedOf(item).epoch >= (this.committed.get(partition)?.epoch ?? -1)) return false;
    if (!this.scenario.overtaking || this.healed) return true;
    this.#overtaken(partition);
    return false;
  }

  #store(item: CommitItem): void {
    const { partition } = item.partition;
    const stored = storedOf(item);
    this.keep(item);
    this.committed.set(partition, stored);
    if (stored.epoch <= this.#confirmedEpoch(partition)) this.#byOwners.set(partition, stored.offset);
    this.reference.committed(partition, stored);
  }

  /**
   * What owners have said to be finished. The taking commit of a worker that was replaced before it owned anything may be
   * stored after it: then the group has that, until the owner has something new to say.
   */
  committedByOwners(partition: number): number {
    const stored = this.committed.get(partition);
    if (stored === undefined) return 0;
    const isTaking = stored.epoch > this.#confirmedEpoch(partition);
    return isTaking ? (this.#byOwners.get(partition) ?? 0) : stored.offset;
  }

  #confirmedEpoch(partition: number): number {
    return this.truth(partition).newestConfirmedEpoch ?? -1;
  }

  /** A commit that may arrive once more, or at last. */
  keep(item: CommitItem): void {
    const { partition } = item.partition;
    const past = this.#pastCommits.get(partition) ?? [];
    this.#pastCommits.set(partition, [...past.slice(-19), storedOf(item)]);
  }

  /** What a former member, or this one some time ago, had on its way arrives now. */
  #bringBackAnOldOne(partition: number): void {
    if (!this.scenario.overtaking || !this.fault(0.06)) return;
    const past = this.#pastCommits.get(partition) ?? [];
    const epoch = this.committed.get(partition)?.epoch ?? 0;
    const foreign = past.filter((one) => one.epoch < epoch);
    const chosen = this.random.pick(foreign.length > 0 && this.random.chance(0.7) ? foreign : past);
    if (chosen === undefined) return;
    this.committed.set(partition, chosen);
    this.#overtaken(partition);
  }

  /** That this goes unrepaired takes an owner that ends soon after. */
  #overtaken(partition: number): void {
    this.note(partition, 'overtaken');
    if (this.fault(0.5)) this.doomed = this.group.ownerOf(partition);
    this.reference.overtaken(partition);
  }
}

function storedOf({ partition, offset, metadata }: CommitItem): Stored {
  const read = readCommit({ offset, metadata });
  return { offset, metadata, epoch: read.kind === 'state' ? read.state.epoch : partition.epoch };
}

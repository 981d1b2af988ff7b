import type { JournalEntry, WrittenEntry } from '../../src/journal/journal.ts';
import type { CommitOutcome } from '../../src/kafka/port.ts';
import { decodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { CommitItem } from '../../src/worker/core/effects.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { Group } from './group.ts';
import { Reference } from './reference.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import { type SimulatedEvent, Transitions } from './transitions.ts';

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
  readonly journal: WrittenEntry[] = [];
  readonly committed = new Map<number, Stored>();
  readonly workers: SimulatedWorker[] = [];
  /** Things under way; which one happens next is chance. */
  readonly pending: { readonly run: () => void; readonly alive: () => boolean }[] = [];
  /** Crashes with the next step. */
  doomed: SimulatedWorker | undefined;
  readonly #pastCommits = new Map<number, Stored[]>();
  nowMs = 1_000;
  healed = false;
  readonly counts: Record<string, number> = {};
  /** Is told everything that happens, to look into a schedule that fails. */
  readonly trace: ((line: string) => void) | undefined;

  constructor(scenario: Scenario, trace?: (line: string) => void) {
    this.trace = trace;
    this.scenario = scenario;
    this.random = new SeededRandom(scenario.seed);
    this.reference = new Reference(scenario.partitions);
    this.group = new Group(this, scenario.partitions);
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

  appendEntry(entry: JournalEntry): number {
    const offset = this.journal.length;
    this.journal.push({ ...entry, offset });
    return offset;
  }

  history(partition: number, upTo: number): WrittenEntry[] {
    const all = this.scenario.mutant === 'fold-all-partitions';
    return this.journal.filter((entry) => entry.offset <= upTo && (all || entry.partition === partition));
  }

  /** The brokers check that a member is known, not that it owns the partition. */
  commit(worker: SimulatedWorker, items: readonly CommitItem[]): readonly CommitOutcome[] {
    return items.map((item): CommitOutcome => {
      const place = { topic: 'q', partition: item.partition.partition };
      // A client may send what it had queued under its new membership: such a late commit is accepted.
      const admitted = worker.known || this.fault(0.4);
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
    if (!this.scenario.overtaking) return true;
    this.#overtaken(partition);
    return false;
  }

  #store(item: CommitItem): void {
    const { partition } = item.partition;
    const stored = storedOf(item);
    this.keep(item);
    this.committed.set(partition, stored);
    this.reference.committed(partition, stored);
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

  /** Whoever follows the journal sees a CONFIRM some time later; who is cut off, much later. */
  tellConfirmed(partition: number, epoch: number): void {
    for (const worker of this.workers) {
      if (!worker.alive) continue;
      const moments = worker.known ? 0 : this.random.below(200);
      worker.laterBy(moments, () => worker.hearConfirmed(partition, epoch));
    }
  }
}

function storedOf({ partition, offset, metadata }: CommitItem): Stored {
  const read = decodeMetadata(metadata, offset);
  return { offset, metadata, epoch: read.kind === 'state' ? read.state.epoch : partition.epoch };
}

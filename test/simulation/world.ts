import type { JournalEntry, WrittenEntry } from '../../src/journal/journal.ts';
import type { CommitOutcome } from '../../src/kafka/port.ts';
import type { CommitItem } from '../../src/worker/core/effects.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { Reference } from './reference.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** Ways to break the engine on purpose, so that the simulation shows it would notice. */
export const mutants = [
  'none',
  'commit-plus-one',
  'drop-one',
  'drop-swept',
  'swap-two',
  'two-at-once',
  'ignored-revoke',
  'fold-all-partitions',
  'no-range',
  'start-unacked',
] as const;

export type Mutant = (typeof mutants)[number];

export interface Scenario {
  readonly seed: number;
  readonly partitions: number;
  readonly keys: number;
  readonly steps: number;
  readonly workers: number;
  /** Bytes; small ones make lanes drop and sweep. */
  readonly budgetBytes: number;
  readonly concurrency: number;
  /** Crashes, expulsions and refused or doubtful requests happen. */
  readonly faults: boolean;
  readonly mutant: Mutant;
}

interface Stored {
  readonly offset: number;
  readonly metadata: string;
}

/** Kafka as far as a group of workers sees it: logs, the journal, committed offsets, who owns what. */
export class World {
  readonly random: SeededRandom;
  readonly reference = new Reference();
  readonly scenario: Scenario;
  readonly journal: WrittenEntry[] = [];
  readonly committed = new Map<number, Stored>();
  /** Old commits, for mutants that bring them back. */
  readonly pastCommits = new Map<number, Stored[]>();
  readonly workers: SimulatedWorker[] = [];
  /** Things under way; which one happens next is chance. */
  readonly pending: { readonly run: () => void; readonly alive: () => boolean }[] = [];
  readonly #owners = new Map<number, SimulatedWorker | undefined>();
  readonly #moving = new Map<number, SimulatedWorker | undefined>();
  nowMs = 1_000;
  healed = false;
  readonly counts: Record<string, number> = {};

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.random = new SeededRandom(scenario.seed);
    for (let partition = 0; partition < scenario.partitions; partition += 1) {
      this.reference.log(partition);
      this.#owners.set(partition, undefined);
    }
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
      if (!worker.known && !this.fault(0.4)) {
        return { ...place, failure: { kind: 'fenced', code: 25, message: 'unknown member' } };
      }
      if (this.fault(0.05)) return { ...place, failure: { kind: 'transient', code: 14, message: 'loading' } };
      this.#store(place.partition, item);
      // What a former member had on its way arrives now.
      const past = this.fault(0.02)
        ? this.random.take([...(this.pastCommits.get(place.partition) ?? [])])
        : undefined;
      if (past !== undefined) this.committed.set(place.partition, past);
      if (this.fault(0.05))
        return { ...place, failure: { kind: 'unreachable', code: undefined, message: 'ack lost' } };
      return { ...place, failure: undefined };
    });
  }

  #store(partition: number, item: CommitItem): void {
    const past = this.pastCommits.get(partition) ?? [];
    this.pastCommits.set(partition, [...past, { offset: item.offset, metadata: item.metadata }].slice(-20));
    this.committed.set(partition, { offset: item.offset, metadata: item.metadata });
    this.reference.committed(partition, item.offset, item.metadata);
    this.count('commit');
  }

  /** Whoever follows the journal sees a CONFIRM some time later. */
  tellConfirmed(partition: number, epoch: number): void {
    for (const worker of this.workers) {
      this.later(
        () => worker.alive,
        () => worker.tell((core, at) => core.claimConfirmed(at, partition, epoch)),
      );
    }
  }

  // --- the group

  ownerOf(partition: number): SimulatedWorker | undefined {
    return this.#owners.get(partition);
  }

  /** Gives every partition that nobody has to somebody. */
  assignFree(): void {
    const members = this.workers.filter((worker) => worker.alive && worker.known && !worker.leaving);
    if (members.length === 0) return;
    for (const [partition, owner] of this.#owners) {
      if (owner !== undefined || this.#moving.has(partition)) continue;
      const chosen = members[this.random.below(members.length)];
      if (chosen !== undefined) this.#give(partition, chosen);
    }
  }

  #give(partition: number, worker: SimulatedWorker): void {
    this.#owners.set(partition, worker);
    this.count('assign');
    this.later(
      () => worker.alive && this.#owners.get(partition) === worker,
      () => worker.tell((core, at) => core.assigned(at, [partition])),
    );
  }

  /** Asks a worker to give a partition up, for another or for anybody. */
  move(partition: number): void {
    const owner = this.#owners.get(partition);
    if (owner === undefined || !owner.known || this.#moving.has(partition)) return;
    this.#moving.set(partition, owner);
    this.count('revoke');
    owner.revoke([partition]);
  }

  answered(worker: SimulatedWorker, partitions: readonly number[]): void {
    for (const partition of partitions) {
      if (this.#moving.get(partition) === worker) this.#moving.delete(partition);
      if (this.#owners.get(partition) === worker) this.#owners.set(partition, undefined);
    }
    this.assignFree();
  }

  /** The worker is out of the group, whether it knows or not. */
  expel(worker: SimulatedWorker): void {
    worker.known = false;
    for (const [partition, owner] of this.#owners) {
      if (owner === worker) this.#owners.set(partition, undefined);
    }
    for (const [partition, owner] of this.#moving) if (owner === worker) this.#moving.delete(partition);
  }
}

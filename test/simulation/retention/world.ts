import { ManualClock } from '../../../src/clock/manual-clock.ts';
import { foldJournal, type JournalHistory, type WrittenEntry } from '../../../src/journal/journal.ts';
import { decodeEntry } from '../../../src/journal/journal-entry.ts';
import type { KafkaDriver } from '../../../src/kafka/driver.ts';
import type { StoredOffset } from '../../../src/kafka/memory/group.ts';
import { MemoryCluster } from '../../../src/kafka/memory/memory-cluster.ts';
import { nameOf } from '../../../src/kafka/memory/partition-name.ts';
import type { TopicPartition } from '../../../src/kafka/port.ts';
import { decodeMetadata } from '../../../src/worker/core/commit-metadata.ts';
import type { TaskContext } from '../../../src/worker/running/task-context.ts';
import { SeededRandom } from '../../checker/seeded-random.ts';
import { parkedOffsets } from './parked-offsets.ts';
import { SimulatedProcess } from './simulated-process.ts';

export const GROUPS = ['a', 'b'] as const;
export type GroupName = (typeof GROUPS)[number];

const KEEP_MS = 2_000;
/** What is finished is purged every second. Of the time that it is kept, whoever sets offsets back needs this much. */
const SET_BACK_MS = 800;
const SESSION_MS = 1_500;
const TICK_MS = 25;
/** What goes over the network takes up to this long. */
const MOST_DELAY_MS = 75;

interface Step {
  readonly at: number;
  readonly run: () => void;
}

/** Makes what a process asks of Kafka wrong. */
export type Around = (driver: KafkaDriver, group: string, world: RetentionWorld) => KafkaDriver;

/**
 * A cluster in memory, and processes with real queues and workers on it, of two groups. What is under way arrives when
 * chance has it. Every deletion is held against what is true at that moment.
 */
export class RetentionWorld {
  readonly random: SeededRandom;
  readonly clock = new ManualClock();
  readonly cluster: MemoryCluster;
  readonly partitions: number;
  readonly processes: SimulatedProcess[] = [];
  readonly violations: string[] = [];
  readonly counts = { tasks: 0, runs: 0, purges: 0, setBack: 0, obeyed: 0, crashes: 0, freezes: 0 };
  readonly #steps: Step[] = [];
  readonly #around: Around;
  /** By group and partition: the offsets whose tasks have run since the group was last set back to before them. */
  readonly #done = new Map<string, Set<number>>();

  constructor(seed: number, around: Around = (driver) => driver) {
    this.random = new SeededRandom(seed);
    this.partitions = 1 + this.random.below(3);
    this.#around = around;
    this.cluster = new MemoryCluster({
      clock: this.clock,
      schedule: (run) => this.#steps.push({ at: this.clock.monotonicMs(), run }),
      brokerConfigs: {
        'min.insync.replicas': '2',
        'group.consumer.session.timeout.ms': String(SESSION_MS),
      },
    });
    const { cluster } = this;
    const deleteRecords = cluster.deleteRecords.bind(cluster);
    cluster.deleteRecords = (place, below) => {
      if (place.topic === 'q') this.#checkDeletion(place, below);
      deleteRecords(place, below);
    };
  }

  spawn(group: GroupName): SimulatedProcess {
    const process = new SimulatedProcess(
      {
        cluster: this.cluster,
        clock: this.clock,
        partitions: this.partitions,
        groups: GROUPS,
        keepFinishedMs: KEEP_MS,
        around: (driver, of) => this.#around(driver, of, this),
        onRun: (of, { record }) => this.#ran(of, record),
        onNote: (kind) => {
          if (kind === 'rewind-obeyed') this.counts.obeyed += 1;
        },
        onHalted: (text) => this.fail(`halted: ${text}`),
      },
      group,
    );
    this.processes.push(process);
    process.start();
    return process;
  }

  of(group: GroupName): readonly SimulatedProcess[] {
    return this.processes.filter((process) => process.group === group && process.state !== 'over');
  }

  async run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= TICK_MS) {
      await this.clock.advance(TICK_MS);
      await this.#arrive();
    }
  }

  /** Whether it came to be so within the time. */
  async runUntil(fits: () => boolean, withinMs: number): Promise<boolean> {
    for (let left = withinMs; left > 0 && !fits(); left -= TICK_MS) await this.run(TICK_MS);
    return fits();
  }

  enqueue(): void {
    const process = this.random.pick(this.processes.filter(({ state }) => state === 'running'));
    const key = `key-${this.random.below(4 * this.partitions)}`;
    // A process that ends meanwhile may not come to it.
    process?.queue.enqueue('work', { key, n: this.counts.tasks }).catch(() => undefined);
    this.counts.tasks += 1;
  }

  /**
   * An operator sets a group back that nobody is in: to tasks that are not so old yet that they may go while it is done.
   * False when the group did not come to be empty.
   */
  async setBack(group: GroupName): Promise<boolean> {
    for (const process of this.of(group)) {
      process.thaw();
      if (this.random.chance(0.3)) process.crash();
      else process.stop();
    }
    const { seats, offsets } = this.cluster.group(group);
    if (!(await this.runUntil(() => seats.length === 0 && this.of(group).length === 0, 10_000))) return false;
    for (const { partition } of this.#logs()) {
      const place = { topic: 'q', partition };
      const committed = offsets.get(nameOf(place))?.offset;
      const log = this.cluster.log(place);
      if (committed === undefined || log === undefined) continue;
      const least = log.offsetForTime(this.clock.wallMs() - KEEP_MS + SET_BACK_MS) ?? log.ends.end;
      // Beyond what the journal says to be finished it would not be obeyed.
      const most = Math.min(committed, this.#stated(group, partition));
      if (least > most) continue;
      const to = least + this.random.below(most - least + 1);
      (offsets as Map<string, StoredOffset>).set(nameOf(place), { offset: to, metadata: '' }); // as an operator's tool does
      const done = this.#doneOf(group, partition);
      for (let offset = to; offset < committed; offset += 1) done.delete(offset);
      if (to < committed) this.counts.setBack += 1;
    }
    return true;
  }

  /** All that there is has run in both groups, and nothing is left of it. */
  get isEmpty(): boolean {
    return this.#logs().every(({ start, end }) => start === end);
  }

  checkEnd(): void {
    for (const { partition, start, end } of this.#logs()) {
      for (const group of GROUPS) {
        const isDone = this.#whatIsDone(group, partition);
        for (let offset = 0; offset < end; offset += 1) {
          if (!isDone(offset))
            this.fail(`lost: ${partition}@${offset} was not run by ${group}, or not again`);
        }
      }
      if (start < end) this.fail(`kept: partition ${partition} starts at ${start} and ends at ${end}`);
    }
  }

  fail(text: string): void {
    if (this.violations.length < 10) this.violations.push(text);
  }

  async end(): Promise<void> {
    for (const process of this.processes) process.crash();
    await this.clock.advance(0);
  }

  #logs() {
    return Array.from({ length: this.partitions }, (_, partition) => ({
      partition,
      ...(this.cluster.log({ topic: 'q', partition })?.ends ?? { start: 0, end: 0 }),
    }));
  }

  async #arrive(): Promise<void> {
    while (this.#steps.length > 0) {
      const now = this.clock.monotonicMs();
      const isOverdue = (this.#steps[0]?.at ?? now) + MOST_DELAY_MS <= now;
      if (!isOverdue && this.random.chance(0.1)) return;
      const [step] = this.#steps.splice(isOverdue ? 0 : this.random.below(this.#steps.length), 1);
      step?.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #ran(group: string, { partition, offset }: TaskContext['record']): void {
    this.counts.runs += 1;
    this.#doneOf(group, partition).add(Number(offset));
  }

  /**
   * What the group has run; and what it has parked, as far as it is to be found there: for its handler, for a task of its
   * key before it, or because processes ended three times while it may have been running.
   */
  #whatIsDone(group: string, partition: number): (offset: number) => boolean {
    const done = this.#doneOf(group, partition);
    const { marks } = this.#history(group, partition);
    const parked = parkedOffsets(this.cluster.records('q.parked'), { group, partition }, marks);
    return (offset) => done.has(offset) || parked.has(offset);
  }

  /** Nothing goes that a group has not finished, as the brokers and the journal have it; nor before its time. */
  #checkDeletion({ partition }: TopicPartition, below: number): void {
    const place = { topic: 'q', partition };
    const log = this.cluster.log(place);
    if (log === undefined || below <= log.ends.start) return;
    this.counts.purges += 1;
    const what = `partition ${partition} was deleted below ${below}`;
    for (const group of GROUPS) {
      const committed = this.#committed(group, place);
      const stated = this.#stated(group, partition);
      const isDone = this.#whatIsDone(group, partition);
      if (below > committed) this.fail(`beyond a commit: ${what}, ${group} has committed ${committed}`);
      if (below > stated) this.fail(`beyond the journal: ${what}, ${group} has stated ${stated}`);
      for (let offset = log.ends.start; offset < below; offset += 1) {
        if (!isDone(offset)) this.fail(`lost: ${what}, and ${group} has not run ${offset}`);
      }
    }
    const [last] = log.read(below - 1, 1);
    const ageMs = this.clock.wallMs() - (last?.timestampMs ?? 0);
    if (ageMs < KEEP_MS) this.fail(`too soon: ${what}, where a record was ${ageMs} ms old`);
  }

  /**
   * Below what the group has finished all, by its commit. An owner that was replaced may have sent its own late, once it was in
   * the group again: nobody starts from that one, and what the journal says counts alone.
   */
  #committed(group: string, place: TopicPartition): number {
    const stored = this.cluster.committed(group, place);
    if (stored === undefined) return 0;
    const found = decodeMetadata(stored.metadata, stored.offset);
    const { newestConfirmedEpoch = -1 } = this.#history(group, place.partition);
    const isLate = found.kind === 'state' && found.state.epoch < newestConfirmedEpoch;
    return isLate ? Number.POSITIVE_INFINITY : stored.offset;
  }

  /** The frontier of the newest confirmation that counts. */
  #stated(group: string, partition: number): number {
    return this.#history(group, partition).newestConfirm?.frontier ?? 0;
  }

  #history(group: string, partition: number): JournalHistory {
    const entries = this.cluster.records('q.state').flatMap(({ offset, value }): WrittenEntry[] => {
      const entry = decodeEntry(value?.toString() ?? '');
      return entry?.group === group && entry.partition === partition ? [{ ...entry, offset }] : [];
    });
    return foldJournal(entries);
  }

  #doneOf(group: string, partition: number): Set<number> {
    const name = `${group} ${partition}`;
    let done = this.#done.get(name);
    if (done === undefined) {
      done = new Set();
      this.#done.set(name, done);
    }
    return done;
  }
}

import type { Item } from '../../src/worker/core/lane.ts';
import type { PartitionState, Reading } from '../../src/worker/core/partition-state.ts';
import type { LogRecord } from './partition-truth.ts';
import type { World } from './world.ts';

const RECORD_BYTES = 100;

/** Where a reader stands in a partition, for one order. */
interface Position {
  readonly reading: Reading;
  at: number;
}

interface FeedDeps {
  readonly world: World;
  readonly later: (run: () => void) => void;
  readonly wantedCount: () => number;
  readonly deliver: (reading: Reading, items: readonly Item[]) => void;
}

/**
 * A reader as the core's shell uses it: orders take a while, one poll is under way at a time, and what it brings is
 * handed on only if no order has concerned the partition since.
 */
export class SimulatedFeed {
  readonly #deps: FeedDeps;
  readonly #live = new Map<number, Position>();
  readonly #ordered = new Map<number, Position>();
  readonly #last = new Map<number, Position>();
  readonly #paused = new Set<number>();
  /** What it has failed to bring: reading it again brings it. */
  readonly #lostOnce = new Set<LogRecord>();
  #polling = false;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  read(reading: Reading): void {
    const number = reading.partition.partition;
    const position = { reading, at: this.#startOf(reading) };
    this.#live.delete(number);
    this.#paused.delete(number);
    this.#ordered.set(number, position);
    this.#last.set(number, position);
    this.#deps.later(() => {
      if (this.#ordered.get(number) === position) this.#live.set(number, position);
    });
  }

  #startOf({ partition, offset }: Reading): number {
    const former = this.#last.get(partition.partition);
    const goesOn = this.#deps.world.scenario.mutant === 'position-of-a-former-assignment';
    return goesOn && former !== undefined ? Math.max(former.at, offset) : offset;
  }

  stop({ partition }: PartitionState): void {
    this.#live.delete(partition);
    this.#ordered.delete(partition);
  }

  pause({ partition }: PartitionState): void {
    this.#paused.add(partition);
  }

  resume({ partition }: PartitionState): void {
    this.#paused.delete(partition);
  }

  /** Begins to fetch some records of one partition. */
  poll(): void {
    const { world, later, wantedCount } = this.#deps;
    if (this.#polling || this.#live.size === 0) return;
    const position = world.random.take([...this.#live.values()]);
    if (position === undefined || this.#paused.has(position.reading.partition.partition)) return;
    const count = Math.min(wantedCount(), 1 + world.random.below(6));
    if (position.at < world.losses.startOf(position.reading.partition.partition)) return; // silent
    const records = world.reference
      .log(position.reading.partition.partition)
      .slice(position.at, position.at + count);
    if (records.length === 0) return;
    position.at += records.length;
    this.#polling = true;
    later(() => {
      this.#polling = false;
      this.#handOn(position, this.#without(records).flatMap(itemsOf));
    });
  }

  /** A client may lose a record, once. */
  #without(records: readonly LogRecord[]): readonly LogRecord[] {
    const [first, ...others] = records;
    if (first === undefined || this.#lostOnce.has(first) || !this.#deps.world.fault(0.05)) return records;
    this.#lostOnce.add(first);
    this.#deps.world.note(first.partition, 'record missed');
    return others;
  }

  #handOn(position: Position, items: readonly Item[]): void {
    const { world, deliver } = this.#deps;
    const { reading } = position;
    const number = reading.partition.partition;
    const live = this.#live.get(number);
    if (live !== undefined && live !== position && world.fault(0.3)) {
      // A shell that hands on what it asked for at an earlier position.
      world.note(number, 'records of before');
      deliver(reading, items);
    } else if (live === position) {
      deliver(reading, items);
    } else {
      world.note(number, 'late records');
    }
  }
}

function itemsOf({ partition, offset, task }: LogRecord): Item[] {
  if (task === undefined) return []; // consumers never see control records
  const { key, type } = task;
  return [
    {
      offset,
      key,
      type,
      bytes: RECORD_BYTES,
      record: {
        topic: 'q',
        partition,
        offset,
        timestampMs: 0,
        key: Buffer.from(key),
        value: null,
        headers: [],
      },
    },
  ];
}

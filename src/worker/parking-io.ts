import { encodeParkedCopy } from '../codec/parked-copy.ts';
import { partsHeaders } from '../codec/parts-headers.ts';
import type { PartsLostError } from '../errors/body-errors.ts';
import type { LogEnds } from '../kafka/admin.ts';
import type { OutgoingRecord } from '../kafka/port.ts';
import { showValue } from '../options/show-value.ts';
import type { Postponed } from './core/delaying.ts';
import type { Item } from './core/lane.ts';
import type { Copy, JournalWrite, MarkPlace, MarkRequest, ParkedFound, ParkedWant } from './core/parked.ts';
import { isDiscarded } from './core/parking.ts';
import type { PartitionState } from './core/partition-state.ts';
import type { StateJournal } from './journal/state-journal.ts';
import type { CopiedParts, ParkedParts } from './parked-parts.ts';
import type { ParkedFeed } from './reading/parked-feed.ts';

/** Appends one record to the parked topic and resolves with its place once it is durable. Records of one lane keep their order. */
export type AppendParked = (entry: {
  readonly partition: number;
  readonly lane: string;
  readonly id: string;
  readonly record: OutgoingRecord;
}) => Promise<{ readonly offset: number }>;

/** What is in the parked topic now. */
export interface Copied {
  /** The first tasks of those that were to be copied. Fewer than that: the others are copied in another go. */
  readonly items: readonly Item[];
  /** Parts that could not be copied, as they are gone: their tasks were without them. */
  readonly lost: readonly { readonly item: Item; readonly error: PartsLostError }[];
}

interface ParkingDeps {
  readonly group: string;
  readonly topic: { readonly name: string; readonly partitions: number };
  readonly journal: StateJournal;
  readonly append: AppendParked;
  readonly parts: ParkedParts;
  /** Appends to the queue topic. */
  readonly appendAgain: AppendParked;
  readonly feed: ParkedFeed;
  readonly logEnds: (partition: number) => Promise<LogEnds>;
  /** Kafka's id of the parked topic as it is now; undefined where topics have none. */
  readonly parkedTopicId: () => Promise<string | undefined>;
  /** The id written on a record; undefined when it is no task. */
  readonly taskId: (item: Item) => string | undefined;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  /**
   * A mark counts only when it is in the journal so soon after the parked topic's end was asked for: of what no mark
   * needs, records that are older than this may be deleted.
   */
  readonly markWithinMs: number;
}

/** Where a mark's copies begin, as it is being asked for. */
interface AskedEnd {
  readonly askedMs: number;
  readonly at: Promise<{ readonly end: number; readonly topicId: string | undefined }>;
}

/** What parking and redriving read and write. Every method rejects when anything of it failed: then all of it is done again. */
export class ParkingIo {
  readonly #deps: ParkingDeps;
  readonly #ends = new Map<number, AskedEnd>();

  constructor(deps: ParkingDeps) {
    this.#deps = deps;
  }

  /** Appends a MARK. All its copies will be at or above `parkedFrom`. */
  async mark(partition: PartitionState, { parked, item, cause, atMs }: MarkRequest): Promise<MarkPlace> {
    const { group, journal, taskId, monotonicMs, markWithinMs } = this.#deps;
    const { askedMs, at } = this.#endOf(this.#parkedPartition(partition));
    const { end: parkedFrom, topicId } = await at;
    const mark = await journal.append({
      kind: 'mark',
      group,
      partition: partition.partition,
      epoch: partition.epoch,
      key: parked.key,
      scope: parked.scope,
      from: parked.from,
      parkedFrom,
      ...(topicId === undefined ? {} : { parkedTopicId: topicId }),
      type: item?.type ?? '',
      id: item === undefined ? '' : (taskId(item) ?? ''),
      reason: cause.reason,
      error: textOf(cause.error),
      atMs: Math.floor(atMs),
      command: cause.command,
    });
    if (monotonicMs() - askedMs > markWithinMs) {
      throw new Error('a mark was written so late that it has to be written again');
    }
    return { mark, parkedFrom, parkedTopicId: topicId };
  }

  /**
   * Appends copies, in their order. One that was appended twice counts once; one of a failed attempt does no harm. A task
   * with parts goes alone, as it may take long: before its copy come those of its parts. None is copied when the partition
   * is given up meanwhile.
   */
  async copy(partition: PartitionState, copy: Copy): Promise<Copied> {
    const items = oneGo(copy.items);
    const [first] = items;
    // What an operator has discarded needs no parts, and nobody waits for a store for its sake.
    if (first === undefined || !hasParts(first) || isDiscarded(partition, copy.parked, first.offset)) {
      await this.#append(partition, copy, items);
      return { items, lost: [] };
    }
    const id = `${copy.parked.mark}/${first.offset}`;
    const copied = await this.#deps.parts.copy({
      record: first.record,
      mark: copy.parked,
      partition: this.#parkedPartition(partition),
      id,
      lane: `${this.#deps.group}/${partition.partition}/${id}`,
      isWanted: () => partition.phase === 'running' && !isDiscarded(partition, copy.parked, first.offset),
    });
    if (copied === undefined) return { items: [], lost: [] };
    await this.#append(partition, copy, items, copied);
    return { items, lost: copied.lost.map((error) => ({ item: first, error })) };
  }

  /** `first`: the first task's record, where that is not to be copied as it is. */
  async #append(
    partition: PartitionState,
    { parked, cause, attempts }: Copy,
    items: readonly Item[],
    first?: CopiedParts,
  ): Promise<void> {
    const { group, append, wallMs } = this.#deps;
    const atMs = Math.floor(wallMs());
    const records = items.map((item, at) => ({
      id: `${parked.mark}/${item.offset}`,
      record: encodeParkedCopy(at === 0 && first !== undefined ? first.record : item.record, {
        group,
        partition: partition.partition,
        offset: item.offset,
        mark: parked.mark,
        epoch: partition.epoch,
        atMs,
        previous: items[at - 1]?.offset ?? -1,
        lost: at === 0 ? first?.lost.map(({ upload }) => upload) : undefined,
        cause:
          at === 0 && cause !== undefined
            ? { reason: cause.reason, attempts, error: textOf(cause.error) }
            : undefined,
      }),
    }));
    const lane = `${group}/${partition.partition}/${parked.mark}`;
    const outcomes = await Promise.allSettled(
      records.map((one) => append({ partition: this.#parkedPartition(partition), lane, ...one })),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  /** Appends a delayed task at the end of its partition, as it is. */
  async postpone(partition: PartitionState, { item }: Postponed): Promise<void> {
    const { key, value, headers } = item.record;
    if (value === null) throw new Error('a tombstone is no delayed task');
    const id = this.#deps.taskId(item) ?? '';
    await this.#deps.appendAgain({
      partition: partition.partition,
      lane: item.key,
      id,
      record: { key, value, headers },
    });
  }

  async write(partition: PartitionState, write: JournalWrite): Promise<void> {
    const { group, journal } = this.#deps;
    const place = { group, partition: partition.partition, epoch: partition.epoch };
    switch (write.kind) {
      case 'progress':
        await journal.append({ kind: 'progress', ...place, mark: write.parked.mark, done: write.done });
        return;
      case 'cleared': {
        const { parked, how, upTo, command } = write;
        await journal.append({ kind: 'cleared', ...place, mark: parked.mark, how, upTo, command });
        return;
      }
      case 'done':
        await journal.append({ kind: 'done', ...place, command: write.command, outcome: write.outcome });
        return;
      case 'truncated':
        await journal.append({ kind: 'truncated', ...place, from: write.from, to: write.to });
    }
  }

  readParked(partition: PartitionState, wants: readonly ParkedWant[]): Promise<readonly ParkedFound[]> {
    return this.#deps.feed.read({
      partition: partition.partition,
      parkedPartition: this.#parkedPartition(partition),
      epoch: partition.epoch,
      wants,
      isWanted: () => partition.phase === 'running',
    });
  }

  async close(): Promise<void> {
    await this.#deps.feed.close();
  }

  #parkedPartition({ partition }: PartitionState): number {
    return partition % this.#deps.topic.partitions;
  }

  /** Many keys may be parked at once: an end that is being asked for lies before the copies of all of them. */
  #endOf(parkedPartition: number): AskedEnd {
    let asked = this.#ends.get(parkedPartition);
    if (asked === undefined) {
      const at = this.#askEnd(parkedPartition).finally(() => this.#ends.delete(parkedPartition));
      asked = { askedMs: this.#deps.monotonicMs(), at };
      this.#ends.set(parkedPartition, asked);
    }
    return asked;
  }

  /** The id first: with that of a topic that is made anew in between the mark would begin beyond its end. */
  async #askEnd(
    parkedPartition: number,
  ): Promise<{ readonly end: number; readonly topicId: string | undefined }> {
    const topicId = await this.#deps.parkedTopicId();
    const { end } = await this.#deps.logEnds(parkedPartition);
    return { end, topicId };
  }
}

/** Tasks that are sent together: all before the first one with parts, or that one. */
function oneGo(items: readonly Item[]): readonly Item[] {
  const at = items.findIndex(hasParts);
  return at < 0 ? items : items.slice(0, Math.max(1, at));
}

function hasParts({ record }: Item): boolean {
  return partsHeaders(record).length > 0;
}

function textOf(error: unknown): string {
  if (error === undefined) return '';
  return error instanceof Error ? `${error.name}: ${error.message}` : showValue(error, []);
}

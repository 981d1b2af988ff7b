import { isOtherTopic, type JournalEntry, type JournalHistory, type WrittenEntry } from './journal.ts';
import { decodeEntry } from './journal-entry.ts';
import { JournalFold } from './journal-fold.ts';
import type { Needed } from './partition-journal.ts';

/** A mark whose parked tasks may still be needed, and whose it is. */
export interface NeededMark extends Needed {
  readonly group: string;
  readonly partition: number;
}

/**
 * The entries of all groups: of one group everything, of the others what decides how long records have to stay. A group
 * may have parked a hundred thousand keys that others need to know little of.
 */
export class GroupsFold {
  readonly #group: string;
  readonly #own: JournalFold;
  readonly #others = new Map<string, JournalFold>();

  constructor(group: string) {
    this.#group = group;
    this.#own = new JournalFold(group);
  }

  /** The entry, if it is one of the own group and was not added before. `writtenAtMs`: by the brokers' clocks. */
  add(offset: number, value: Buffer, writtenAtMs?: number): WrittenEntry | undefined {
    const entry = decodeEntry(value.toString('utf8'));
    if (entry === undefined) return undefined;
    if (entry.group === this.#group) return this.#own.addEntry(offset, entry, writtenAtMs);
    const thinned = thin(entry);
    if (thinned !== undefined) this.#other(entry.group).addEntry(offset, thinned, writtenAtMs);
    return undefined;
  }

  /** Of the own group: see `PartitionJournal`. */
  history(partition: number, upTo: number): JournalHistory {
    return this.#own.history(partition, upTo);
  }

  /** See {@link PartitionJournal.settledConfirm}. */
  settledConfirm(
    group: string,
    partition: number,
    openBeforeMs = Number.NEGATIVE_INFINITY,
  ): JournalHistory['newestConfirm'] {
    const fold = group === this.#group ? this.#own : this.#others.get(group);
    return fold?.settledConfirm(partition, openBeforeMs);
  }

  /**
   * Of all groups, declared or not, and of each partition of the parked topic: the mark whose copies may lie lowest there.
   * Where nothing parked is needed any more there is none. `parkedPartition` says where a queue partition's copies are. In a
   * topic that was made anew, which has that id now, all that is there may be copies of marks from before.
   */
  lowestNeeded(
    parkedPartition: (partition: number) => number,
    topicId?: string,
  ): ReadonlyMap<number, NeededMark> {
    const lowest = new Map<number, NeededMark>();
    for (const [group, fold] of [[this.#group, this.#own] as const, ...this.#others]) {
      for (const [partition, { id, key, ...needed }] of fold.needed()) {
        const where = parkedPartition(partition);
        const parkedFrom = isOtherTopic(needed.parkedTopicId, topicId) ? 0 : needed.parkedFrom;
        const known = lowest.get(where);
        if (known !== undefined && known.parkedFrom <= parkedFrom) continue;
        lowest.set(where, { group, partition, id, key, parkedFrom });
      }
    }
    return lowest;
  }

  #other(group: string): JournalFold {
    let fold = this.#others.get(group);
    if (fold === undefined) {
      fold = new JournalFold(group);
      this.#others.set(group, fold);
    }
    return fold;
  }
}

/** Of another group's entry what decides whose a partition is, how far it has come and what is parked. */
function thin(entry: JournalEntry): JournalEntry | undefined {
  switch (entry.kind) {
    case 'claim':
      return { ...entry, by: '' };
    case 'confirm':
      return entry;
    case 'mark':
      return { ...entry, type: '', id: '', error: '', command: '' };
    case 'cleared':
      return { ...entry, command: '' };
    default:
      return undefined;
  }
}

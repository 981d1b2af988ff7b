import { foldJournal, type JournalEntry, type JournalHistory, type WrittenEntry } from './journal.ts';
import { decodeEntry } from './journal-entry.ts';
import { type Needed, PartitionJournal } from './partition-journal.ts';

/** The entries of one group, sorted by the queue partition they speak of. */
export class JournalFold {
  readonly #group: string;
  readonly #journals = new Map<number, PartitionJournal>();

  constructor(group: string) {
    this.#group = group;
  }

  /** The entry, if it is one of this group and was not added before. */
  add(offset: number, value: Buffer): WrittenEntry | undefined {
    const entry = decodeEntry(value.toString('utf8'));
    return entry?.group === this.#group ? this.addEntry(offset, entry) : undefined;
  }

  /** The entry of this group, if it was not added before. */
  addEntry(offset: number, entry: JournalEntry, writtenAtMs?: number): WrittenEntry | undefined {
    let journal = this.#journals.get(entry.partition);
    if (journal === undefined) {
      journal = new PartitionJournal();
      this.#journals.set(entry.partition, journal);
    }
    const written = Object.assign(entry, { offset });
    return journal.add(written, writtenAtMs) ? written : undefined;
  }

  /** See {@link PartitionJournal.history}. */
  history(partition: number, upTo: number): JournalHistory {
    return this.#journals.get(partition)?.history(upTo) ?? foldJournal([]);
  }

  /** See {@link PartitionJournal.settledConfirm}. */
  settledConfirm(partition: number, openBeforeMs: number): JournalHistory['newestConfirm'] {
    return this.#journals.get(partition)?.settledConfirm(openBeforeMs);
  }

  /** See {@link PartitionJournal.needed}; of all partitions that were spoken of. */
  *needed(): Iterable<readonly [partition: number, mark: Needed]> {
    for (const [partition, journal] of this.#journals) {
      for (const mark of journal.needed()) yield [partition, mark];
    }
  }
}

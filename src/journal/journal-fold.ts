import { foldJournal, type JournalHistory, type WrittenEntry } from './journal.ts';
import { decodeEntry } from './journal-entry.ts';
import { PartitionJournal } from './partition-journal.ts';

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
    if (entry === undefined || entry.group !== this.#group) return undefined;
    let journal = this.#journals.get(entry.partition);
    if (journal === undefined) {
      journal = new PartitionJournal();
      this.#journals.set(entry.partition, journal);
    }
    const written = Object.assign(entry, { offset });
    return journal.add(written) ? written : undefined;
  }

  /** See {@link PartitionJournal.history}. */
  history(partition: number, upTo: number): JournalHistory {
    return this.#journals.get(partition)?.history(upTo) ?? foldJournal([]);
  }
}

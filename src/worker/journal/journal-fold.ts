import { foldJournal, type JournalEntry, type JournalHistory, type WrittenEntry } from '../core/journal.ts';
import { decodeEntry } from '../core/journal-entry.ts';

/** The entries of one group, sorted by the queue partition they speak of. */
export class JournalFold {
  readonly #group: string;
  readonly #entries = new Map<number, WrittenEntry[]>();

  constructor(group: string) {
    this.#group = group;
  }

  /** The entry, if it is one of this group. */
  add(offset: number, value: Buffer): JournalEntry | undefined {
    const entry = decodeEntry(value.toString('utf8'));
    if (entry === undefined || entry.group !== this.#group) return undefined;
    const list = this.#entries.get(entry.partition);
    if (list === undefined) this.#entries.set(entry.partition, [{ ...entry, offset }]);
    else list.push({ ...entry, offset });
    return entry;
  }

  history(partition: number, upTo: number): JournalHistory {
    return foldJournal((this.#entries.get(partition) ?? []).filter((entry) => entry.offset <= upTo));
  }
}

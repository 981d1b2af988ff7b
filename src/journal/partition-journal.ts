import type { JournalHistory, WrittenEntry } from './journal.ts';
import { confirmOf, JournalSummary } from './journal-summary.ts';

/** A mark whose parked tasks may still be needed. */
export interface Needed {
  /** Its offset in the journal. */
  readonly id: number;
  /** The record key, byte for byte (latin1). */
  readonly key: string;
  readonly parkedFrom: number;
  readonly parkedTopicId?: string | undefined;
}

/**
 * The journal of one (group, partition), in log order, without what no longer matters: entries are kept one by one only
 * while a newer claim, not confirmed so far, may still make them void.
 *
 * That is over once a claim is confirmed with no other claim between it and its confirmation. Whatever is confirmed
 * later was claimed later than that confirmation, and voids neither it nor anything before it.
 */
export class PartitionJournal {
  readonly #settled = new JournalSummary();
  /** What follows. */
  #open: WrittenEntry[] = [];
  /** Of the confirmations among it: when they were written, by the brokers' clocks. */
  #writtenAtMs = new Map<number, number>();
  /** The newest claim among it; without one there is nothing open. */
  #openClaim: number | undefined;
  #nextOffset = 0;

  /** False for an entry that was added before. `writtenAtMs`: by the brokers' clocks; left out, it is not known. */
  add(entry: WrittenEntry, writtenAtMs = Number.POSITIVE_INFINITY): boolean {
    if (entry.offset < this.#nextOffset) return false;
    this.#nextOffset = entry.offset + 1;
    if (entry.kind === 'claim') this.#openClaim = entry.offset;
    this.#open.push(entry);
    if (entry.kind === 'confirm') this.#writtenAtMs.set(entry.offset, writtenAtMs);
    const settles =
      this.#openClaim === undefined || (entry.kind === 'confirm' && entry.epoch === this.#openClaim);
    if (!settles) return true;
    this.#settled.addAll(this.#open);
    this.#open = [];
    this.#writtenAtMs.clear();
    this.#openClaim = undefined;
    return true;
  }

  /**
   * The newest confirmation, as far as nothing that is yet to come can make it void. One that only a claim could make void
   * which was there before it, and has not been confirmed since, counts once it was written before `openBeforeMs`. Such
   * claims stay: they are of workers that were expelled from their group and did not know it yet. What is stated after
   * one would not count until the partition has a new owner.
   *
   * What is younger counts at once where it is lower: the group was set back, unless it turns out to be void.
   */
  settledConfirm(openBeforeMs: number): JournalHistory['newestConfirm'] {
    let known = this.#oldConfirm(openBeforeMs) ?? this.#settled.newestConfirm;
    if (known === undefined) return undefined;
    for (const entry of this.#open) {
      if (entry.kind !== 'confirm' || this.#isOld(entry, openBeforeMs)) continue;
      if (entry.frontier < known.frontier) known = confirmOf(entry);
    }
    return known;
  }

  /** Of what is open, the newest confirmation that is not void now and was written before that. */
  #oldConfirm(openBeforeMs: number): JournalHistory['newestConfirm'] {
    const old = this.#open.filter((entry) => this.#isOld(entry, openBeforeMs));
    if (old.length === 0) return undefined;
    const epoch = this.history(Number.POSITIVE_INFINITY).newestConfirmedEpoch;
    for (const entry of old.toReversed()) {
      if (entry.kind === 'confirm' && entry.epoch === epoch) return confirmOf(entry);
    }
    return undefined;
  }

  #isOld({ offset }: WrittenEntry, openBeforeMs: number): boolean {
    return (this.#writtenAtMs.get(offset) ?? Number.POSITIVE_INFINITY) < openBeforeMs;
  }

  /**
   * Marks that are live, or may turn out to be: one whose end may still become void is among them, and one that may itself
   * be void is too.
   */
  *needed(): Iterable<Needed> {
    yield* this.#settled.marks;
    for (const entry of this.#open) {
      if (entry.kind !== 'mark') continue;
      const { offset: id, key, parkedFrom, parkedTopicId } = entry;
      yield { id, key, parkedFrom, parkedTopicId };
    }
  }

  /**
   * What it said up to an offset that is a claim's, or its confirmation's. When a newer claim has been confirmed since,
   * it says more than that, and names the newer claim: whoever asked has been replaced.
   */
  history(upTo: number): JournalHistory {
    const summary = this.#settled.copy();
    summary.addAll(this.#open.filter(({ offset }) => offset <= upTo));
    return summary.history();
  }
}

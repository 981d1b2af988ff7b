import { isOtherTopic } from '../../journal/journal.ts';
import type { LogEnds } from '../../kafka/admin.ts';
import type { IncomingRecord } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';
import type { ParkedFound, ParkedWant } from '../core/parked.ts';
import { itemOf } from './item-of.ts';

/** The ends of the log, and Kafka's id of its topic. */
export interface TopicLog extends LogEnds {
  readonly topicId: string | undefined;
}

/** What is looked for, and what was found so far. */
export class ParkedSearch {
  readonly #want: ParkedWant;
  readonly #lostBelow: number;
  /** It is looked for from an offset of a topic that is gone. */
  readonly #isElsewhere: boolean;
  readonly #items: Item[] = [];
  #bytes = 0;
  #next: number;
  /** Highest source offset that is in the list, or before it. */
  #last: number;

  constructor(want: ParkedWant, logStart: number, topicId: string | undefined) {
    this.#want = want;
    this.#isElsewhere = isOtherTopic(want.topicId, topicId);
    this.#lostBelow = want.from < logStart ? logStart : 0;
    this.#next = want.from;
    this.#last = want.after;
  }

  get mark(): number {
    return this.#want.mark;
  }

  get isOpen(): boolean {
    const { count, bytes } = this.#want;
    return !this.#isElsewhere && this.#lostBelow === 0 && this.#items.length < count && this.#bytes < bytes;
  }

  /** Copies of a failed attempt are there again behind it; a remnant that lacks those before it would reorder them. */
  take(
    at: number,
    copy: { readonly offset: number; readonly previous: number; readonly record: IncomingRecord },
  ): void {
    if (at < this.#want.from || copy.offset <= this.#last || copy.previous > this.#last) return;
    const item = itemOf(copy.record);
    this.#items.push(item);
    this.#bytes += item.bytes;
    this.#last = copy.offset;
    this.#next = at + 1;
  }

  /** `end`: offset of the record that was appended, if all below it was read. */
  found({ start, topicId }: TopicLog, end: number | undefined): ParkedFound {
    const { mark } = this;
    const atEnd = this.isOpen && end !== undefined;
    // No copy was ever there: the topic was made anew, or its end was lost. Nothing found is not all that was parked.
    if (this.#isElsewhere || (atEnd && this.#want.from > end)) {
      const lostBelow = Math.max(1, this.#want.from);
      return { mark, items: [], next: start, topicId, atEnd: false, lostBelow };
    }
    const next = atEnd ? Math.max(end, this.#next) : this.#next;
    return { mark, items: this.#items, next, topicId, atEnd, lostBelow: this.#lostBelow };
  }
}

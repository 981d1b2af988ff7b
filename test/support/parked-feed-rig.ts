import { ManualClock } from '../../src/clock/manual-clock.ts';
import { encodeParkedCopy } from '../../src/codec/parked-copy.ts';
import { encodePart } from '../../src/codec/part.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { IncomingRecord, Reader } from '../../src/kafka/port.ts';
import type { ParkedWant } from '../../src/worker/core/parked.ts';
import { ParkedFeed, type ParkedJob } from '../../src/worker/reading/parked-feed.ts';

const all = { count: 100, bytes: 1_000_000 };

export function want(mark: number, changes: Partial<ParkedWant> = {}): ParkedWant {
  return { mark, after: -1, from: 0, ...all, ...changes };
}

/** A parked topic, and a feed on it. */
export class ParkedFeedRig {
  readonly cluster = new MemoryCluster();
  readonly clock = new ManualClock();
  readonly feed: ParkedFeed;
  openCount = 0;
  topicId: string | undefined = 'K';

  /** Go before each answer about the end of the log, and before each append. */
  beforeEnds: (partition: number) => Promise<void> = async () => {};
  beforeAppend: (partition: number) => Promise<void> = async () => {};
  /** What the brokers say of the end, when it is not as it is. */
  toldEnd: number | undefined;
  openReader: () => Promise<Reader> = () =>
    memoryDriver(this.cluster).reader({ name: 'r', prefetchBytes: 1 });

  constructor(partitions = 1) {
    this.cluster.createTopic('q.parked', { partitions });
    this.feed = new ParkedFeed({
      group: 'g',
      topic: 'q.parked',
      openReader: () => {
        this.openCount += 1;
        return this.openReader();
      },
      logEnds: async (place) => {
        await this.beforeEnds(place.partition);
        const { start, end } = this.cluster.log(place)?.ends ?? { start: 0, end: 0 };
        return { ...place, start, end: this.toldEnd ?? end };
      },
      topicId: async () => this.topicId,
      append: async ({ partition, record }) => {
        await this.beforeAppend(partition);
        const [outcome] = this.cluster.write({ topic: 'q.parked', partition }, [record]);
        if (outcome?.kind !== 'appended') throw new Error('it was not appended');
        return outcome;
      },
      clock: this.clock,
    });
  }

  /** How many records there are by which the feed has found the end. */
  get ends(): number {
    const own = this.cluster
      .records('q.parked')
      .filter(({ headers }) => headers.some(([name]) => name === 'kl-park-end'));
    return own.length;
  }

  copy(
    mark: number,
    offset: number,
    more: {
      group?: string;
      partition?: number;
      previous?: number;
      bodyBytes?: number;
      parkedPartition?: number;
    } = {},
  ): void {
    const { group = 'g', partition = 3, previous = -1, bodyBytes, parkedPartition = 0 } = more;
    const place = { topic: 'q', partition, offset, timestampMs: 0 };
    const original: IncomingRecord = {
      ...place,
      key: Buffer.from('k'),
      value: Buffer.from(`v${offset}`),
      headers: bodyBytes === undefined ? [] : [['kl-body', Buffer.alloc(bodyBytes)]],
    };
    const info = { group, partition, mark, offset, epoch: 1, atMs: 0, previous };
    this.cluster.write({ topic: 'q.parked', partition: parkedPartition }, [encodeParkedCopy(original, info)]);
  }

  /** Parts of a task that will be copied behind them. */
  parts(count: number, partBytes = 900_000): void {
    const content = Buffer.alloc(partBytes);
    const records = Array.from({ length: count }, (_, index) =>
      encodePart({ upload: 'u', index, content, crc: 0, frame: undefined }),
    );
    this.cluster.write({ topic: 'q.parked', partition: 0 }, records);
  }

  /** Takes down where reading starts, and how much is asked for at once. */
  watchReader(): { starts: number[]; polls: number[] } {
    const starts: number[] = [];
    const polls: number[] = [];
    const { openReader } = this;
    this.openReader = async () => {
      const reader = await openReader();
      const assign = reader.assign.bind(reader);
      const poll = reader.poll.bind(reader);
      reader.assign = (positions) => {
        starts.push(...positions.map(({ offset }) => offset));
        return assign(positions);
      };
      reader.poll = (count) => {
        polls.push(count);
        return poll(count);
      };
      return reader;
    };
    return { starts, polls };
  }

  job(...wants: ParkedWant[]): ParkedJob {
    return { partition: 3, parkedPartition: 0, epoch: 40, wants, isWanted: () => true };
  }

  async read(
    ...wants: ParkedWant[]
  ): Promise<{ offsets: number[]; next: number; atEnd: boolean; lostBelow: number }[]> {
    const found = await this.feed.read(this.job(...wants));
    return found.map(({ items, next, atEnd, lostBelow }) => ({
      offsets: items.map(({ offset }) => offset),
      next,
      atEnd,
      lostBelow,
    }));
  }
}

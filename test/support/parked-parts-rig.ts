import { expect } from 'vitest';
import { manifestHeader } from '../../src/codec/manifest.ts';
import { readParkedCopy } from '../../src/codec/parked-copy.ts';
import { readPartHead } from '../../src/codec/part.ts';
import { partsHeaders } from '../../src/codec/parts-headers.ts';
import type { IncomingRecord, OutgoingRecord, RecordHeader } from '../../src/kafka/port.ts';
import { type Item, Lane } from '../../src/worker/core/lane.ts';
import { type Copy, Parked } from '../../src/worker/core/parked.ts';
import { PartitionState } from '../../src/worker/core/partition-state.ts';
import type { StateJournal } from '../../src/worker/journal/state-journal.ts';
import { ParkedObjects } from '../../src/worker/parked-objects.ts';
import { ParkedParts } from '../../src/worker/parked-parts.ts';
import { type AppendParked, ParkingIo } from '../../src/worker/parking-io.ts';
import { itemOf } from '../../src/worker/reading/item-of.ts';
import { ParkedFeed } from '../../src/worker/reading/parked-feed.ts';
import { contentOf, drain, PartsRig, type Upload } from './parts-rig.ts';

const never = new Promise<never>(() => {});
export const parked = { topic: 'q.parked', partition: 2 };

/** Partition 5 of a queue, its tasks of key k, and what owners of it append to the parked topic. */
export class ParkedPartsRig {
  readonly parts = new PartsRig();
  readonly mark = new Parked({ key: 'k', scope: 'key', from: 9, stage: 'parked' });
  readonly items: Item[] = [];
  /** The contents of uploads, by id. */
  readonly contents = new Map<string, Buffer>();
  appends = 0;
  /** What is to happen to the n-th append, from 1. */
  fate: (nth: number) => 'written' | 'refused' | 'unheard' | 'never written' = () => 'written';
  /** Parts. */
  underWay = 0;
  mostUnderWay = 0;

  constructor() {
    this.mark.mark = 71;
    const { cluster } = this.parts;
    cluster.write(parked, [{ key: null, value: Buffer.from('?'), headers: [] }]);
  }

  task(offset: number, headers: readonly RecordHeader[] = [], timestampMs = 2_000): Item {
    const place = { topic: 'q', partition: 5, offset, timestampMs };
    const item = itemOf({ ...place, key: Buffer.from('k'), value: Buffer.from(`v${offset}`), headers });
    this.items.push(item);
    return item;
  }

  async upload(
    name: string,
    bytes: number,
    change?: (records: readonly OutgoingRecord[]) => OutgoingRecord[],
  ) {
    const upload = await this.parts.upload(name, contentOf(name.charCodeAt(0), bytes), {
      compress: name === 'lz4',
      ...(change === undefined ? {} : { change }),
    });
    this.contents.set(name, upload.content);
    return upload;
  }

  /** Small tasks around one that has a body and a payload in parts. */
  async mixed(): Promise<void> {
    const body = await this.upload('body', 4_500);
    const payload = await this.upload('lz4', 2_100);
    this.task(9);
    this.task(12, [payloadHeader(payload), bodyHeader(body)]);
    this.task(14);
  }

  /** One that ends when the partition does. */
  owner(): { partition: PartitionState; io: ParkingIo } {
    const partition = new PartitionState(5);
    for (const phase of ['inspecting', 'taking', 'confirming', 'running'] as const) partition.move(phase);
    partition.epoch = 40;
    const { clock, cluster, feed } = this.parts;
    const append = this.#append;
    const reader = new ParkedFeed({
      group: 'g',
      topic: 'q.parked',
      openReader: this.parts.openReader,
      topicId: async () => undefined,
      logEnds: async (place) => ({ ...place, start: 0, end: 0, ...cluster.log(place)?.ends }),
      append,
      clock,
    });
    const objects = new ParkedObjects({
      clock,
      stores: new Map(),
      append,
      queue: 'q',
      topics: { parts: { name: 'q.parts' }, parked: { name: 'q.parked' } },
      describe: async () => undefined,
      logEnds: async (place) => ({ ...place, start: 0, end: 0 }),
    });
    const io = new ParkingIo({
      group: 'g',
      topic: { name: 'q.parked', partitions: 3 },
      journal: {} as unknown as StateJournal, // nothing is written there
      append,
      appendAgain: append,
      parts: new ParkedParts({ feed, append, clock, objects }),
      feed: reader,
      logEnds: async (partitionNumber) => ({ ...parked, partition: partitionNumber, start: 0, end: 0 }),
      parkedTopicId: async () => undefined,
      taskId: () => undefined,
      wallMs: () => 5_000,
      monotonicMs: () => 0,
      markWithinMs: 0,
    });
    return { partition, io };
  }

  readonly #append: AppendParked = async ({ partition, record }) => {
    this.appends += 1;
    const fate = this.fate(this.appends);
    if (fate === 'never written') return never;
    if (fate === 'refused') throw new Error('it was refused');
    const weight = readPartHead({ ...parked, ...record, offset: 0, timestampMs: 0 }) === undefined ? 0 : 1;
    this.underWay += weight;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const [outcome] = this.parts.cluster.write({ topic: 'q.parked', partition }, [record]);
    if (fate === 'unheard') return never;
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay -= weight;
    if (outcome?.kind !== 'appended') throw new Error('it was not appended');
    return { offset: outcome.offset };
  };

  copyOf(items: readonly Item[]): Copy {
    return { parked: this.mark, lane: new Lane('k'), items, cause: undefined, attempts: 0 };
  }

  /** All tasks, go after go, as the core has them copied. */
  async copyAll({ partition, io } = this.owner()): Promise<{ lost: string[]; goes: number[][] }> {
    const goes: number[][] = [];
    const lost: string[] = [];
    let rest: readonly Item[] = this.items;
    while (rest.length > 0) {
      const copied = await io.copy(partition, this.copyOf(rest));
      goes.push(copied.items.map(({ offset }) => offset));
      lost.push(...copied.lost.map(({ item, error }) => `${item.offset} ${error.upload}`));
      if (copied.items.length === 0) break;
      rest = rest.slice(copied.items.length);
    }
    return { lost, goes };
  }

  /** What a redrive finds. */
  async found(): Promise<readonly IncomingRecord[]> {
    const { partition, io } = this.owner();
    const want = { mark: 71, after: -1, from: 0, count: 100, bytes: 1_000_000 };
    const [found] = await io.readParked(partition, [want]);
    return found?.items.map(({ record }) => record) ?? [];
  }

  /** The parts of what a redrive finds are those that were enqueued, although the originals are gone. */
  async expectWhole(records: readonly IncomingRecord[]): Promise<void> {
    const { cluster, feed } = this.parts;
    for (const partition of [0, 1, 2]) {
      const place = { topic: 'q.parts', partition };
      cluster.deleteRecords(place, cluster.log(place)?.ends.end ?? 0);
    }
    for (const record of records) {
      for (const { manifest } of partsHeaders(record)) {
        expect(manifest.at).toBe('parked');
        const content = await drain(feed.open({ manifest, whole: false }));
        expect(content.equals(this.contents.get(manifest.upload) ?? Buffer.alloc(0))).toBe(true);
      }
    }
  }
}

export function bodyHeader({ manifest }: Pick<Upload, 'manifest'>): RecordHeader {
  return manifestHeader('kl-body-parts', manifest);
}

export function payloadHeader({ manifest }: Pick<Upload, 'manifest'>): RecordHeader {
  return manifestHeader('kl-payload-parts', manifest);
}

export function offsetsOf(records: readonly { readonly offset: number }[]): number[] {
  return records.map(({ offset }) => offset);
}

/** Of the copy of a task, as it is in the parked topic. */
export function copyAt(rig: ParkedPartsRig, offset: number) {
  const copies = rig.parts.cluster.records('q.parked').map((record) => readParkedCopy(record));
  return copies.findLast((copy) => copy?.offset === offset);
}

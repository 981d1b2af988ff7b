import { describe, expect, it } from 'vitest';
import { contentOf, drain, PartsRig, type Upload } from '../../test/support/parts-rig.ts';
import { type BodyManifest, manifestHeader } from '../codec/manifest.ts';
import { readParkedCopy } from '../codec/parked-copy.ts';
import { readPartHead } from '../codec/part.ts';
import { partsHeaders } from '../codec/parts-headers.ts';
import type { IncomingRecord, OutgoingRecord, RecordHeader } from '../kafka/port.ts';
import { type Item, Lane } from './core/lane.ts';
import { type Copy, Parked } from './core/parked.ts';
import { PartitionState } from './core/partition-state.ts';
import type { StateJournal } from './journal/state-journal.ts';
import { ParkedObjects } from './parked-objects.ts';
import { ParkedParts } from './parked-parts.ts';
import { type AppendParked, ParkingIo } from './parking-io.ts';
import { itemOf } from './reading/item-of.ts';
import { ParkedFeed } from './reading/parked-feed.ts';

const never = new Promise<never>(() => {});
const parked = { topic: 'q.parked', partition: 2 };

/** Partition 5 of a queue, its tasks of key k, and what owners of it append to the parked topic. */
class Rig {
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
      logEnds: async (place) => ({ ...place, start: 0, end: 0, ...cluster.log(place)?.ends }),
      clock,
    });
    const objects = new ParkedObjects({ stores: new Map(), append, queue: 'q', topicId: undefined });
    const io = new ParkingIo({
      group: 'g',
      topic: { name: 'q.parked', partitions: 3 },
      journal: {} as unknown as StateJournal, // nothing is written there
      append,
      appendAgain: append,
      parts: new ParkedParts({ feed, append, clock, objects }),
      feed: reader,
      logEnds: async (partitionNumber) => ({ ...parked, partition: partitionNumber, start: 0, end: 0 }),
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

function bodyHeader({ manifest }: Pick<Upload, 'manifest'>): RecordHeader {
  return manifestHeader('kl-body-parts', manifest);
}

function payloadHeader({ manifest }: Pick<Upload, 'manifest'>): RecordHeader {
  return manifestHeader('kl-payload-parts', manifest);
}

function offsetsOf(records: readonly { readonly offset: number }[]): number[] {
  return records.map(({ offset }) => offset);
}

/** Of the copy of a task, as it is in the parked topic. */
function copyAt(rig: Rig, offset: number) {
  const copies = rig.parts.cluster.records('q.parked').map((record) => readParkedCopy(record));
  return copies.findLast((copy) => copy?.offset === offset);
}

describe('parts of a task that is parked', () => {
  it('go with it: before its copy, under their id, with their CRCs, as they were stored', async () => {
    const rig = new Rig();
    await rig.mixed();
    const [, task] = rig.items;
    const before = partsHeaders(task?.record ?? fail());
    expect(await rig.copyAll()).toEqual({ lost: [], goes: [[9], [12], [14]] });

    const log = rig.parts.cluster.records('q.parked').slice(1);
    const written = log.map((record) => readPartHead(record)?.upload ?? readParkedCopy(record)?.offset);
    expect(written).toEqual([9, 'lz4', 'lz4', 'lz4', 'body', 'body', 'body', 'body', 'body', 12, 14]);
    const stored = rig.parts.cluster.records('q.parts');
    for (const name of ['lz4', 'body']) {
      const bytesOf = (records: readonly IncomingRecord[]) =>
        records
          .filter((record) => readPartHead(record)?.upload === name)
          .map(({ key, value, headers }) => ({ key, value, headers }));
      expect(bytesOf(log)).toEqual(bytesOf(stored));
    }

    const found = await rig.found();
    expect(offsetsOf(found)).toEqual([9, 12, 14]);
    const moved = { at: 'parked', partition: 2 };
    expect(partsHeaders(found[1] ?? fail())).toEqual([
      { ...before[0], manifest: { ...before[0]?.manifest, ...moved, from: 2, to: 4 } },
      { ...before[1], manifest: { ...before[1]?.manifest, ...moved, from: 5, to: 9 } },
    ]);
    expect(found[1]).toMatchObject({ timestampMs: 2_000, value: task?.record.value });
    await rig.expectWhole(found);
  });

  it('are copied again when the task is parked again, from where they are', async () => {
    const rig = new Rig();
    await rig.mixed();
    await rig.copyAll();
    const records = await rig.found();
    rig.items.splice(0, rig.items.length, ...records.map(itemOf));
    rig.mark.mark = 72;
    const first = rig.parts.cluster.log(parked)?.ends.end ?? 0;
    expect(await rig.copyAll()).toMatchObject({ lost: [] });
    const again = copyAt(rig, 12)?.record ?? fail();
    for (const { manifest } of partsHeaders(again)) expect(manifest.from).toBeGreaterThan(first);
    await rig.expectWhole([again]);
  });

  it('are a few at a time on their way, of a few tasks', async () => {
    const rig = new Rig();
    for (let n = 0; n < 7; n += 1) {
      const upload = await rig.upload(`upload-${n}`, 20_000);
      rig.task(20 + n, [bodyHeader(upload)]);
    }
    const { partition, io } = rig.owner();
    await Promise.all(rig.items.map((item) => io.copy(partition, rig.copyOf([item]))));
    expect(rig.mostUnderWay).toBeGreaterThan(4);
    expect(rig.mostUnderWay).toBeLessThanOrEqual(16);
    const found = await rig.found();
    expect(found.length).toBeGreaterThan(0);
    await rig.expectWhole(found);
  });

  it('of a void one stay where they are: it will not run', async () => {
    const rig = new Rig();
    const upload = await rig.upload('late', 3_000);
    rig.task(9, [bodyHeader(upload)], 1_000 + 60_000 + 1);
    expect(await rig.copyAll()).toEqual({ lost: [], goes: [[9]] });
    expect(rig.appends).toBe(1);
    const [found] = await rig.found();
    expect(partsHeaders(found ?? fail())[0]?.manifest).toEqual(upload.manifest);
  });

  it('of a codec that is not known are copied too', async () => {
    const rig = new Rig();
    const upload = await rig.upload('later', 3_000);
    rig.task(9, [['kl-codec', Buffer.from('json+parts+later')], payloadHeader(upload)]);
    await rig.copyAll();
    await rig.expectWhole(await rig.found());
  });
});

describe('parts that are lost', () => {
  const dropped = (records: readonly OutgoingRecord[]): OutgoingRecord[] =>
    records.with(2, records[1] ?? fail());
  const flipped = (records: readonly OutgoingRecord[]): OutgoingRecord[] =>
    records.map((record, at) =>
      at === 2 ? { ...record, value: Buffer.from(record.value).fill(9) } : record,
    );

  it.each([
    ['missing', dropped],
    ['damaged', flipped],
  ])('(%s) keep no task from being parked, and the copy names them', async (_what, change) => {
    const rig = new Rig();
    const payload = await rig.upload('good', 2_100);
    const body = await rig.upload('body', 4_500, change);
    rig.task(12, [payloadHeader(payload), bodyHeader(body)]);
    rig.task(14);
    expect(await rig.copyAll()).toEqual({ lost: ['12 body'], goes: [[12], [14]] });
    expect(copyAt(rig, 12)?.lost).toEqual(['body']);
    expect(copyAt(rig, 14)?.lost).toEqual([]);

    const [found] = await rig.found();
    const [good, lost] = partsHeaders(found ?? fail());
    expect(good?.manifest.at).toBe('parked');
    expect(lost?.manifest).toEqual(body.manifest);
    const read = drain(rig.parts.feed.open({ manifest: lost?.manifest ?? fail(), whole: false }));
    await expect(read).rejects.toMatchObject({ code: 'PARTS_LOST', topic: 'q.parts', upload: 'body' });
  });

  it('of parked tasks are told as such', async () => {
    const rig = new Rig();
    await rig.mixed();
    await rig.copyAll();
    const [, found] = await rig.found();
    const manifest: BodyManifest = partsHeaders(found ?? fail())[1]?.manifest ?? fail();
    rig.parts.cluster.deleteRecords(parked, manifest.from + 1);
    const read = drain(rig.parts.feed.open({ manifest, whole: false }));
    const failing = expect(read).rejects.toMatchObject({ code: 'PARTS_LOST', topic: 'q.parked' });
    await rig.parts.clock.advance(5_000);
    await failing;
  });
});

describe('an owner that ends while it copies', () => {
  const stepsOf = (count: number): [number, 'never written' | 'unheard'][] =>
    Array.from({ length: count }, (_, at) => at + 1).flatMap(
      (nth): [number, 'never written' | 'unheard'][] => [
        [nth, 'never written'],
        [nth, 'unheard'],
      ],
    );

  // Copies of 9, 12 and 14, and before that of 12 the 3 and 5 parts of its uploads.
  it.each(stepsOf(11))('leaves nothing that counts after step %d (%s)', async (nth, how) => {
    const rig = new Rig();
    await rig.mixed();
    rig.fate = (step) => (step < nth ? 'written' : step === nth ? how : 'never written');
    void rig.copyAll();
    while (rig.appends < nth) await new Promise((resolve) => setImmediate(resolve));
    rig.fate = () => 'written';
    expect(await rig.copyAll()).toMatchObject({ lost: [] });
    const found = await rig.found();
    expect(offsetsOf(found)).toEqual([9, 12, 14]);
    await rig.expectWhole(found);
  });

  it('and goes on copying does no harm to the next one', async () => {
    const rig = new Rig();
    await rig.mixed();
    await Promise.all([rig.copyAll(), rig.copyAll(), rig.copyAll()]);
    const found = await rig.found();
    expect(offsetsOf(found)).toEqual([9, 12, 14]);
    await rig.expectWhole(found);
  });
});

describe('copying that fails', () => {
  it.each([4, 8, 10])('at append %d is done again, anew', async (nth) => {
    const rig = new Rig();
    await rig.mixed();
    rig.fate = (step) => (step === nth ? 'refused' : 'written');
    await expect(rig.copyAll()).rejects.toThrow('it was refused');
    expect(rig.underWay).toBe(0); // nothing of it goes on
    await rig.copyAll();
    const found = await rig.found();
    expect(offsetsOf(found)).toEqual([9, 12, 14]);
    await rig.expectWhole(found);
  });

  it('to read what is there copies nothing, and may succeed another time', async () => {
    const rig = new Rig();
    const upload = await rig.upload('body', 2_000);
    rig.task(9, [bodyHeader(upload)]);
    const { openReader } = rig.parts;
    rig.parts.openReader = () => Promise.reject(new Error('no broker answers'));
    await expect(rig.copyAll()).rejects.toThrow('no broker answers');
    expect(rig.appends).toBe(0);
    rig.parts.openReader = openReader;
    expect(await rig.copyAll()).toEqual({ lost: [], goes: [[9]] });
  });
});

describe('a partition that is given up', () => {
  it('while parts are copied has none of the task copied, within a second', async () => {
    const rig = new Rig();
    await rig.mixed();
    const owner = rig.owner();
    const [small, large] = rig.items;
    await owner.io.copy(owner.partition, rig.copyOf([small ?? fail()]));
    rig.parts.openReader = async () => never; // nothing can be read
    const copying = owner.io.copy(owner.partition, rig.copyOf([large ?? fail()]));
    await rig.parts.clock.advance(100);
    owner.partition.move('draining');
    await rig.parts.clock.advance(1_000);
    expect(await copying).toEqual({ items: [], lost: [] });
    expect(rig.appends).toBe(1);
    expect(rig.parts.clock.pendingCount).toBe(0);
  });

  it('before their turn has come has them not wait for it', async () => {
    const rig = new Rig();
    for (let n = 0; n < 5; n += 1) rig.task(20 + n, [bodyHeader(await rig.upload(`upload-${n}`, 2_000))]);
    const busy = rig.owner();
    const leaving = { ...rig.owner(), io: busy.io };
    rig.fate = () => 'never written';
    const copies = rig.items.slice(0, 4).map((item) => busy.io.copy(busy.partition, rig.copyOf([item])));
    const last = busy.io.copy(leaving.partition, rig.copyOf(rig.items.slice(4)));
    leaving.partition.move('draining');
    await rig.parts.clock.advance(1_000);
    expect(await last).toEqual({ items: [], lost: [] });
    expect(copies).toHaveLength(4);
  });

  it('has its small tasks copied', async () => {
    const rig = new Rig();
    rig.task(9);
    const { partition, io } = rig.owner();
    partition.move('draining');
    expect((await io.copy(partition, rig.copyOf(rig.items))).items).toHaveLength(1);
  });
});

function fail(): never {
  throw new Error('it is not there');
}

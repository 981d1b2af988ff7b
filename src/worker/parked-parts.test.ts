import { describe, expect, it } from 'vitest';
import {
  bodyHeader,
  copyAt,
  offsetsOf,
  ParkedPartsRig,
  parked,
  payloadHeader,
} from '../../test/support/parked-parts-rig.ts';
import { drain } from '../../test/support/parts-rig.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { readParkedCopy } from '../codec/parked-copy.ts';
import { readPartHead } from '../codec/part.ts';
import { partsHeaders } from '../codec/parts-headers.ts';
import type { IncomingRecord, OutgoingRecord } from '../kafka/port.ts';
import { itemOf } from './reading/item-of.ts';

const never = new Promise<never>(() => {});

describe('parts of a task that is parked', () => {
  it('go with it: before its copy, under their id, with their CRCs, as they were stored', async () => {
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
    const upload = await rig.upload('late', 3_000);
    rig.task(9, [bodyHeader(upload)], 1_000 + 60_000 + 1);
    expect(await rig.copyAll()).toEqual({ lost: [], goes: [[9]] });
    expect(rig.appends).toBe(1);
    const [found] = await rig.found();
    expect(partsHeaders(found ?? fail())[0]?.manifest).toEqual(upload.manifest);
  });

  it('of a codec that is not known are copied too', async () => {
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
    await rig.mixed();
    await Promise.all([rig.copyAll(), rig.copyAll(), rig.copyAll()]);
    const found = await rig.found();
    expect(offsetsOf(found)).toEqual([9, 12, 14]);
    await rig.expectWhole(found);
  });
});

describe('copying that fails', () => {
  it.each([4, 8, 10])('at append %d is done again, anew', async (nth) => {
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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

it('a task that is discarded while its parts are copied is copied without them, within a second', async () => {
  const rig = new ParkedPartsRig();
  rig.task(12, [bodyHeader(await rig.upload('body', 4_500))]);
  const { partition, io } = rig.owner();
  rig.parts.openReader = async () => never; // nothing can be read
  const copying = io.copy(partition, rig.copyOf(rig.items));
  await rig.parts.clock.advance(100);
  const verb = { name: 'discard-task', mark: rig.mark.mark, offset: 12 } as const;
  partition.commands.push({ id: 'c-1', offset: 1, key: 'k', by: 'me', verb });
  await rig.parts.clock.advance(1_000);
  expect(await copying).toEqual({ items: [], lost: [] });
  expect(rig.appends).toBe(0);
  expect(await rig.copyAll({ partition, io })).toEqual({ lost: [], goes: [[12]] });
  expect(rig.appends).toBe(1);
});

describe('a partition that is given up', () => {
  it('while parts are copied has none of the task copied, within a second', async () => {
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
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
    const rig = new ParkedPartsRig();
    rig.task(9);
    const { partition, io } = rig.owner();
    partition.move('draining');
    expect((await io.copy(partition, rig.copyOf(rig.items))).items).toHaveLength(1);
  });
});

function fail(): never {
  throw new Error('it is not there');
}

import { describe, expect, it } from 'vitest';
import { contentOf, PartsRig, untilFailure, uploadOf } from '../../../test/support/parts-rig.ts';
import { crc32c } from '../../codec/crc32c.ts';
import { encodePart } from '../../codec/part.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';

type Records = readonly OutgoingRecord[];

/** Swaps, drops or repeats: the records at these places. */
const pick =
  (...places: number[]) =>
  (records: Records): Records =>
    places.flatMap((at) => records[at] ?? []);

const flip =
  (part: number, byte = 10) =>
  (records: Records): Records =>
    records.map((record, at) => {
      if (at !== part) return record;
      const value = Buffer.from(record.value);
      value[byte] = (value[byte] ?? 0) ^ 1;
      return { ...record, value };
    });

const withHeader =
  (part: number, name: string, text: string) =>
  (records: Records): Records =>
    records.map((record, at) =>
      at === part
        ? {
            ...record,
            headers: record.headers.map((header) =>
              header[0] === name ? [name, Buffer.from(text)] : header,
            ),
          }
        : record,
    );

describe('an upload', () => {
  it.each([
    ['a repeated part', pick(0, 0, 1, 2, 1, 3)],
    ['parts of a failed attempt that come again', pick(0, 2, 3, 1, 2, 3)],
    ['a damaged part that is there again', (all: Records) => [...flip(1)(all).slice(0, 2), ...all.slice(1)]],
  ])('is whole in spite of %s', async (_what, change) => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500, { change });
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
  });
});

describe('an upload that is not what was written', () => {
  it.each<[string, (records: Records) => Records, number, string, boolean]>([
    ['without its first part', pick(0, 0, 2, 3), 1_000, 'no other copy', false],
    ['without a part in the middle', pick(0, 1, 1, 3), 2_000, 'no other copy', false],
    ['without its last part', pick(0, 1, 2, 2), 3_000, 'no other copy', false],
    ['with two parts in the wrong order', pick(0, 2, 1, 3), 2_000, 'no other copy', false],
    ['with a flipped bit', flip(2), 2_000, 'damaged', true],
    ['with a part of another length', withHeader(1, 'kl-part-length', '999'), 1_000, 'damaged', true],
    [
      'with a part that declares gigabytes',
      withHeader(0, 'kl-part-length', '4000000000'),
      0,
      'damaged',
      true,
    ],
    ['with a header that is no number', withHeader(0, 'kl-part', 'x'), 0, 'no other copy', false],
    [
      "with another upload's part in the place of one",
      withHeader(1, 'kl-upload', 'b'),
      1_000,
      'no other',
      false,
    ],
  ])('%s is never given out to its end', async (_what, change, given, reason, hasCause) => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500, { change });
    const end = await untilFailure(rig.open(upload));
    expect(end.given).toBe(given);
    expect(end.error).toMatchObject({
      code: 'PARTS_LOST',
      topic: 'q.parts',
      partition: 0,
      upload: 'a',
      from: 0,
      to: 3,
      part: given / 1_000,
      parts: 4,
      reason: expect.stringContaining(reason),
      ...(hasCause ? { cause: { code: 'PART_DAMAGED' } } : {}),
    });
  });

  it('is damaged when a compressed part is', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500, { compress: true, change: flip(3, 40) });
    const { given, error } = await untilFailure(rig.open(upload));
    expect([given, (error as { code: string }).code]).toEqual([3_000, 'PARTS_LOST']);
  });

  it('keeps back its last part when only the CRC of the whole is wrong', async () => {
    const rig = new PartsRig();
    const { manifest, ...rest } = await rig.upload('a', 3_500);
    const end = await untilFailure(rig.open({ ...rest, manifest: { ...manifest, crc: manifest.crc ^ 1 } }));
    expect(end).toMatchObject({ given: 3_000, error: { code: 'PARTS_LOST', part: 3 } });
  });

  it('is noticed when a part was exchanged for another good one', async () => {
    const rig = new PartsRig();
    const forged = (records: Records): Records =>
      records.map((record, index) => {
        if (index !== 1) return record;
        const content = Buffer.alloc(1_000, 7);
        return encodePart({ upload: 'a', index, content, crc: crc32c(content), frame: undefined });
      });
    const upload = await rig.upload('a', 3_500, { change: forged });
    expect((await untilFailure(rig.open(upload))).error).toMatchObject({ code: 'PARTS_LOST' });
  });

  it('fails when the log begins behind its first part, at once', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500);
    rig.cluster.deleteRecords({ topic: 'q.parts', partition: 0 }, 2);
    const end = untilFailure(rig.open(upload));
    await rig.clock.advance(1_100);
    expect(await end).toMatchObject({
      given: 0,
      error: { code: 'PARTS_LOST', part: 0, reason: expect.stringContaining('offset 2') },
    });
  });

  it('fails when the log ends before its last part and stays so', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500, { change: pick(0, 1) });
    const end = untilFailure(rig.open({ ...upload, manifest: { ...upload.manifest, to: 3 } }));
    await rig.clock.advance(29_000);
    expect(rig.openCount).toBe(1);
    await rig.clock.advance(3_000);
    expect(await end).toMatchObject({
      given: 2_000,
      error: { code: 'PARTS_LOST', part: 2, reason: expect.stringContaining('ends at offset 2') },
    });
  });

  it('fails in the same time when its last part would lie beyond the end for ever, while others append', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500, { change: pick(0, 1) });
    const end = untilFailure(rig.open({ ...upload, manifest: { ...upload.manifest, to: 1e12 } }));
    let isOver = false;
    void end.then(() => {
      isOver = true;
    });
    for (let ms = 0; ms < 60_000 && !isOver; ms += 500) {
      rig.append((await uploadOf('b', contentOf(2, 1_000))).records);
      await rig.clock.advance(500);
    }
    expect(await end).toMatchObject({
      given: 2_000,
      error: { code: 'PARTS_LOST', part: 2, reason: expect.stringContaining('the log ends at offset') },
    });
  });

  it('keeps others of its partition waiting for no more than a second when its end is lost', async () => {
    const rig = new PartsRig(8_000);
    const cut = await rig.upload('a', 3_500, { change: pick(0, 1) });
    rig.cluster.write(
      { topic: 'q.parts', partition: 1 },
      (await uploadOf('b', contentOf(2, 60_000))).records,
    );
    const other = await rig.upload('c', 60_000);
    const isCut = { ...cut, manifest: { ...cut.manifest, from: cut.manifest.from, to: 1e6 } };
    const end = untilFailure(rig.open(isCut));
    await rig.clock.advance(0);
    const read = rig.read(other);
    await rig.clock.advance(3_000);
    expect((await read).equals(other.content)).toBe(true);
    await rig.clock.advance(32_000);
    expect((await end).error).toMatchObject({ code: 'PARTS_LOST', part: 2 });
    expect(rig.openCount).toBe(1); // nothing is wrong with the reader
  });

  it('goes on when the end of the log comes a little later', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500, { change: pick(0, 1) });
    const all = rig.read({ ...upload, manifest: { ...upload.manifest, to: 3 } });
    await rig.clock.advance(20_000);
    const { records } = await new PartsRig().upload('a', 3_500);
    rig.append(records.slice(2));
    await rig.clock.advance(0);
    expect((await all).equals(upload.content)).toBe(true);
  });
});

describe('a partition that the topic does not have', () => {
  it('holds no parts: its task is told at once, and the reader is not sent there', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500);
    const nowhere = { ...upload, manifest: { ...upload.manifest, partition: 3 } };
    await expect(rig.read(nowhere)).rejects.toMatchObject({
      code: 'PARTS_LOST',
      partition: 3,
      message: expect.stringContaining('q.parts has 3 partitions'),
    });
    const parked = rig.feed.open({ manifest: { ...nowhere.manifest, at: 'parked' }, whole: true });
    await expect(parked.next()).rejects.toMatchObject({ code: 'PARTS_LOST', topic: 'q.parked' });
    expect(rig.openCount).toBe(0);
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
  });
});

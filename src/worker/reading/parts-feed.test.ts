import { describe, expect, it } from 'vitest';
import { drain, openSilentReader, PartsRig, untilFailure } from '../../../test/support/parts-rig.ts';

describe('an upload', () => {
  it.each([1, 999, 1_000, 1_001, 25_500])('of %d bytes is given out as it was, in parts', async (bytes) => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', bytes);
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
    expect(await rig.read(upload)).toHaveLength(bytes); // once more
  });

  it('of compressed parts too', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 12_345, { compress: true });
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
  });

  it("is found among others' records, tombstones and what is no part at all", async () => {
    const rig = new PartsRig();
    rig.append([{ key: null, value: Buffer.from('?'), headers: [] }]);
    const other = await rig.upload('b', 8_000);
    const upload = await rig.upload('a', 9_500, {
      change: (records) =>
        records.flatMap((record, at) => [
          record,
          other.records[at] ?? { key: null, value: Buffer.alloc(0), headers: [] },
        ]),
    });
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
  });

  it('is read without a pause or a seek as long as it is taken', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 60_000);
    const next = await rig.upload('b', 60_000);
    await rig.read(upload);
    await rig.read(next);
    expect(rig.calls).toEqual(['assign 0@0']);
    expect(rig.openCount).toBe(1);
  });
});

describe('a slow consumer', () => {
  it('holds its window at most, and is read on when it has taken some of it', async () => {
    const rig = new PartsRig();
    const slow = rig.open(await rig.upload('a', 60_000));
    const upload = await rig.upload('b', 60_000, { partition: 1 });
    await slow.next();
    const other = rig.read(upload);
    await rig.clock.advance(10);
    expect((await other).equals(upload.content)).toBe(true);
    expect(rig.readCounts.get(0)).toBeLessThanOrEqual(9); // the part that it was given, and 8
    expect((await drain(slow)).length).toBe(59_000);
  });

  it('does not keep another one of its partition waiting', async () => {
    const rig = new PartsRig();
    const slow = rig.open(await rig.upload('a', 60_000));
    const upload = await rig.upload('b', 60_000);
    await slow.next();
    const other = rig.read(upload);
    await rig.clock.advance(10);
    expect((await other).equals(upload.content)).toBe(true);
    expect(await drain(slow)).toHaveLength(59_000);
  });

  it('that takes a part now and then leaves the time in between to the others of its partition', async () => {
    const rig = new PartsRig(16_000);
    const slow = rig.open(await rig.upload('a', 300_000));
    let takenCount = 0;
    let isAllRead = false;
    const others = Promise.all(
      ['b', 'c', 'd'].map(async (name) => rig.read(await rig.upload(name, 200_000))),
    ).then((read) => {
      isAllRead = true;
      return read.map(({ length }) => length);
    });
    while (!isAllRead && takenCount < 100) {
      await slow.next();
      takenCount += 1;
      await rig.clock.advance(400);
    }
    expect(takenCount).toBeLessThan(40);
    expect(await others).toEqual([200_000, 200_000, 200_000]);
    slow.close();
  });

  it('shares the memory with others although it never stops asking for more', async () => {
    const rig = new PartsRig(8_000);
    const upload = await rig.upload('a', 100_000);
    const slow = rig.open(upload);
    const parts = [await slow.next()];
    const other = rig.read(await rig.upload('b', 3_000, { partition: 1 })).then(() => parts.length);
    for (let part = parts[0]; part !== undefined; parts.push(part)) {
      await rig.clock.advance(500);
      part = await slow.next();
    }
    expect(await other).toBeLessThan(20);
    expect(Buffer.concat(parts.filter((part) => part !== undefined)).equals(upload.content)).toBe(true);
  });

  it('is not read for nothing while others have its memory', async () => {
    const rig = new PartsRig(8_000);
    const slow = rig.open(await rig.upload('a', 100_000));
    await slow.next();
    const other = rig.read(await rig.upload('b', 60_000, { partition: 1 }));
    await rig.clock.advance(3_000);
    expect(await other).toHaveLength(60_000);
    expect(rig.readCounts.get(0)).toBeLessThanOrEqual(16);
    expect(await drain(slow)).toHaveLength(99_000);
  });

  it('is given memory again after others had it while it asked for nothing', async () => {
    const rig = new PartsRig(8_000);
    const upload = await rig.upload('a', 20_000);
    const slow = rig.open(upload);
    const first = await slow.next();
    const other = rig.read(await rig.upload('b', 20_000, { partition: 1 }));
    await rig.clock.advance(3_000);
    expect(await other).toHaveLength(20_000);
    const rest = await drain(slow);
    expect(Buffer.concat([first ?? Buffer.alloc(0), rest]).equals(upload.content)).toBe(true);
  });
});

describe('several at once', () => {
  it('take turns in one partition, and all come to their end', async () => {
    const rig = new PartsRig();
    const uploads = await Promise.all(['a', 'b', 'c', 'd'].map((name) => rig.upload(name, 80_500)));
    const order: string[] = [];
    const all = await Promise.all(
      uploads.map(async (upload) => {
        const source = rig.open(upload);
        const parts: Buffer[] = [];
        for (;;) {
          const part = await source.next();
          if (part === undefined) return Buffer.concat(parts).equals(upload.content);
          parts.push(part);
          order.push(upload.manifest.upload);
        }
      }),
    );
    expect(all).toEqual([true, true, true, true]);
    expect(new Set(order.slice(0, 150)).size).toBe(4);
    // A seek throws away what was fetched ahead.
    expect(rig.calls.length).toBeLessThanOrEqual(16);
  });

  it('of many partitions share one reader', async () => {
    const rig = new PartsRig();
    const uploads = await Promise.all(
      [0, 1, 2, 0, 1, 2].map((partition, n) =>
        rig.upload(String.fromCharCode(97 + n), 40_000, { partition, compress: n % 2 === 0 }),
      ),
    );
    const all = await Promise.all(
      uploads.map(async (upload) => (await rig.read(upload)).equals(upload.content)),
    );
    expect(all).toEqual(uploads.map(() => true));
    expect(rig.openCount).toBe(1);
  });

  it('wait for memory in their order, and for no more than they need', async () => {
    const rig = new PartsRig(8_000);
    const ends: string[] = [];
    const uploads = await Promise.all(['a', 'b', 'c'].map((name) => rig.upload(name, 8_000)));
    await Promise.all(
      uploads.map(async (upload) => {
        await rig.read(upload);
        ends.push(upload.manifest.upload);
      }),
    );
    expect(ends).toEqual(['a', 'b', 'c']);
  });

  it('that keep all they read have their memory until they are closed', async () => {
    const rig = new PartsRig(10_000);
    const kept = rig.open(await rig.upload('a', 9_000), true);
    expect(await drain(kept)).toHaveLength(9_000);
    let isRead = false;
    const other = rig.read(await rig.upload('b', 9_000)).then(() => {
      isRead = true;
    });
    await rig.clock.advance(10_000);
    expect(isRead).toBe(false);
    kept.close();
    await other;
    expect(isRead).toBe(true);
  });

  it('are read though one is larger than all memory there is', async () => {
    const rig = new PartsRig(2_000);
    const upload = await rig.upload('a', 20_000);
    const source = rig.open(upload, true);
    expect((await drain(source)).equals(upload.content)).toBe(true);
    source.close();
  });
});

describe('reading', () => {
  it('of a log whose end was reached rests when nobody asks: it would be asked for again and again', async () => {
    const rig = new PartsRig();
    await rig.read(await rig.upload('a', 3_500));
    await rig.clock.advance(900);
    expect(rig.calls).toEqual(['assign 0@0']);
    await rig.clock.advance(200);
    expect(rig.calls).toEqual(['assign 0@0', 'pause 0']);
    const upload = await rig.upload('b', 3_500);
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
    expect(rig.calls).toEqual(['assign 0@0', 'pause 0', 'resume 0']);
  });

  it('goes on where a slow consumer has not come to its end', async () => {
    const rig = new PartsRig();
    const slow = rig.open(await rig.upload('a', 60_000));
    await slow.next();
    await rig.clock.advance(5_000);
    expect(rig.calls).toEqual(['assign 0@0']);
    slow.close();
    await rig.clock.advance(1_100);
    expect(rig.calls).toEqual(['assign 0@0', 'pause 0']);
  });

  it('that brings nothing for 30 s fails as anything may, and goes on with another reader', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500);
    const { openReader } = rig;
    rig.openReader = openSilentReader;
    const end = untilFailure(rig.open(upload));
    await rig.clock.advance(29_000);
    expect(rig.openCount).toBe(1);
    await rig.clock.advance(3_000);
    expect(await end).toMatchObject({ given: 0, error: { code: 'TOPIC_UNREADABLE' } });
    rig.openReader = openReader;
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
    expect(rig.openCount).toBe(2);
  });

  it('fails when no reader can be opened; the next try opens one', async () => {
    const rig = new PartsRig();
    const upload = await rig.upload('a', 3_500);
    const { openReader } = rig;
    rig.openReader = () => Promise.reject(new Error('no broker answers'));
    await expect(rig.read(upload)).rejects.toMatchObject({
      code: 'TOPIC_UNREADABLE',
      cause: { message: 'no broker answers' },
    });
    rig.openReader = openReader;
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
  });

  it('of a closed source ends, and of others goes on', async () => {
    const rig = new PartsRig();
    const closed = rig.open(await rig.upload('a', 60_000));
    const upload = await rig.upload('b', 60_000);
    await closed.next();
    const waiting = closed.next();
    closed.close();
    await expect(waiting).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    await expect(closed.next()).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    expect((await rig.read(upload)).equals(upload.content)).toBe(true);
  });

  it('ends with the worker', async () => {
    const rig = new PartsRig();
    rig.openReader = openSilentReader;
    const ends = [rig.open(await rig.upload('a', 3_500)), rig.open(await rig.upload('b', 3_500))].map(
      untilFailure,
    );
    await rig.clock.advance(10);
    await rig.feed.close();
    for (const end of ends) expect((await end).error).toMatchObject({ message: 'the worker ends' });
    expect((await untilFailure(rig.open(await rig.upload('c', 10)))).error).toMatchObject({
      message: 'the worker ends',
    });
    expect(rig.clock.pendingCount).toBe(0);
  });
});

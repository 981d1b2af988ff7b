import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../test/support/memory-store.ts';
import { contentOf, drain, manifestOf, PartsRig, uploadOf } from '../../../test/support/parts-rig.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import { storedPart } from '../../codec/stored-parts.ts';
import { PayloadStoreError } from '../../errors/store-errors.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';
import type { PartSource } from './part-source.ts';

const KEY = 'q/parts/id/0/0000000000000007-u';

/** A feed on a store with one object. */
class Rig extends PartsRig {
  readonly store = new MemoryStore();
  manifest!: BodyManifest;
  content: Buffer = Buffer.alloc(0);

  static async of(
    bytes: number,
    {
      change = (records: readonly OutgoingRecord[]): readonly OutgoingRecord[] => records,
      compress = false,
      reserveBytes = 1_000_000,
    } = {},
  ): Promise<Rig> {
    const rig = new Rig(reserveBytes);
    rig.stores.set('memory', rig.store);
    rig.content = contentOf(5, bytes);
    const { records } = await uploadOf('u', rig.content, { compress });
    const object = Buffer.concat(change(records).flatMap((record) => storedPart(record)));
    rig.store.objects.set(KEY, object);
    const where = { partition: 0, from: 0, to: object.length - 1 };
    rig.manifest = { ...manifestOf('u', rig.content, where), object: { store: 'memory', key: KEY } };
    return rig;
  }

  source(whole = false): PartSource {
    return this.feed.open({ manifest: this.manifest, whole });
  }

  /** Reads it, while time goes by. */
  async readIt(whole = false): Promise<Buffer> {
    const reading = drain(this.source(whole)).then(
      (bytes) => ({ bytes }),
      (error: unknown) => ({ error }),
    );
    let end: Awaited<typeof reading> | undefined;
    void reading.then((settled) => {
      end = settled;
    });
    while (end === undefined) await this.clock.advance(100);
    if ('error' in end) throw end.error;
    return end.bytes;
  }
}

/** Gives so many bytes, and then this happens. */
const until = (store: MemoryStore, bytes: number, then: () => Promise<never> | undefined) =>
  async function* (all: Buffer, from: number): AsyncGenerator<Buffer> {
    yield* store.chunks(all, from, Math.min(all.length, from + bytes));
    await then();
  };

const broken = (): never => {
  throw new Error('the connection broke');
};
const forEver = (): Promise<never> => new Promise(() => {});

describe('an object', () => {
  it.each([1, 999, 1_000, 1_001, 60_500])('of %i bytes comes as it was written', async (bytes) => {
    const rig = await Rig.of(bytes);
    expect((await rig.readIt()).equals(rig.content)).toBe(true);
    expect((await rig.readIt(true)).equals(rig.content)).toBe(true);
    expect(rig.store.calls).toEqual(['get 0', 'get 0']);
  });

  it('of compressed parts too', async () => {
    const rig = await Rig.of(12_345, { compress: true });
    expect((await rig.readIt()).equals(rig.content)).toBe(true);
  });

  it('is read at the pace at which it is taken', async () => {
    const rig = await Rig.of(60_000);
    let givenBytes = 0;
    rig.store.readFates.push(async function* (all, from) {
      for await (const chunk of rig.store.chunks(all, from)) {
        givenBytes += chunk.length;
        yield chunk;
      }
    });
    const source = rig.source();
    await source.next();
    await rig.clock.advance(10_000);
    expect(givenBytes).toBeLessThanOrEqual(2_000);
    expect(Buffer.concat([rig.content.subarray(0, 1_000), await drain(source)]).equals(rig.content)).toBe(
      true,
    );
  });

  it('is read on from where the connection broke, as often as it breaks', async () => {
    const rig = await Rig.of(20_000);
    for (const bytes of [0, 1, 3_333, 0, 7_777]) rig.store.readFates.push(until(rig.store, bytes, broken));
    expect((await rig.readIt()).equals(rig.content)).toBe(true);
    expect(rig.store.calls).toEqual(['get 0', 'get 0', 'get 1', 'get 3334', 'get 3334', 'get 11111']);
  });

  it('is asked for no more once its reading was given up while it waited to try again', async () => {
    const rig = await Rig.of(20_000);
    rig.store.readFates.push(until(rig.store, 0, broken));
    const source = rig.source();
    const reading = source.next().catch((error: unknown) => error);
    await rig.clock.advance(10);
    expect(rig.store.calls).toEqual(['get 0']);
    source.close();
    expect(await reading).toBeInstanceOf(Error);
    await rig.clock.advance(60_000);
    expect(rig.store.calls).toEqual(['get 0']);
  });

  it('is read on over another connection when one brings nothing for 10 s', async () => {
    const rig = await Rig.of(20_000);
    rig.store.readFates.push(until(rig.store, 5_000, forEver));
    const sinceMs = rig.clock.monotonicMs();
    expect((await rig.readIt()).equals(rig.content)).toBe(true);
    expect(rig.store.calls).toEqual(['get 0', 'get 5000']);
    expect(rig.clock.monotonicMs() - sinceMs).toBeLessThan(11_000);
  });

  it('is out of reach when nothing comes for 30 s, whichever connection it is read over', async () => {
    const rig = await Rig.of(20_000);
    rig.store.readFates.push(until(rig.store, 5_000, forEver));
    for (let other = 0; other < 3; other += 1) rig.store.readFates.push(until(rig.store, 0, forEver));
    const sinceMs = rig.clock.monotonicMs();
    await expect(rig.readIt()).rejects.toMatchObject({
      code: 'PAYLOAD_STORE_FAILED',
      reason: 'failed',
      key: KEY,
    });
    expect(rig.clock.monotonicMs() - sinceMs).toBeLessThan(31_000);
    expect(rig.store.calls.slice(0, 3)).toEqual(['get 0', 'get 5000', 'get 5000']);
    rig.store.readFates.length = 0;
    expect((await rig.readIt()).equals(rig.content)).toBe(true);
  });

  it('that is seen late is waited for, from its first byte or from any other', async () => {
    const rig = await Rig.of(20_000);
    rig.store.seenWithinMs = 30_000;
    const late = (): never => {
      throw rig.store.missing(KEY, 'read');
    };
    for (const bytes of [0, 0, 4_321, 0]) rig.store.readFates.push(until(rig.store, bytes, late));
    for (const bytes of [2_000, 0, 0]) rig.store.readFates.push(until(rig.store, bytes, () => undefined));
    expect((await rig.readIt()).equals(rig.content)).toBe(true);
    expect(rig.store.calls.at(-1)).toBe('get 6321');
  });

  it('that may not be read is out of reach at once', async () => {
    const rig = await Rig.of(2_000);
    const denied = new PayloadStoreError({ store: 'memory', key: KEY, reason: 'denied' }, 'read');
    rig.store.readFates.push(
      until(rig.store, 0, () => {
        throw denied;
      }),
    );
    await expect(drain(rig.source())).rejects.toBe(denied);
  });

  it('in a store that is not here says so', async () => {
    const rig = await Rig.of(2_000);
    rig.stores.clear();
    await expect(rig.source().next()).rejects.toMatchObject({ code: 'STORE_MISSING', store: 'memory' });
  });
});

describe('what is not what was written is lost', () => {
  const lost = { code: 'PARTS_LOST', object: { store: 'memory', key: KEY } };

  it.each<[string, (object: Buffer) => Buffer]>([
    ['cut off in a part', (object) => object.subarray(0, object.length - 1)],
    [
      'cut off between parts',
      (object) => object.subarray(0, object.indexOf('{"kl-upload":"u","kl-part":"3"') - 6),
    ],
    ['nothing', () => Buffer.alloc(0)],
    ['a flipped bit in a part', (object) => flipped(object, 3_000)],
    ['a flipped bit in a length', (object) => flipped(object, 1)],
    ['a flipped bit in headers', (object) => flipped(object, 10)],
    ['something else', (object) => Buffer.alloc(object.length, 'x')],
  ])('%s', async (_what, change) => {
    const rig = await Rig.of(5_500);
    rig.store.change(change);
    await expect(rig.readIt()).rejects.toMatchObject(lost);
  });

  it.each<[string, (records: readonly OutgoingRecord[]) => readonly OutgoingRecord[]]>([
    [
      'parts in another order',
      ([first, second, ...rest]) => [second, first, ...rest].flatMap((one) => one ?? []),
    ],
    ['a part left out', (records) => records.filter((_, at) => at !== 2)],
    ["another upload's part", (records) => records.map((record, at) => (at === 1 ? foreign : record))],
  ])('%s', async (_what, change) => {
    const rig = await Rig.of(5_500, { change });
    await expect(rig.readIt()).rejects.toMatchObject(lost);
  });

  it('no object', async () => {
    const rig = await Rig.of(5_500);
    rig.store.objects.clear();
    await expect(rig.readIt()).rejects.toMatchObject({ ...lost, part: 0, parts: 6 });
  });

  it('no object for as long as its store may be late', async () => {
    const rig = await Rig.of(5_500);
    Object.assign(rig.store, { seenWithinMs: undefined });
    rig.store.objects.clear();
    const sinceMs = rig.clock.monotonicMs();
    await expect(rig.readIt()).rejects.toMatchObject({ ...lost, part: 0, parts: 6 });
    const lookedForMs = rig.clock.monotonicMs() - sinceMs;
    expect([lookedForMs > 20_000, lookedForMs < 31_000]).toEqual([true, true]);
  });
});

describe('an object that is being read', () => {
  it('is cut off when the worker ends', async () => {
    const rig = await Rig.of(10_000);
    rig.store.readFates.push(until(rig.store, 0, forEver));
    const read = rig.source().next();
    await rig.clock.advance(1_000);
    await rig.feed.close();
    await expect(read).rejects.toThrow('the worker ends');
    await expect(rig.source().next()).rejects.toThrow('the worker ends');
    expect(rig.clock.pendingCount).toBe(0);
  });
});

describe('an object that is kept whole by a task that runs', () => {
  /** Two readings of it by tasks that have memory for 8,000 bytes each, when there is as much more for one of them. */
  async function two(): Promise<{ rig: Rig; first: PartSource; second: PartSource }> {
    const rig = await Rig.of(20_000, { reserveBytes: 12_000 });
    const open = (): PartSource => {
      const reader = { attempt: { company: {} }, reservedBytes: 8_000 };
      return rig.feed.open({ manifest: rig.manifest, whole: true, reader });
    };
    return { rig, first: open(), second: open() };
  }

  it('is read when there is memory for it, which it has until it is closed', async () => {
    const { rig, first, second } = await two();
    expect((await drain(first)).equals(rig.content)).toBe(true);
    let isRead = false;
    const other = drain(second).then((bytes) => {
      isRead = true;
      return bytes;
    });
    await rig.clock.advance(10_000);
    expect([isRead, rig.store.calls]).toEqual([false, ['get 0']]);
    first.close();
    await rig.clock.advance(0);
    expect((await other).equals(rig.content)).toBe(true);
    second.close();
    expect(rig.clock.pendingCount).toBe(0);
  });

  it('waits no more once it is closed, nor when the worker ends', async () => {
    const { rig, first, second } = await two();
    await first.next();
    const closed = second.next();
    second.close();
    await expect(closed).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    await expect(second.next()).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    const last = rig.feed.open({
      manifest: rig.manifest,
      whole: true,
      reader: { attempt: { company: {} }, reservedBytes: 8_000 },
    });
    const waiting = last.next();
    await rig.feed.close();
    await expect(waiting).rejects.toThrow('the worker ends');
    for (const source of [first, last]) source.close();
    expect(rig.clock.pendingCount).toBe(0);
    expect(rig.memory.usedBytes).toBe(0);
  });
});

function flipped(object: Buffer, at: number): Buffer {
  object[at] = (object[at] ?? 0) ^ 8;
  return object;
}

const [foreign] = (await uploadOf('other', contentOf(9, 2_000))).records.slice(1) as [OutgoingRecord];

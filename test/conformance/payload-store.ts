import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { PayloadStore } from '../../src/codec/payload-store.ts';
import { objectKey, objectsBelow } from '../../src/codec/stored-object.ts';

/** What a case needs of a store: an empty one of its own. */
export type OpenStore = () => Promise<PayloadStore>;

const place = { queue: 'q', role: 'parts', topicId: 'AbC-_9', partition: 3 } as const;
const prefix = 'q/parts/AbC-_9/3/';
const never = new AbortController().signal;

async function* inChunks(content: Buffer, chunkBytes = 300_000): AsyncGenerator<Buffer> {
  // One piece of memory for all, as whoever writes to a store uses it again.
  const memory = Buffer.alloc(chunkBytes);
  for (let at = 0; at < content.length; at += chunkBytes) {
    const count = content.copy(memory, 0, at, at + chunkBytes);
    yield memory.subarray(0, count);
    memory.fill(0xee);
  }
}

async function readAll(store: PayloadStore, key: string, from = 0): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.get(key, { from, signal: never })) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** The same cases for every store. `partBytes`: beyond which it writes an object in several goes. */
export function payloadStoreCases(open: OpenStore, partBytes: number): void {
  test.each([1, partBytes - 1, partBytes, partBytes + 1, 2 * partBytes + 12_345])(
    'an object of %i bytes is read as it was written, from any byte on, again and again',
    async (bytes) => {
      const store = await open();
      const key = objectKey(place, 7, 'u');
      const content = randomBytes(bytes);
      await store.put(key, inChunks(content), { signal: never });
      expect((await readAll(store, key)).equals(content)).toBe(true);
      for (const from of [0, 1, bytes >> 1, bytes - 1].filter((at) => at < bytes)) {
        expect((await readAll(store, key, from)).equals(content.subarray(from))).toBe(true);
      }
    },
    60_000,
  );

  test('reading from the end on, or beyond, gives nothing', async () => {
    const store = await open();
    const key = objectKey(place, 7, 'u');
    await store.put(key, inChunks(randomBytes(1_000)), { signal: never });
    expect((await readAll(store, key, 1_000)).length).toBe(0);
    expect((await readAll(store, key, 2_000)).length).toBe(0);
  });

  test('what is not there is missing, by name', async () => {
    const store = await open();
    const key = objectKey(place, 7, 'u');
    await expect(readAll(store, key)).rejects.toMatchObject({
      code: 'PAYLOAD_STORE_FAILED',
      reason: 'missing',
      key,
    });
    const copying = store.copy(key, objectKey(place, 8, 'u'), { signal: never });
    await expect(copying).rejects.toMatchObject({ reason: 'missing', key });
  });

  test('content that fails leaves no object', async () => {
    const store = await open();
    const key = objectKey(place, 7, 'u');
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield* inChunks(randomBytes(partBytes + 1_000));
      throw new Error('the source is gone');
    };
    await expect(store.put(key, failing(), { signal: never })).rejects.toThrow('the source is gone');
    await expect(readAll(store, key)).rejects.toMatchObject({ reason: 'missing' });
    expect(await store.listBelow({ prefix, below: objectsBelow(place, 100), maxCount: 10 })).toEqual([]);
  });

  test('an aborted write rejects with the reason and leaves no object', async () => {
    const store = await open();
    const key = objectKey(place, 7, 'u');
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (let count = 0; ; count += 1) {
        if (count === 30) stop.abort(new Error('enough'));
        yield randomBytes(300_000);
      }
    };
    await expect(store.put(key, endless(), { signal: stop.signal })).rejects.toThrow('enough');
    await expect(readAll(store, key)).rejects.toMatchObject({ reason: 'missing' });
    expect(await store.listBelow({ prefix, below: objectsBelow(place, 100), maxCount: 10 })).toEqual([]);
  });

  test('an aborted read rejects', async () => {
    const store = await open();
    const key = objectKey(place, 7, 'u');
    await store.put(key, inChunks(randomBytes(3_000_000)), { signal: never });
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _chunk of store.get(key, { from: 0, signal: stop.signal }))
        stop.abort(new Error('enough'));
    };
    await expect(read()).rejects.toThrow('enough');
  });

  test('a read that is not taken to its end holds nothing up', async () => {
    const store = await open();
    const key = objectKey(place, 7, 'u');
    await store.put(key, inChunks(randomBytes(3_000_000)), { signal: never });
    for await (const chunk of store.get(key, { from: 0, signal: never })) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await readAll(store, key)).length).toBe(3_000_000);
  });

  test('a copy stays when what it was made of goes', async () => {
    const store = await open();
    const content = randomBytes(100_000);
    const [from, to] = [objectKey(place, 7, 'u'), objectKey({ ...place, role: 'parked' }, 1, 'u')];
    await store.put(from, inChunks(content), { signal: never });
    await store.copy(from, to, { signal: never });
    await store.copy(from, to, { signal: never }); // again: it may not have been known that it was done
    await store.delete([from]);
    await expect(readAll(store, from)).rejects.toMatchObject({ reason: 'missing' });
    expect((await readAll(store, to)).equals(content)).toBe(true);
  });

  test('a copy that nobody wants any more rejects with the reason', async () => {
    const store = await open();
    const [from, to] = [objectKey(place, 7, 'u'), objectKey({ ...place, role: 'parked' }, 1, 'u')];
    await store.put(from, inChunks(randomBytes(1_000)), { signal: never });
    const copying = store.copy(from, to, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(copying).rejects.toThrow('enough');
  });

  test('keys below another one are listed in order, a few at a time, of one partition only', async () => {
    const store = await open();
    const keys = [0, 9, 10, 11, 100, 99_999].map((marker) => objectKey(place, marker, `u${marker}`));
    const others = [
      objectKey({ ...place, partition: 30 }, 0, 'u'),
      objectKey({ ...place, queue: 'q.2' }, 0, 'u'),
    ];
    for (const key of [...keys].reverse().concat(others))
      await store.put(key, inChunks(randomBytes(10)), { signal: never });
    const below = objectsBelow(place, 11);
    expect(await store.listBelow({ prefix, below, maxCount: 10 })).toEqual(keys.slice(0, 3));
    expect(await store.listBelow({ prefix, below, maxCount: 2 })).toEqual(keys.slice(0, 2));
    await store.delete([...keys.slice(0, 3), objectKey(place, 5, 'never-was')]);
    expect(await store.listBelow({ prefix, below, maxCount: 10 })).toEqual([]);
    expect(await store.listBelow({ prefix, below: objectsBelow(place, 1e9), maxCount: 10 })).toEqual(
      keys.slice(3),
    );
    expect(await store.listBelow({ prefix: 'q/parts/other/3/', below, maxCount: 10 })).toEqual([]);
  });

  test('objects are written side by side', async () => {
    const store = await open();
    const contents = Array.from({ length: 6 }, () => randomBytes(partBytes + 1_000));
    await Promise.all(
      contents.map((content, at) =>
        store.put(objectKey(place, at, 'u'), inChunks(content), { signal: never }),
      ),
    );
    for (const [at, content] of contents.entries()) {
      expect((await readAll(store, objectKey(place, at, 'u'))).equals(content)).toBe(true);
    }
  }, 60_000);
}

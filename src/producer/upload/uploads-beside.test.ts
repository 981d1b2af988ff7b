import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../test/support/memory-store.ts';
import { bytes, FedSource, setUpUploads, upload, uploadFailureOf } from '../../../test/support/upload-rig.ts';
import { untilAborted } from '../../clock/until-aborted.ts';
import type { PayloadStore } from '../../codec/payload-store.ts';
import type { UploadStore } from './stored-upload.ts';

describe('uploads beside each other', () => {
  it('go one after the other in a partition, and at once in others', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const all = [
      uploader.upload(upload(bytes(100))),
      uploader.upload(upload(bytes(100))),
      uploader.upload(upload(bytes(100), { partition: 1 })),
      uploader.upload(upload(bytes(100), { topic: 'other.parts' })),
    ];
    await settle();
    expect(parts.calls.map(({ place }) => place.upload).toSorted()).toEqual(
      ['u1', 'u3', 'u4'].flatMap((id) => [id, id, id, id]),
    );
    parts.ackEverything();
    await Promise.all(all);
    expect(parts.logs.get('q.parts/0')).toEqual([...Array(10).fill('u1'), ...Array(10).fill('u2')]);
  });

  it('wait no longer than a second for a slow source, whose parts then go between', async () => {
    const { uploader, parts, clock, settle } = setUpUploads();
    parts.ackEverything();
    const slow = new FedSource();
    const fast = new FedSource();
    const all = [uploader.upload(upload(slow)), uploader.upload(upload(fast))];
    slow.feed(bytes(10));
    fast.feed(bytes(10));
    await clock.advance(999);
    expect(parts.logs.get('q.parts/0')).toEqual(['u1']);
    await clock.advance(1);
    expect(parts.logs.get('q.parts/0')).toEqual(['u1', 'u2']);
    slow.feed(bytes(10));
    await settle();
    fast.feed(bytes(10));
    await settle();
    fast.end();
    slow.end();
    expect(await Promise.all(all)).toMatchObject([
      { count: 2, from: 0, to: 2 },
      { count: 2, from: 1, to: 3 },
    ]);
  });

  it('a slow one does not let two go at once', async () => {
    const { uploader, parts, clock } = setUpUploads();
    parts.ackEverything();
    const sources = [new FedSource(), new FedSource(), new FedSource()];
    const all = sources.map((source) => uploader.upload(upload(source)));
    await clock.advance(1_000);
    expect(sources.map(({ askedCount }) => askedCount)).toEqual([1, 1, 0]);
    sources[0]?.feed(bytes(10));
    sources[0]?.end();
    await all[0];
    await clock.advance(500);
    expect(sources.map(({ askedCount }) => askedCount > 0)).toEqual([true, true, false]);
    await clock.advance(500);
    for (const source of sources.slice(1)) {
      source.feed(bytes(1));
      source.end();
    }
    await Promise.all(all);
  });

  it('are bounded in the process; who waits for a partition keeps no one from another', async () => {
    const { uploader, parts, settle } = setUpUploads({ limits: { maxUploads: 2 } });
    const all = [0, 0, 0, 1, 2].map((partition) => uploader.upload(upload(bytes(10), { partition })));
    await settle();
    expect(parts.calls.map(({ place }) => place.partition)).toEqual([0, 1]);
    parts.ackEverything();
    expect(await Promise.all(all)).toHaveLength(5);
  });

  it('go on beside slow ones, however many: whose source brings nothing keeps no place in the process', async () => {
    const { uploader, parts, clock, settle } = setUpUploads({ limits: { maxUploads: 2 } });
    parts.ackEverything();
    const slow = [new FedSource(), new FedSource()];
    const all = slow.map((source, partition) => uploader.upload(upload(source, { partition })));
    const fast = uploader.upload(upload(bytes(30), { partition: 2 }));
    await clock.advance(999);
    expect(parts.logs.get('q.parts/2')).toBeUndefined();
    await clock.advance(1);
    expect(await fast).toMatchObject({ count: 3 });
    const newer = [new FedSource(), new FedSource()];
    const two = newer.map((source, at) => uploader.upload(upload(source, { partition: 3 + at })));
    await settle();
    for (const source of slow) {
      source.feed(bytes(15));
      source.end();
    }
    expect(await Promise.all(all)).toMatchObject([{ count: 2 }, { count: 2 }]); // they need none to go on
    const last = uploader.upload(upload(bytes(10), { partition: 5 }));
    await settle();
    expect(parts.logs.get('q.parts/5')).toBeUndefined(); // nor have they given one back twice
    await clock.advance(1_000);
    await last;
    for (const source of newer) {
      source.feed(bytes(1));
      source.end();
    }
    await Promise.all(two);
  });

  it('share what may be on its way at once', async () => {
    const { uploader, parts, settle } = setUpUploads({ limits: { maxParts: 5 } });
    const all = [0, 1, 2].map((partition) => uploader.upload(upload(bytes(100), { partition })));
    await settle();
    expect(parts.calls.length).toBeLessThanOrEqual(7);
    expect(new Set(parts.calls.map(({ place }) => place.partition)).size).toBe(3);
    parts.ackEverything();
    await Promise.all(all);
  });

  it('to a store that hangs keep their places and their parts to themselves: Kafka and other stores go on', async () => {
    const { uploader, parts, settle } = setUpUploads({ limits: { maxUploads: 2, maxParts: 2 } });
    parts.ackEverything();
    const to = (store: PayloadStore): UploadStore => ({ store, keyOf: (marker) => `object ${marker}` });
    const hangs = new MemoryStore('hangs');
    hangs.put = (_key, _content, { signal }) => untilAborted(new Promise(() => {}), signal);
    const caller = new AbortController();
    const hung = [0, 1, 2, 3].map((partition) => {
      const job = upload(bytes(100), { partition, to: to(hangs), signal: caller.signal });
      return uploadFailureOf(uploader.upload(job));
    });
    await settle();
    const kafka = uploader.upload(upload(bytes(100), { partition: 1 }));
    const other = uploader.upload(upload(bytes(100), { to: to(new MemoryStore('other')) }));
    expect(await Promise.all([kafka, other])).toMatchObject([{ count: 10 }, { count: 10 }]);
    caller.abort(new Error('enough'));
    expect(await Promise.all(hung)).toMatchObject(hung.map(() => ({ kind: 'aborted' })));
  });

  describe('of what has the time of a small task', () => {
    const bodies = async (more: Parameters<typeof setUpUploads>[0] = {}) => {
      const world = setUpUploads({ limits: { maxUploads: 2 }, ...more });
      const sources = [new FedSource(), new FedSource()];
      const all = sources.map((source, partition) => world.uploader.upload(upload(source, { partition })));
      await world.settle();
      world.parts.ackEverything();
      const end = async (): Promise<void> => {
        for (const source of sources) {
          source.feed(bytes(5));
          source.end();
        }
        await Promise.all(all);
      };
      return { ...world, end };
    };

    it('go beside bodies, however long those take, and one after the other among themselves', async () => {
      const { uploader, parts, settle, end } = await bodies();
      parts.autoAck = false;
      const json = [1, 2].map(() => uploader.upload(upload(bytes(35), { beside: true })));
      await settle();
      expect(parts.calls.map(({ place }) => place.upload)).toEqual(
        ['u3', 'u4'].flatMap((id) => [id, id, id, id]),
      );
      parts.ackEverything();
      expect(await Promise.all(json)).toMatchObject([{ count: 4 }, { count: 4 }]);
      await end();
    });

    it('wait for their turn where two uploads of a partition may wait for room that the other one has', async () => {
      const limits = { maxUploads: 2, oneByOne: true };
      const { uploader, parts, settle, end } = await bodies({ limits });
      const json = uploader.upload(upload(bytes(35), { beside: true }));
      await settle();
      expect(parts.logs.size).toBe(0);
      await end();
      await json;
    });
  });

  it('leave no timer behind', async () => {
    const { uploader, parts, clock } = setUpUploads();
    parts.ackEverything();
    await uploader.upload(upload(bytes(100)));
    expect(clock.pendingCount).toBe(0);
  });
});

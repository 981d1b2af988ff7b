import { Readable } from 'node:stream';
import { describe, expect, it, test } from 'vitest';
import { chunksOf, failing, LargeTasksRig, MIB, noise, stalled } from '../../test/support/large-tasks-rig.ts';
import { Signal } from '../../test/support/queue-rig.ts';
import { readPartHead } from '../codec/part.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { EnqueueManyError } from './enqueue-types.ts';

describe('a body that fits', () => {
  test.each<[string, number, (content: Buffer) => Buffer | AsyncIterable<Uint8Array>]>([
    ['a buffer', 10_000, (content) => content],
    ['an empty buffer', 0, (content) => content],
    ['the largest buffer', 512 * 1024, (content) => content],
    ['a stream', 200_000, (content) => Readable.from(chunksOf(content))],
    ['another iterable', 200_000, (content) => chunksOf(content)],
    ['an empty stream', 0, (content) => chunksOf(content)],
  ])('travels in the record of its task: %s of %i bytes', async (_what, bytes, sourceOf) => {
    await using rig = new LargeTasksRig();
    const content = noise(bytes);
    await rig.large.enqueue('video', { key: 'a' }, { body: sourceOf(content) });
    const [head] = rig.heads();
    expect(head).toMatchObject({ bodyBytes: bytes, contentEncoding: undefined, body: { kind: 'inline' } });
    if (head?.body?.kind === 'inline') expect(head.body.bytes.equals(content)).toBe(true);
    expect(rig.cluster.records('large.parts')).toEqual([]);
  });

  it('says how it was compressed before', async () => {
    await using rig = new LargeTasksRig();
    const body = Buffer.from('as good as gzip');
    await rig.large.enqueue('video', { key: 'a' }, { body, contentEncoding: 'gzip' });
    expect(rig.heads()).toMatchObject([{ contentEncoding: 'gzip' }]);
  });

  it('goes in parts beside a payload that leaves no room for it, if it is the larger of the two', async () => {
    await using rig = new LargeTasksRig();
    const body = noise(500_000);
    const text = noise(300_000).toString('base64');
    await rig.large.enqueue('image', { key: 'a', text }, { body });
    const [head] = rig.heads();
    expect(head).toMatchObject({ body: { kind: 'parts' }, payloadParts: undefined });
    if (head?.body?.kind === 'parts') expect((await rig.content(head.body.manifest)).equals(body)).toBe(true);
  });
});

describe('a large body', () => {
  test.each<[string, (content: Buffer) => Buffer | AsyncIterable<Uint8Array>]>([
    ['a buffer', (content) => content],
    ['a stream', (content) => Readable.from(chunksOf(content))],
    ['another iterable', (content) => chunksOf(content)],
  ])(
    'goes in parts, and then its task into its place among those of its key: %s',
    async (_what, sourceOf) => {
      await using rig = new LargeTasksRig();
      const content = noise(3 * MIB);
      const receipts = await Promise.all([
        rig.large.enqueue('note', { key: 'a' }, { id: 'first' }),
        rig.large.enqueue('video', { key: 'a' }, { id: 'large', body: sourceOf(content) }),
        rig.large.enqueue('note', { key: 'a' }, { id: 'last' }),
      ]);
      expect(rig.ids()).toEqual(['first', 'large', 'last']);
      expect(receipts.map(({ offset }) => offset)).toEqual([0n, 1n, 2n]);
      const head = rig.heads()[1];
      expect(head).toMatchObject({ codec: 'json', bodyBytes: content.length, body: { kind: 'parts' } });
      if (head?.body?.kind !== 'parts') return;
      const { manifest } = head.body;
      expect(manifest.partition).toBe(receipts[1]?.partition);
      expect((await rig.content(manifest)).equals(content)).toBe(true);
    },
  );

  it('is compressed on its way, unless it was before', async () => {
    await using rig = new LargeTasksRig();
    const body = Buffer.alloc(2 * MIB, 'a sentence that comes again and again. ');
    await rig.large.enqueue('video', { key: 'a' }, { body });
    const compressed = rig.cluster.records('large.parts').length;
    await rig.large.enqueue('video', { key: 'a' }, { body, contentEncoding: 'gzip' });
    const codecs = rig.cluster.records('large.parts').map((record) => readPartHead(record)?.codec);
    expect(new Set(codecs.slice(0, compressed))).toEqual(new Set(['lz4f']));
    expect(new Set(codecs.slice(compressed))).toEqual(new Set(['raw']));
  });

  it('holds up no other key of its partition', async () => {
    await using rig = new LargeTasksRig();
    const body = stalled(noise(MIB));
    const large = rig.large
      .enqueue('video', { key: 'a' }, { body, id: 'large' })
      .catch((error: unknown) => error);
    await body.asked;
    await Promise.all(['b', 'c', 'd'].map((other) => rig.large.enqueue('note', { key: other })));
    body.push(null);
    expect(await large).toMatchObject({ id: 'large' });
  });
});

describe('enqueueMany', () => {
  it('takes bodies, and says what became of each', async () => {
    await using rig = new LargeTasksRig();
    const contents = [noise(2 * MIB), noise(1_000)];
    const error = await rig.large
      .enqueueMany([
        { type: 'video', payload: { key: 'a' }, options: { id: 'one', body: chunksOf(noise(2 * MIB)) } },
        { type: 'video', payload: { key: 'a' }, options: { id: 'two', body: failing(2 * MIB) } },
        { type: 'image', payload: { key: 'a' }, options: { id: 'three', body: contents[1] ?? Buffer.of() } },
        { type: 'note', payload: { key: 'a' }, options: { id: 'four' } },
      ])
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof EnqueueManyError)) throw new Error('it did not fail');
    expect(error.results).toMatchObject([
      { ok: true, receipt: { id: 'one' } },
      { ok: false, error: { code: 'BODY_SOURCE_FAILED', outcome: 'absent', id: 'two' } },
      { ok: true, receipt: { id: 'three' } },
      { ok: true, receipt: { id: 'four' } },
    ]);
    expect(rig.ids()).toEqual(['one', 'three', 'four']);
  });
});

describe('follow-ups', () => {
  it('have bodies like other tasks', async () => {
    await using rig = new LargeTasksRig();
    const content = noise(2 * MIB);
    const ends = new Signal<unknown>();
    const worker = rig.large.worker(
      {
        note: async (_payload, ctx) => {
          const given = [
            ctx.enqueue('video', { key: 'b' }, { body: chunksOf(content) }),
            ctx.enqueue('image', { key: 'b' }, { body: noise(10), contentEncoding: 'br' }),
            ctx.enqueue('image', { key: 'b' }),
          ];
          ends.resolve(await Promise.allSettled(given));
        },
        later: () => {},
        image: () => {},
        video: () => {},
      },
      { logger: silentLogger },
    );
    await worker.start();
    await rig.large.enqueue('note', { key: 'a' }, { id: 'parent' });
    expect(await ends.promise).toMatchObject([
      { status: 'fulfilled' },
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'OPTIONS_INVALID' } },
    ]);
    const [, video, image] = rig.heads();
    expect(image).toMatchObject({ contentEncoding: 'br', bodyBytes: 10 });
    if (video?.body?.kind !== 'parts') throw new Error('it is not in parts');
    expect((await rig.content(video.body.manifest)).equals(content)).toBe(true);
  });
});

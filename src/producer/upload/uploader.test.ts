import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { bytes, FedSource, setUpUploads, upload, uploadFailureOf } from '../../../test/support/upload-rig.ts';
import { crc32c } from '../../codec/crc32c.ts';
import { loadLz4 } from '../../codec/lz4.ts';
import { manifestHeader, readManifest } from '../../codec/manifest.ts';
import { readPartContent, readPartHead } from '../../codec/part.ts';
import type { IncomingRecord, OutgoingRecord } from '../../kafka/port.ts';

const asRead = (record: OutgoingRecord): IncomingRecord => ({
  ...record,
  topic: 'q.parts',
  partition: 0,
  offset: 0,
  timestampMs: 0,
});

/** lz4 as it is, and the sizes of what was compressed by it. */
function countingLz4() {
  const sizes: number[] = [];
  const load = async (): ReturnType<typeof loadLz4> => {
    const lz4 = await loadLz4();
    const compressFrameSync: typeof lz4.compressFrameSync = (content, options) => {
      sizes.push(content.length);
      return lz4.compressFrameSync(content, options);
    };
    return { ...lz4, compressFrameSync };
  };
  return { sizes, load };
}

describe('an upload', () => {
  it.each(['auto', 'never'] as const)(
    'writes parts that give the content back, compress: %s',
    async (compress) => {
      const { uploader, parts, clock } = setUpUploads();
      parts.ackEverything();
      const content = Buffer.concat([Buffer.alloc(5_000, 'a'), randomBytes(5_000), Buffer.alloc(777, 'b')]);
      const manifest = await uploader.upload(upload(content, { partBytes: 1_000, partition: 3, compress }));
      expect(manifest).toEqual({
        upload: 'u1',
        partition: 3,
        count: 11,
        from: 0,
        to: 10,
        bytes: 10_777,
        partBytes: 1_000,
        crc: crc32c(content),
        firstAtMs: clock.wallMs(),
        timeoutMs: 1_800_000,
      });
      expect(readManifest(manifestHeader('kl-body-parts', manifest)[1])).toEqual(manifest);
      const read: Buffer[] = [];
      for (const [index, record] of parts.records.entries()) {
        const head = readPartHead(asRead(record));
        if (head === undefined) throw new Error('no part');
        expect(head).toMatchObject({ upload: 'u1', index });
        read.push(await readPartContent(asRead(record), head, { maxPartBytes: 1_000 }));
      }
      expect(Buffer.concat(read).equals(content)).toBe(true);
      expect(parts.records.some(({ value }) => value.length < 500)).toBe(compress === 'auto');
    },
  );

  it('stops compressing content that does not get smaller', async () => {
    const { sizes, load } = countingLz4();
    const { uploader, parts } = setUpUploads({ loadLz4: load });
    parts.ackEverything();
    await uploader.upload(upload(randomBytes(40_000), { partBytes: 1_000, compress: 'auto' }));
    expect(sizes).toHaveLength(4); // the first two, and two of every sixteenth
    expect(parts.records.every(({ value }) => value.length === 1_000)).toBe(true);
  });

  it('has four parts on their way at most, and reads one ahead', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const source = new FedSource();
    source.feed(...Array.from({ length: 9 }, () => bytes(10)));
    source.end();
    const done = uploader.upload(upload(source));
    await settle();
    expect(parts.calls).toHaveLength(4);
    expect(source.askedCount).toBe(5);
    parts.calls[1]?.ack();
    await settle();
    expect(parts.calls).toHaveLength(4);
    expect(source.askedCount).toBe(6);
    parts.ackEverything();
    expect(await done).toMatchObject({ count: 9, bytes: 90 });
  });

  it('has fewer on their way while small tasks wait for them', async () => {
    const { uploader, parts, clock, settle } = setUpUploads();
    uploader.acknowledged(5);
    const source = new FedSource();
    source.feed(...Array.from({ length: 12 }, () => bytes(10)));
    source.end();
    const done = uploader.upload(upload(source));
    await settle();
    expect(parts.calls).toHaveLength(4);
    for (let i = 0; i < 3; i += 1) {
      await clock.advance(80);
      uploader.acknowledged(80);
    }
    for (const left of [3, 2, 1, 1]) {
      parts.calls[0]?.ack();
      await settle();
      expect(parts.calls).toHaveLength(left);
    }
    parts.ackEverything();
    expect(await done).toMatchObject({ count: 12 });
  });

  it('uses the memory of a part again once that is appended, and not before', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const source = new FedSource();
    source.feed(bytes(1_000), bytes(1_000));
    const done = uploader.upload(upload(source, { partBytes: 1_000 }));
    await settle();
    const [first, second] = parts.calls.map(({ record }) => record.value);
    parts.calls[0]?.ack();
    await settle();
    source.feed(bytes(1_000), bytes(1_000));
    await settle();
    const [, third, fourth] = parts.calls.map(({ record }) => record.value);
    expect(third).toBe(first);
    expect([first, second].includes(fourth)).toBe(false);
    source.end();
    parts.ackEverything();
    await done;
  });

  it('has at least one byte', async () => {
    const { uploader } = setUpUploads();
    await expect(uploader.upload(upload(Buffer.alloc(0)))).rejects.toThrow('at least one byte');
  });
});

describe('an upload that fails', () => {
  it('with its source: says so, appends nothing more, and lets the next one go', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const source = new FedSource();
    source.feed(bytes(25));
    const failed = uploadFailureOf(uploader.upload(upload(source)));
    const next = uploader.upload(upload(bytes(10)));
    await settle();
    expect(parts.calls).toHaveLength(2);
    const [{ signal } = { signal: undefined }] = parts.calls.map(({ place }) => place);
    const cause = new Error('client went away');
    source.fail(cause);
    expect(await failed).toEqual({ kind: 'source-failed', readBytes: 25, cause });
    expect(signal?.aborted).toBe(true);
    expect(source.isLetGo).toBe(true);
    parts.ackEverything();
    await next;
    expect(parts.logs.get('q.parts/0')).toEqual(['u2']);
  });

  it('with an append: ends its source and what else is on its way', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const stream = new PassThrough();
    stream.write(bytes(25));
    const failed = uploadFailureOf(uploader.upload(upload(stream)));
    await settle();
    const cause = new Error('refused');
    parts.calls[1]?.reject(cause);
    expect(await failed).toEqual({ kind: 'append-failed', cause });
    expect(stream.destroyed).toBe(true);
    expect(parts.calls).toEqual([]);
  });

  it('with the last append, when its source has ended', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const failed = uploadFailureOf(uploader.upload(upload(bytes(20))));
    await settle();
    parts.calls[0]?.ack();
    const cause = new Error('refused');
    parts.calls[0]?.reject(cause);
    expect(await failed).toEqual({ kind: 'append-failed', cause });
  });

  it('with its caller, while the source is read', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const giving = new AbortController();
    const source = new FedSource();
    source.feed(bytes(15));
    const failed = uploadFailureOf(uploader.upload(upload(source, { signal: giving.signal })));
    await settle();
    const reason = new Error('enough');
    giving.abort(reason);
    expect(await failed).toEqual({ kind: 'aborted', reason });
    expect(source.isLetGo).toBe(true);
    expect(parts.calls).toEqual([]);
    source.feed(bytes(100));
    await settle();
    expect(parts.calls).toEqual([]);
  });

  it('with its caller, while a part waits for those before it', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const giving = new AbortController();
    const failed = uploadFailureOf(uploader.upload(upload(bytes(100), { signal: giving.signal })));
    await settle();
    expect(parts.calls).toHaveLength(4);
    giving.abort();
    expect(await failed).toMatchObject({ kind: 'aborted' });
    const next = uploader.upload(upload(bytes(40)));
    await settle();
    expect(parts.calls).toHaveLength(4); // nothing of the other is counted any more
    parts.ackEverything();
    await next;
  });

  it('with its caller, while it waits for its turn: the source ends unread', async () => {
    const { uploader, parts, settle } = setUpUploads();
    const first = uploader.upload(upload(bytes(100)));
    const giving = new AbortController();
    const source = new FedSource();
    const failed = uploadFailureOf(uploader.upload(upload(source, { signal: giving.signal })));
    const third = uploader.upload(upload(bytes(10)));
    await settle();
    giving.abort();
    expect(await failed).toMatchObject({ kind: 'aborted' });
    expect(source).toMatchObject({ isLetGo: true, askedCount: 0 });
    parts.ackEverything();
    await Promise.all([first, third]);
  });

  it('with its caller, before it began', async () => {
    const { uploader, parts } = setUpUploads();
    const source = new FedSource();
    const failed = uploader.upload(upload(source, { signal: AbortSignal.abort() }));
    expect(await uploadFailureOf(failed)).toMatchObject({ kind: 'aborted' });
    expect(source.isLetGo).toBe(true);
    expect(parts.calls).toEqual([]);
  });

  it('with its time: parts appended later than its first may live are of no use', async () => {
    const { uploader, parts, clock, settle } = setUpUploads();
    parts.ackEverything();
    const source = new FedSource();
    const failed = uploadFailureOf(uploader.upload(upload(source, { timeoutMs: 5_000 })));
    source.feed(bytes(10));
    await clock.advance(5_000);
    source.feed(bytes(10));
    await settle();
    await clock.advance(1);
    source.feed(bytes(10));
    expect(await failed).toEqual({ kind: 'too-late' });
    expect(source.isLetGo).toBe(true);
  });

  it('with a body that is too large', async () => {
    const { uploader, parts } = setUpUploads();
    parts.ackEverything();
    const source = new FedSource();
    source.feed(bytes(10), bytes(6));
    const failed = uploadFailureOf(uploader.upload(upload(source, { maxBodyBytes: 15 })));
    expect(await failed).toEqual({ kind: 'too-large', sizeBytes: 16, limitBytes: 15 });
    expect(source.isLetGo).toBe(true);
  });

  it('with a compression that cannot be had', async () => {
    const missing = new Error('no binary');
    const { uploader } = setUpUploads({ loadLz4: () => Promise.reject(missing) });
    const failed = uploadFailureOf(uploader.upload(upload(bytes(10), { compress: 'auto' })));
    expect(await failed).toBe(missing);
  });
});

import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { bytes, FedSource, uploadFailureOf } from '../../../test/support/upload-rig.ts';
import { OpenBody } from './open-body.ts';

/** All that is left of it. */
async function rest(body: OpenBody): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next())
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe('reading a body', () => {
  it('gives all of what fits, and else keeps what was read', async () => {
    const stream = (): Readable => Readable.from([bytes(4), Buffer.alloc(0), bytes(6)]);
    expect(await new OpenBody(stream()).readWhole(10)).toEqual(Buffer.concat([bytes(4), bytes(6)]));
    const long = new OpenBody(stream());
    expect(await long.readWhole(9)).toBeUndefined();
    expect(await rest(long)).toEqual(Buffer.concat([bytes(4), bytes(6)]));
    expect(await new OpenBody(bytes(9)).readWhole(9)).toEqual(bytes(9));
    const given = new OpenBody(bytes(9));
    expect(await given.readWhole(8)).toBeUndefined();
    expect(await rest(given)).toEqual(bytes(9));
    expect(await new OpenBody(Readable.from([])).readWhole(0)).toEqual(Buffer.alloc(0));
  });

  it.each([6_000, 5_000, 3_000])(
    'takes what a source gives before it goes on and uses the same buffer again: %d',
    async (max) => {
      async function* reusing(): AsyncGenerator<Buffer, void> {
        const buffer = Buffer.alloc(2_000);
        for (let n = 1; n <= 3; n += 1) yield buffer.fill(n);
      }
      const body = new OpenBody(reusing());
      const read = (await body.readWhole(max)) ?? (await rest(body));
      expect([read.length, read[0], read[2_000], read[5_999]]).toEqual([6_000, 1, 2, 3]);
    },
  );

  it.each([
    ['a string', 'text', 'a string'],
    ['a number', 7, 'a number'],
    ['an object', { a: 1 }, 'a Object'],
    ['a list', [1], 'a Array'],
  ])('refuses %s', async (_, chunk, found) => {
    const body = new OpenBody(Readable.from([chunk]));
    expect(await uploadFailureOf(body.next())).toEqual({ kind: 'not-bytes', found });
  });

  it('refuses a stream that gives text', async () => {
    const stream = new PassThrough().setEncoding('utf8');
    stream.end('text');
    expect(await uploadFailureOf(rest(new OpenBody(stream)))).toEqual({
      kind: 'not-bytes',
      found: 'a string',
    });
  });

  it('says how far it came when the source fails', async () => {
    const source = new FedSource();
    const body = new OpenBody(source);
    source.feed(bytes(5));
    await body.next();
    const cause = new Error('disk on fire');
    source.fail(cause);
    expect(await uploadFailureOf(body.next())).toEqual({ kind: 'source-failed', readBytes: 5, cause });
  });

  it('hears of a stream that fails before it is read', async () => {
    const stream = new PassThrough();
    const body = new OpenBody(stream);
    const cause = new Error('no such file');
    stream.destroy(cause);
    await new Promise<void>((resolve) => stream.once('close', resolve));
    expect(await uploadFailureOf(body.next())).toEqual({ kind: 'source-failed', readBytes: 0, cause });
  });

  it('refuses a stream that was read before, or cut off: it would pass for an empty body', async () => {
    const spent = Readable.from([bytes(3)]);
    await spent.toArray();
    const cut = new PassThrough();
    cut.destroy();
    for (const stream of [spent, cut]) {
      expect(await uploadFailureOf(new OpenBody(stream).next())).toMatchObject({ kind: 'source-failed' });
    }
  });

  it('fails when a stream is cut off without an error', async () => {
    const stream = new PassThrough();
    const body = new OpenBody(stream);
    stream.write(bytes(3));
    await body.next();
    const next = body.next();
    stream.destroy();
    expect(await uploadFailureOf(next)).toMatchObject({ kind: 'source-failed', readBytes: 3 });
  });
});

describe('ending a body', () => {
  it('ends a wait with the reason, and the source', async () => {
    const reason = new Error('enough');
    const stream = new PassThrough();
    const stuck = new FedSource();
    for (const source of [stream, stuck]) {
      const body = new OpenBody(source);
      const next = body.next();
      body.destroy(reason);
      body.destroy(new Error('again'));
      await expect(next).rejects.toBe(reason);
      await expect(body.next()).rejects.toBe(reason);
    }
    expect(stream.destroyed).toBe(true);
    expect(stuck.isLetGo).toBe(true);
  });

  it('ends a source that nobody has begun to read', () => {
    const stream = new PassThrough();
    const source = new FedSource();
    for (const given of [stream, source]) new OpenBody(given).destroy(new Error('enough'));
    expect([stream.destroyed, source.isLetGo]).toEqual([true, true]);
  });

  it('minds no source that does not want to end', async () => {
    const stubborn: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ value: bytes(1), done: false }),
        return: () => Promise.reject(new Error('no')),
      }),
    };
    const body = new OpenBody(stubborn);
    await body.next();
    body.destroy(new Error('enough'));
    const broken = new OpenBody({
      [Symbol.asyncIterator]: () => {
        throw new Error('no');
      },
    });
    broken.destroy(new Error('enough'));
    await expect(broken.next()).rejects.toThrow('enough');
  });
});

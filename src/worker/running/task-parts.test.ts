import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { openSilentReader, PartsRig, type Upload } from '../../../test/support/parts-rig.ts';
import { bodyOf, PartsRunnerRig, Store, withoutThird } from '../../../test/support/parts-runner-rig.ts';
import { Signal } from '../../../test/support/queue-rig.ts';
import { defaultCodecLimits } from '../../codec/codec-limits.ts';
import { encodeTask, type TaskToEncode } from '../../codec/envelope.ts';
import { codecSet, type PayloadCodec } from '../../codec/payload-codec.ts';
import { readHead } from '../../codec/read-record.ts';
import type { BodyKind, TaskBody, TaskBytes } from '../../tasks/task-body.ts';
import type { SingleHandler } from './handler-map.ts';
import { BodyStream } from './task-body.ts';
import type { TaskContext } from './task-context.ts';
import { TaskParts } from './task-parts.ts';

describe('a body that is a stream', () => {
  it('can be piped to where it is to be, at that pace', async () => {
    const store = new Store();
    const rig = PartsRunnerRig.streaming((body) => pipeline(body, store));
    const upload = await rig.upload('a', 60_500);
    expect(await rig.run(bodyOf(upload))).toEqual({ kind: 'finished' });
    expect([store.isFinished, store.stored.equals(upload.content)]).toEqual([true, true]);
  });

  it('is not read ahead of its handler by more than a window', async () => {
    const go = new Signal();
    const begun = new Signal();
    const rig = PartsRunnerRig.streaming(async (body) => {
      let length = 0;
      for await (const chunk of body) {
        length += (chunk as Buffer).length;
        begun.resolve();
        await go.promise;
      }
      expect(length).toBe(60_000);
    });
    const end = rig.run(bodyOf(await rig.upload('a', 60_000)));
    await begun.promise;
    await rig.clock.advance(10_000);
    expect(rig.readCounts.get(0)).toBeLessThanOrEqual(11);
    go.resolve();
    expect(await end).toEqual({ kind: 'finished' });
  });

  it('says how long it is, how it was compressed, and can be had as a list of parts', async () => {
    const rig = PartsRunnerRig.streaming(async (body) => {
      expect([body.length, body.contentEncoding]).toEqual([2_500, 'gzip']);
      await expect(body.bytes({ maxBytes: 2_499 })).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
      const bytes = await body.bytes({ maxBytes: 2_500 });
      expect(bytes.parts.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
      expect([bytes.length, bytes.contentEncoding]).toEqual([2_500, 'gzip']);
      expect(bytes.join().equals(upload.content)).toBe(true);
      await expect(body.bytes({ maxBytes: 2_500 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    });
    const upload = await rig.upload('a', 2_500);
    const end = await rig.run({ ...bodyOf(upload), contentEncoding: 'gzip' });
    expect(end).toEqual({ kind: 'finished' });
  });

  it('cannot be had as a list once some of it has been read', async () => {
    const rig = PartsRunnerRig.streaming(async (body) => {
      await once(body, 'readable');
      await expect(body.bytes({ maxBytes: 9_999 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    });
    expect(await rig.run(bodyOf(await rig.upload('a', 2_500)))).toEqual({ kind: 'finished' });
  });

  it.each([0, 1, 100_000])('of %d bytes may be in the record itself', async (length) => {
    const store = new Store();
    const rig = PartsRunnerRig.streaming((body) => pipeline(body, store));
    const bytes = Buffer.alloc(length, 7);
    expect(await rig.run({ body: { kind: 'inline', bytes } })).toEqual({ kind: 'finished' });
    expect(store.stored.equals(bytes)).toBe(true);
  });

  it('is empty for a task that was enqueued before its type had bodies', async () => {
    const store = new Store();
    const rig = PartsRunnerRig.streaming((body) => pipeline(body, store));
    expect(await rig.run({})).toEqual({ kind: 'finished' });
    expect([store.isFinished, store.stored.length]).toEqual([true, 0]);
  });

  it('is read anew by every try', async () => {
    const stored: Buffer[] = [];
    const rig = PartsRunnerRig.streaming(async (body, { attempt }) => {
      const store = new Store();
      if (attempt === 1) {
        await once(body, 'readable');
        throw new Error('first');
      }
      await pipeline(body, store);
      stored.push(store.stored);
    });
    const upload = await rig.upload('a', 30_000);
    expect(await rig.run(bodyOf(upload))).toMatchObject({ verdict: { kind: 'retry' } });
    expect(await rig.run(bodyOf(upload), { attempt: 2 })).toEqual({ kind: 'finished' });
    expect(stored.map((one) => one.equals(upload.content))).toEqual([true]);
  });

  it('ends with its handler, which need not have read it', async () => {
    const kept: TaskBody[] = [];
    const rig = PartsRunnerRig.streaming((body) => void kept.push(body));
    expect(await rig.run(bodyOf(await rig.upload('a', 30_000)))).toEqual({ kind: 'finished' });
    const [body] = kept;
    await expect(body?.bytes({ maxBytes: 30_000 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    expect(rig.openCount).toBe(0); // nothing was asked for
  });

  it('may be left when the handler has what it wanted', async () => {
    const rig = PartsRunnerRig.streaming(async (body) => {
      for await (const chunk of body) {
        expect((chunk as Buffer).length).toBe(1_000);
        return;
      }
    });
    expect(await rig.run(bodyOf(await rig.upload('a', 30_000)))).toEqual({ kind: 'finished' });
  });
});

describe('a body that is bytes', () => {
  const handled: TaskBytes[] = [];
  const handle: SingleHandler = (_payload, context) =>
    void handled.push((context as TaskContext & { body: TaskBytes }).body);

  it.each(['parts', 'inline'] as const)('is there when its handler is called, from %s', async (kind) => {
    const rig = new PartsRunnerRig(handle);
    const upload = await rig.upload('a', 30_500);
    const task: Partial<TaskToEncode> =
      kind === 'parts' ? bodyOf(upload) : { body: { kind, bytes: upload.content } };
    expect(await rig.run({ ...task, contentEncoding: 'br' }, { type: 'bytes' })).toEqual({
      kind: 'finished',
    });
    const body = handled.pop();
    expect([body?.length, body?.contentEncoding, body?.join().equals(upload.content)]).toEqual([
      30_500,
      'br',
      true,
    ]);
  });

  it('is never had in part: the handler is not called when some is lost', async () => {
    const rig = new PartsRunnerRig(handle);
    const upload = await rig.upload('a', 3_500, withoutThird);
    expect(await rig.run(bodyOf(upload), { type: 'bytes' })).toMatchObject({
      verdict: { kind: 'hold', reason: 'data-loss' },
    });
    expect(handled).toEqual([]);
  });

  it('is refused when it is larger than memory should hold', async () => {
    const rig = new PartsRunnerRig(handle);
    const { manifest } = await rig.upload('a', 3_500);
    const bytes = 17 * 1024 * 1024;
    const huge = { ...manifest, bytes, count: Math.ceil(bytes / 1_000), to: manifest.from + 20_000 };
    const end = await rig.run({ body: { kind: 'parts', manifest: huge } }, { type: 'bytes' });
    expect(end).toMatchObject({ verdict: { kind: 'hold', reason: 'undecodable' } });
  });

  it('in batches is there for each', async () => {
    const lengths: number[] = [];
    const rig = new PartsRunnerRig({
      batch: { maxSize: 2 },
      handle: (tasks) => {
        for (const { ctx } of tasks) lengths.push((ctx as TaskContext & { body: TaskBytes }).body.length);
      },
    });
    const uploads = [await rig.upload('a', 2_500), await rig.upload('b', 1_500)];
    const ends = await Promise.all(uploads.map((upload) => rig.run(bodyOf(upload), { type: 'bytes' })));
    expect(ends).toEqual([{ kind: 'finished' }, { kind: 'finished' }]);
    expect(lengths.sort((a, b) => a - b)).toEqual([1_500, 2_500]);
  });
});

describe('a body in its record', () => {
  const same: PayloadCodec = { name: 'same', encode: (bytes) => bytes, decode: (bytes) => bytes };
  const decoding: PayloadCodec = { ...same, decode: (bytes) => Promise.resolve(bytes.subarray(0)) };

  it.each<[BodyKind, PayloadCodec | undefined]>([
    ['bytes', undefined],
    ['stream', undefined],
    ['bytes', same],
    ['stream', decoding],
  ])("is its handler's to change or give away: the next start gets it as it was: %s", async (kind, codec) => {
    const content = Buffer.from('what was enqueued');
    const { record } = await encodeTask(
      {
        id: 'i',
        type: 't',
        version: 1,
        payload: {},
        key: 'k',
        enqueuedAtMs: 1,
        codec,
        body: { kind: 'inline', bytes: Buffer.from(new Uint8Array(content).buffer) },
      },
      defaultCodecLimits,
    );
    const task = { ...record, topic: 'q', partition: 0, offset: 0, timestampMs: 0 };
    const start = async (): Promise<readonly Buffer[]> => {
      const read = readHead(task);
      if (read.kind !== 'task') throw new Error(read.reason);
      const codecs = codecSet(codec, []);
      const recorded = { record: task, head: read.head, codecs };
      const parts = new TaskParts(new PartsRig().feed, recorded, new AbortController().signal);
      const body = await parts.body(kind);
      return body instanceof BodyStream ? await body.toArray() : body.parts;
    };
    for (const change of [erase, giveAway, erase]) {
      const parts = await start();
      expect(Buffer.concat(parts).toString()).toBe('what was enqueued');
      for (const part of parts) change(part);
    }
  });

  function erase(bytes: Buffer): void {
    bytes.fill(0);
  }

  function giveAway({ buffer }: Buffer): void {
    if (buffer instanceof ArrayBuffer) structuredClone(buffer, { transfer: [buffer] });
  }
});

describe('a payload in parts', () => {
  const payload = { key: 'k', text: 'long '.repeat(5_000) };
  const payloads: unknown[] = [];
  const handle: SingleHandler = (given) => void payloads.push(given);

  it('is read before the handler is called', async () => {
    const rig = new PartsRunnerRig(handle);
    const { manifest } = await rig.upload('a', Buffer.from(JSON.stringify(payload)), { compress: true });
    expect(await rig.run({ payloadParts: manifest }, { type: 'plain' })).toEqual({ kind: 'finished' });
    expect(payloads.pop()).toEqual(payload);
  });

  it('beside a body in parts is read first', async () => {
    const rig = new PartsRunnerRig(handle);
    const { manifest } = await rig.upload('a', Buffer.from(JSON.stringify(payload)));
    const body = await rig.upload('b', 30_000);
    expect(await rig.run({ payloadParts: manifest, ...bodyOf(body) }, { type: 'bytes' })).toEqual({
      kind: 'finished',
    });
    expect(payloads.pop()).toEqual(payload);
  });

  it('that is lost holds the key, and one that cannot be read now is tried again', async () => {
    const rig = new PartsRunnerRig(handle);
    const lost = await rig.upload('a', Buffer.from(JSON.stringify(payload)), withoutThird);
    expect(await rig.run({ payloadParts: lost.manifest }, { type: 'plain' })).toMatchObject({
      verdict: { kind: 'hold', reason: 'data-loss', error: { upload: 'a', part: 2 } },
    });
    const { manifest } = await rig.upload('b', Buffer.from(JSON.stringify(payload)));
    await rig.feed.close();
    expect(await rig.run({ payloadParts: manifest }, { type: 'plain' })).toMatchObject({
      verdict: { kind: 'retry', error: { message: 'the worker ends' } },
    });
    expect(payloads).toEqual([]);
  });

  it('is not read on when its task is aborted', async () => {
    const rig = new PartsRunnerRig(handle);
    rig.openReader = openSilentReader;
    const { manifest } = await rig.upload('a', Buffer.from(JSON.stringify(payload)));
    const end = rig.run({ payloadParts: manifest }, { type: 'plain' });
    await rig.clock.advance(100);
    rig.abort('partition-lost');
    expect(await end).toMatchObject({ verdict: { error: { reason: 'partition-lost' } } });
    expect(payloads).toEqual([]);
  });

  it.each(['payload', 'body'])(
    'or a %s whose record came too late is finished without being run',
    async (what) => {
      const rig = new PartsRunnerRig(handle);
      const { manifest } = await rig.upload('a', 3_500); // timeoutMs is 60,000, from 1,000 on
      const task = what === 'payload' ? { payloadParts: manifest } : bodyOf({ manifest } as Upload);
      const late = { appendedAtMs: 61_001, type: 'stream' };
      expect(await rig.run(task, late)).toEqual({ kind: 'void', upload: 'a' });
      expect(payloads).toEqual([]);
      expect(rig.openCount).toBe(0);
    },
  );
});

import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LargeTasksRig } from '../../test/support/large-tasks-rig.ts';
import { Signal } from '../../test/support/queue-rig.ts';
import { failureOf } from '../../test/support/scripted-producer.ts';
import type { EnqueueManyError } from './enqueue-types.ts';

function streamOf(bytes: number): Readable {
  const chunks = Array.from({ length: bytes / 1_000 }, (_, at) => Buffer.alloc(1_000, at & 0xff));
  return Readable.from(chunks, { objectMode: false });
}

async function* generated(): AsyncGenerator<Buffer> {
  for (let at = 0; at < 1_000; at += 1) yield Buffer.alloc(1_000, at & 0xff);
}

function webStream(): ReadableStream<Buffer> {
  const chunks = generated();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

describe('one source for two tasks', () => {
  it.each<[string, () => AsyncIterable<Buffer>]>([
    ['a stream', () => streamOf(1_000_000)],
    ['a generator', generated],
    ['a web stream', webStream],
  ])('of which each would get a part is refused for the second: %s', async (_, make) => {
    await using rig = new LargeTasksRig();
    const body = make();
    const many = rig.large.enqueueMany([
      { type: 'video', payload: { key: 'a' }, options: { id: 'first', body } },
      { type: 'video', payload: { key: 'b' }, options: { id: 'second', body } },
    ]);
    const { results } = (await failureOf(many)) as EnqueueManyError;
    expect(results).toMatchObject([
      { ok: true },
      { ok: false, error: { code: 'OPTIONS_INVALID', message: expect.stringContaining('another') } },
    ]);
    expect(rig.heads().map(({ id, bodyBytes }) => [id, bodyBytes])).toEqual([['first', 1_000_000]]);
  });

  it('may be given again when the call was refused before it was read', async () => {
    await using rig = new LargeTasksRig();
    const body = streamOf(1_000_000);
    const wrong = rig.large.enqueue('video', { key: 1 } as unknown as { key: string }, { body });
    await expect(wrong).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    await rig.large.enqueue('video', { key: 'a' }, { body });
    expect(rig.heads().map(({ bodyBytes }) => bodyBytes)).toEqual([1_000_000]);
  });

  it('is no matter for bytes, nor for what begins anew each time', async () => {
    await using rig = new LargeTasksRig();
    const body = Buffer.alloc(1_000_000);
    const again = { [Symbol.asyncIterator]: generated };
    await Promise.all(
      ['a', 'b'].flatMap((key) => [
        rig.large.enqueue('video', { key }, { body }),
        rig.large.enqueue('video', { key }, { body: again }),
      ]),
    );
    expect(rig.heads().map(({ bodyBytes }) => bodyBytes)).toEqual(Array(4).fill(1_000_000));
  });
});

describe('a web stream that was read before', () => {
  const refused = { code: 'OPTIONS_INVALID', problems: [{ path: 'body' }] };

  it('would pass for an empty body, and is refused: by a task before', async () => {
    await using rig = new LargeTasksRig();
    const body = webStream();
    await rig.large.enqueue('video', { key: 'a' }, { body });
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject(refused);
    expect(rig.heads().map(({ bodyBytes }) => bodyBytes)).toEqual([1_000_000]);
  });

  it('by a call that failed half way', async () => {
    await using rig = new LargeTasksRig();
    const caller = new AbortController();
    const asked = new Signal();
    let given = false;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (given) return asked.resolve();
        given = true;
        controller.enqueue(Buffer.alloc(1_000));
      },
    });
    const call = rig.large.enqueue('video', { key: 'a' }, { body, signal: caller.signal });
    await asked.promise;
    caller.abort(new Error('enough'));
    await expect(call).rejects.toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject(refused);
    expect(rig.ids()).toEqual([]);
  });

  it.each<[string, (body: ReadableStream) => Promise<unknown>]>([
    ['whole', (body) => new Response(body).arrayBuffer()],
    ['not at all, and cancelled', (body) => body.cancel()],
    ['and is being read', async (body) => body.getReader()],
  ])('by somebody else: %s', async (_, read) => {
    await using rig = new LargeTasksRig();
    const body = webStream();
    await read(body);
    await expect(rig.large.enqueue('video', { key: 'a' }, { body })).rejects.toMatchObject(refused);
    expect(rig.cluster.topics.has('large')).toBe(false);
  });
});

it('a web stream that brings nothing is cancelled when its call is given up', async () => {
  await using rig = new LargeTasksRig();
  const caller = new AbortController();
  const [asked, cancelled] = [new Signal(), new Signal()];
  const body = new ReadableStream<Uint8Array>({
    pull: () => asked.resolve(),
    cancel: () => cancelled.resolve(),
  });
  const call = rig.large.enqueue('video', { key: 'a' }, { body, signal: caller.signal });
  await asked.promise;
  caller.abort(new Error('enough'));
  await expect(call).rejects.toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
  await cancelled.promise;
});

it('a stream that is too large for an outbox is destroyed', async () => {
  await using rig = new LargeTasksRig();
  const large = streamOf(1_000_000);
  await expect(rig.large.encode('video', { key: 'a' }, { body: large })).rejects.toMatchObject({
    code: 'TASK_TOO_LARGE',
  });
  expect(large.destroyed).toBe(true);
});

it('a source that gives nothing but empty chunks keeps nobody waiting: its call can be given up', async () => {
  await using rig = new LargeTasksRig();
  const caller = new AbortController();
  const body = (async function* () {
    for (;;) yield Buffer.alloc(0);
  })();
  const call = rig.large.enqueue('video', { key: 'a' }, { body, signal: caller.signal });
  setImmediate(() => caller.abort(new Error('enough')));
  await expect(call).rejects.toMatchObject({ outcome: 'absent' });
});

describe('a middleware that throws at once', () => {
  const throwing = {
    middleware: [
      () => {
        throw new Error('no tenant');
      },
    ],
  };

  it('fails its call, as a promise', async () => {
    await using rig = new LargeTasksRig(throwing);
    const call = rig.large.enqueue('note', { key: 'a' });
    await expect(call).rejects.toThrow('no tenant');
  });

  it('fails one of several, and the others are told of', async () => {
    await using rig = new LargeTasksRig({
      middleware: [
        (request, next) => {
          if (request.type === 'video') throw new Error('no tenant');
          return next(request);
        },
      ],
    });
    const body = new PassThrough();
    const many = rig.large.enqueueMany([
      { type: 'note', payload: { key: 'a' } },
      { type: 'video', payload: { key: 'b' }, options: { body } },
    ]);
    const { results } = (await failureOf(many)) as EnqueueManyError;
    expect(results).toMatchObject([{ ok: true }, { ok: false, error: { message: 'no tenant' } }]);
    expect(body.destroyed).toBe(false); // nothing has been done with it
  });
});

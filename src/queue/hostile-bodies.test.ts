import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { types } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LargeTasksRig } from '../../test/support/large-tasks-rig.ts';
import { failureOf } from '../../test/support/scripted-producer.ts';
import { EnqueueManyError, type EnqueueResult } from './enqueue-types.ts';

/** How a source ends, and what is then to become of its task. */
const ends = {
  ends: 'enqueued',
  rejects: 'absent',
  'throws at once': 'absent',
  'gives text': 'absent',
  'gives null': 'absent',
  'never ends': 'absent', // its caller gives up
  'fails after its end': 'enqueued',
} as const;

type End = keyof typeof ends;

interface Body {
  readonly how: 'generator' | 'stream' | 'web stream' | 'object stream' | 'plain iterator';
  readonly sizes: readonly number[];
  readonly end: End;
}

const body: fc.Arbitrary<Body> = fc.record({
  how: fc.constantFrom('generator', 'stream', 'web stream', 'object stream', 'plain iterator'),
  sizes: fc.array(fc.constantFrom(0, 1, 1_000, 65_536, 524_288, 899_488, 1_900_001), { maxLength: 6 }),
  end: fc.constantFrom(...(Object.keys(ends) as End[])),
});

function contentOf({ sizes }: Body): Buffer {
  return Buffer.concat(sizes.map((size, at) => Buffer.alloc(size, at + 1)));
}

/** Chunks as they come, and then what `end` says. */
async function* given({ sizes, end }: Body, caller: AbortController): AsyncGenerator<unknown, undefined> {
  for (const [at, size] of sizes.entries()) yield Buffer.alloc(size, at + 1);
  if (end === 'rejects') throw new Error('the disk is gone');
  if (end === 'gives text') yield 'text';
  if (end === 'gives null') yield null;
  if (end !== 'never ends') return;
  setImmediate(() => caller.abort(new Error('enough')));
  await new Promise(() => {});
}

function sourceOf(what: Body, caller: AbortController): AsyncIterable<Uint8Array> {
  const chunks = given(what, caller) as AsyncGenerator<Uint8Array>; // what it gives is what is tried
  if (what.end === 'throws at once') {
    return {
      [Symbol.asyncIterator]: () => {
        throw new Error('not today');
      },
    };
  }
  switch (what.how) {
    case 'generator':
      return chunks;
    case 'plain iterator':
      return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) };
    case 'web stream':
      return ReadableStream.from(chunks);
    default: {
      // A stream in byte mode would refuse by itself what is no bytes, and takes null for its end.
      const objectMode = what.how === 'object stream' || what.end === 'gives text';
      const stream = Readable.from(chunks, { objectMode });
      if (what.end === 'fails after its end')
        stream.once('end', () => setImmediate(() => stream.emit('error', new Error('too late'))));
      return stream;
    }
  }
}

/** Streams and web streams have their own opinion of null: it fails them, or ends them. */
function isClear({ how, end }: Body): boolean {
  return end !== 'gives null' || how === 'generator' || how === 'plain iterator';
}

it('whatever sources do, a task is there with all of its body, or absent, and others are as they would be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(body.filter(isClear), { minLength: 1, maxLength: 4 }), async (bodies) => {
      await using rig = new LargeTasksRig();
      const items = bodies.map((one, at) => {
        const caller = new AbortController();
        const options = { id: `t${at}`, body: sourceOf(one, caller), signal: caller.signal };
        return { type: 'video', payload: { key: `k${at % 2}` }, options } as const;
      });
      const outcome = await rig.large.enqueueMany(items).then(
        (receipts) => receipts.map((receipt): EnqueueResult => ({ ok: true, receipt })),
        (error: unknown) => {
          if (error instanceof EnqueueManyError) return error.results;
          throw error;
        },
      );
      expect(outcome.map(({ ok }) => (ok ? 'enqueued' : 'absent'))).toEqual(
        bodies.map(({ end }) => ends[end]),
      );
      for (const result of outcome)
        if (!result.ok) expect(result.error).toMatchObject({ name: 'EnqueueError', outcome: 'absent' });
      const heads = new Map(rig.heads().map((head) => [head.id, head]));
      for (const [at, one] of bodies.entries()) {
        const head = heads.get(`t${at}`);
        expect(head !== undefined).toBe(ends[one.end] === 'enqueued');
        if (head?.body === undefined) continue;
        const content = head.body.kind === 'inline' ? head.body.bytes : await rig.content(head.body.manifest);
        expect(content.equals(contentOf(one))).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

it('a signal that is aborted before, or after, changes nothing but what it must', async () => {
  await using rig = new LargeTasksRig();
  const before = Readable.from([Buffer.alloc(10)], { objectMode: false });
  const early = rig.large.enqueue(
    'video',
    { key: 'a' },
    { body: before, signal: AbortSignal.abort(new Error('no')) },
  );
  expect(await failureOf(early)).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
  expect(before.destroyed).toBe(true);
  const caller = new AbortController();
  const content = Buffer.alloc(2_000_000, 7);
  await rig.large.enqueue('video', { key: 'a' }, { body: content, signal: caller.signal });
  caller.abort();
  await new Promise((resolve) => setImmediate(resolve));
  const [head] = rig.heads();
  if (head?.body?.kind !== 'parts') throw new Error('it is not in parts');
  expect((await rig.content(head.body.manifest)).equals(content)).toBe(true);
});

/** What a signal keeps: listeners, and signals made of it. */
function keptBy(signal: AbortSignal): number {
  const own = Object.getOwnPropertySymbols(signal).map((name) => Reflect.get(signal, name));
  const sets = own.filter((value) => types.isSet(value)).reduce((sum, { size }) => sum + size, 0);
  return sets + getEventListeners(signal, 'abort').length;
}

it('a signal that outlives its calls keeps nothing of them', async () => {
  await using rig = new LargeTasksRig();
  const { signal } = new AbortController();
  for (const bytes of [10, 600_000, 10]) {
    const body = Readable.from([Buffer.alloc(bytes)], { objectMode: false });
    await rig.large.enqueue('video', { key: 'a' }, { body, signal });
  }
  const failing = Readable.from(['text']);
  await failureOf(rig.large.enqueue('video', { key: 'a' }, { body: failing, signal }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(keptBy(signal)).toBe(0);
});

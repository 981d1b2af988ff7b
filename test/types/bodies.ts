import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { connectKafka } from '../../src/queue/connect-kafka.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';

const schema = z.object({ id: z.string() });
const queue = new TaskQueue({
  name: 'bodies',
  kafka: connectKafka({ embedded: true }),
  tasks: {
    plain: defineTask({ schema, unordered: true, body: undefined }),
    image: defineTask({ schema, key: ({ id }) => id, body: 'bytes' }),
    video: defineTask({
      schema,
      key: ({ id }) => id,
      body: 'stream',
      version: 2,
      upcast: { 1: (old) => old },
    }),
  },
});
const id = { id: 'a' };
async function* bytes(): AsyncGenerator<Buffer> {
  yield Buffer.from('a');
}

void queue.enqueue('plain', id, { timeoutMs: 5 });
void queue.enqueue('image', id, { body: Buffer.from('a'), id: 'image-1' });
void queue.enqueue('video', id, { body: createReadStream('a'), contentEncoding: 'gzip' });
void queue.enqueue('video', id, { body: bytes() });
void queue.encode('image', id, { body: new Uint8Array(3) });
void queue.enqueueMany([
  { type: 'plain', payload: id },
  { type: 'image', payload: id, options: { body: bytes() } },
]);

// @ts-expect-error says Expected 3 arguments, but got 2
void queue.enqueue('image', id);

// @ts-expect-error says Property 'body' is missing
void queue.enqueue('video', id, { timeoutMs: 5 });

// @ts-expect-error says 'body' does not exist in type 'EnqueueOptions'
void queue.enqueue('plain', id, { body: Buffer.from('a') });

// @ts-expect-error says Type 'string' is not assignable to type 'BodySource'
void queue.enqueue('video', id, { body: 'a text' });

// @ts-expect-error says Expected 3 arguments, but got 2
void queue.encode('image', id);

// @ts-expect-error says 'signal' does not exist in type
void queue.encode('image', id, { body: Buffer.from('a'), signal: AbortSignal.timeout(5) });

// @ts-expect-error says Property 'options' is missing
void queue.enqueueMany([{ type: 'video', payload: id }]);

// @ts-expect-error says 'body' does not exist in type 'EnqueueOptions'
void queue.enqueueMany([{ type: 'plain', payload: id, options: { body: Buffer.from('a') } }]);

const nothing = async (): Promise<void> => {};

queue.worker({
  plain: async (_payload, ctx) => {
    await ctx.enqueue('image', id, { body: Buffer.from('a'), contentEncoding: 'gzip' });
  },
  image: async ({ id }, { body, key }) => {
    const [first] = body.parts;
    return [first?.length, body.join().length, body.contentEncoding, id, key];
  },
  video: async (_payload, ctx) => {
    const stream: Readable = ctx.body;
    for await (const chunk of stream) void chunk;
    const { parts, length } = await ctx.body.bytes({ maxBytes: 1_000_000 });
    return [ctx.body.length, parts, length, ctx.attempt];
  },
});

queue.worker({
  // @ts-expect-error says Property 'body' does not exist on type 'TaskContext'
  plain: async (_payload, ctx) => ctx.body,
  // @ts-expect-error says Property 'pipe' does not exist on type 'TaskBytes'
  image: async (_payload, ctx) => ctx.body.pipe,
  video: {
    batch: { maxSize: 2 },
    handle: async (tasks) => tasks.map(({ ctx }) => ctx.body.length),
  },
});

queue.worker({
  plain: nothing,
  image: nothing,
  // @ts-expect-error says Expected 1 arguments, but got 0
  video: async (_payload, ctx) => ctx.body.bytes(),
});

// @ts-expect-error says Type '"file"' is not assignable to type
defineTask({ schema, unordered: true, body: 'file' });

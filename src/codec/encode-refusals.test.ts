import { expect, test } from 'vitest';
import { defaultCodecLimits } from './codec-limits.ts';
import { encodeTask, type TaskToEncode } from './envelope.ts';

const task: TaskToEncode = { id: 'id-1', type: 'a.task', version: 1, payload: {}, key: 'k', enqueuedAtMs: 0 };

async function encode(changes: { readonly [K in keyof TaskToEncode]?: unknown }): Promise<unknown> {
  return await encodeTask({ ...task, ...changes } as TaskToEncode, defaultCodecLimits); // what JavaScript callers can pass
}

const cycle: { self?: unknown } = {};
cycle.self = [{ cycle }];

test.each([
  ['undefined', undefined, 'it is undefined'],
  ['a function', () => 1, 'it is a function'],
  ['a symbol', Symbol('x'), 'it is a symbol'],
  ['a BigInt', 1n, 'a BigInt'],
  ['a BigInt within', { list: [1, { 'the id': 5n }] }, 'a BigInt at list[1]["the id"]'],
  ['a cycle', cycle, 'a cycle at self[0].cycle'],
  ['a toJSON that throws', { toJSON: () => JSON.parse('{') as unknown }, 'JSON.stringify threw'],
  ['what toJSON leaves undefined', { toJSON: () => undefined }, 'JSON.stringify'],
])('a payload that is %s is refused: %s', async (_what, payload, words) => {
  await expect(encode({ payload })).rejects.toMatchObject({
    code: 'PAYLOAD_NOT_SERIALIZABLE',
    type: 'a.task',
    message: expect.stringContaining(words),
  });
});

test('a payload nested deeper than the stack is refused', async () => {
  let payload: unknown = 1;
  for (let depth = 0; depth < 100_000; depth += 1) payload = [payload];
  await expect(encode({ payload })).rejects.toMatchObject({ code: 'PAYLOAD_NOT_SERIALIZABLE' });
});

test.each([
  ['an empty id', { id: '' }, ['id']],
  ['an id that is a number', { id: 7 }, ['id']],
  ['an id that is too long', { id: 'ß'.repeat(257) }, ['id']],
  ['an id with a line break', { id: 'a\nb' }, ['id']],
  ['half a surrogate pair', { id: 'a\udc00' }, ['id']],
  ['an empty idempotency key', { idempotencyKey: '' }, ['idempotencyKey']],
  ['headers that are a list', { headers: ['a'] }, ['headers']],
  ['headers that are null', { headers: null }, ['headers']],
  ['a header of ours', { headers: { 'kl-id': 'x' } }, ['headers.kl-id']],
  ['a header like ours', { headers: { 'KL-new': 'x' } }, ['headers.KL-new']],
  ['a trace context by hand', { headers: { traceparent: 'x' } }, ['headers.traceparent']],
  ['a header without a name', { headers: { '': 'x' } }, ['headers.']],
  ['a name with a NUL', { headers: { 'a\0b': 'x' } }, ['headers.a\0b']],
  ['a value that is a number', { headers: { a: 1 } }, ['headers.a']],
  ['a value that is undefined', { headers: { a: undefined } }, ['headers.a']],
  ['a value with half a pair', { headers: { a: '\ud800' } }, ['headers.a']],
  ['too much in all', { headers: { a: 'x'.repeat(10_000), b: 'x'.repeat(10_000) } }, ['headers']],
  ['several things', { id: '', headers: { a: 1, b: 2 } }, ['id', 'headers.a', 'headers.b']],
])('%s is refused, naming it', async (_what, changes, paths) => {
  const error: unknown = await encode(changes).catch((cause: unknown) => cause);
  expect(error).toMatchObject({
    code: 'OPTIONS_INVALID',
    problems: paths.map((path) => expect.objectContaining({ path })),
  });
});

/** Does not compress: base 36 digits of a scrambled counter. */
function noise(length: number): string {
  let text = '';
  for (let i = 1; text.length < length; i += 1) text += (Math.imul(i, 2_654_435_761) >>> 0).toString(36);
  return text.slice(0, length);
}

test('a task that does not fit a record is refused with its size and the limit', async () => {
  await expect(encode({ payload: noise(920_000) })).rejects.toMatchObject({
    code: 'TASK_TOO_LARGE',
    limitBytes: 900_000,
    message: expect.stringMatching(/record .* has 9\d{5} bytes, the limit is 900000/),
  });
});

test('a payload is refused by its JSON length before it is compressed', async () => {
  const payload = 'x'.repeat(16 * 1024 * 1024);
  await expect(encode({ payload })).rejects.toMatchObject({
    code: 'TASK_TOO_LARGE',
    sizeBytes: 16 * 1024 * 1024 + 2,
    limitBytes: 16 * 1024 * 1024,
  });
});

test('headers count as part of the record', async () => {
  const payload = noise(899_000);
  await expect(encode({ payload })).resolves.toBeDefined();
  await expect(encode({ payload, headers: { a: 'x'.repeat(2_000) } })).rejects.toMatchObject({
    code: 'TASK_TOO_LARGE',
  });
});

import { expect, test } from 'vitest';
import { z } from 'zod';
import { KeyInvalidError, PayloadInvalidError } from '../errors/task-errors.ts';
import { checkForEnqueue } from './check-for-enqueue.ts';
import { defineTask } from './define-task.ts';
import { type RegisteredTask, TaskRegistry } from './task-registry.ts';

function registered(task: ReturnType<typeof defineTask>): RegisteredTask {
  return new TaskRegistry({ 'a.task': task }).forEnqueue('a.task');
}

/** A task whose payload is its key. */
const itself = registered(defineTask({ schema: z.unknown(), key: (payload) => payload as string })); // on purpose unchecked

const slow = registered(
  defineTask({
    schema: z.object({ id: z.string().refine(async (id) => id !== 'taken', 'is taken') }),
    key: (payload) => payload.id,
  }),
);

test('a payload that fits is checked at once, and its key is taken from the form that travels', () => {
  const task = registered(
    defineTask({
      schema: z.object({ id: z.string().transform((id) => id.length) }),
      key: (payload) => payload.id,
    }),
  );
  expect(checkForEnqueue(task, { id: 'session-1' }, 'id-1')).toEqual({ kind: 'checked', key: 'session-1' });
});

test("an unordered task's lane is its own id", () => {
  const task = registered(defineTask({ schema: z.unknown(), unordered: true }));
  expect(checkForEnqueue(task, {}, 'id-1')).toEqual({ kind: 'checked', key: 'id-1' });
});

test('everything the schema finds is listed with its path', () => {
  const schema = z.object({
    id: z.string(),
    'odd name': z.number(),
    events: z.array(z.object({ at: z.number() })),
  });
  const task = registered(defineTask({ schema, key: (payload) => payload.id }));
  const error = errorOf(() =>
    checkForEnqueue(task, { id: 1, 'odd name': 'x', events: [{ at: 1 }, { at: 'y' }] }, 'id-1'),
  );
  expect(error).toBeInstanceOf(PayloadInvalidError);
  expect((error as PayloadInvalidError).issues.map((issue) => issue.path)).toEqual([
    'id',
    '["odd name"]',
    'events[1].at',
  ]);
  expect(String(error)).toContain('  events[1].at: ');
});

test('a payload that is no object at all is named as such', () => {
  const task = registered(defineTask({ schema: z.object({ id: z.string() }), key: (payload) => payload.id }));
  expect(() => checkForEnqueue(task, undefined, 'id-1')).toThrow('(payload): ');
});

test.each([
  ['empty', '', 'is empty'],
  ['missing', undefined, 'is not a string but undefined'],
  ['null', null, 'is not a string but null'],
  ['a number', 7, 'of type number'],
  ['a promise', Promise.resolve('a'), 'a promise'],
  ['too long', 'x'.repeat(1_025), 'has 1025 bytes'],
  ['too long in bytes only', 'ß'.repeat(513), 'has 1026 bytes'],
  ['half a surrogate pair', 'a\ud800', 'half a surrogate pair'],
])('a key that is %s is refused', (_what, key, words) => {
  const error = errorOf(() => checkForEnqueue(itself, key, 'id-1'));
  expect(error).toBeInstanceOf(KeyInvalidError);
  expect(String(error)).toContain(words);
});

test.each([
  ['of one letter', 'a'],
  ['with a NUL', '\0'],
  ['of 1,024 bytes', 'ß'.repeat(512)],
  ['with a whole surrogate pair', '💡'],
])('a key %s is taken as it is', (_what, key) => {
  expect(checkForEnqueue(itself, key, 'id-1').key).toBe(key);
});

test('a key function that throws is told apart from a bad payload', () => {
  const boom = new Error('boom');
  const task = registered(
    defineTask({
      schema: z.unknown(),
      key: () => {
        throw boom;
      },
    }),
  );
  expect(() => checkForEnqueue(task, {}, 'id-1')).toThrow(
    expect.objectContaining({ code: 'KEY_INVALID', cause: boom }),
  );
});

test('a schema that checks asynchronously gives the key at once and its verdict later', async () => {
  const good = checkForEnqueue(slow, { id: 'free' }, 'id-1');
  expect(good).toMatchObject({ kind: 'checking', key: 'free' });
  if (good.kind === 'checking') await expect(good.done).resolves.toBeUndefined();
  const bad = checkForEnqueue(slow, { id: 'taken' }, 'id-1');
  expect(bad.key).toBe('taken');
  if (bad.kind === 'checking') await expect(bad.done).rejects.toThrow('id: is taken');
});

test('a bad key of an asynchronously checked payload leaves no rejection behind', () => {
  expect(() => checkForEnqueue(slow, { id: '' }, 'id-1')).toThrow(KeyInvalidError);
  expect(() => checkForEnqueue(slow, { id: 'x'.repeat(2_000) }, 'id-1')).toThrow(KeyInvalidError);
});

test('a schema that throws counts as a refusal', async () => {
  const boom = new Error('boom');
  const throwing = (act: () => never | Promise<never>) =>
    registered(
      defineTask({ schema: { '~standard': { version: 1, vendor: 'mine', validate: act } }, unordered: true }),
    );
  const sync = throwing(() => {
    throw boom;
  });
  const async = throwing(() => Promise.reject(boom));
  expect(() => checkForEnqueue(sync, {}, 'id')).toThrow(
    expect.objectContaining({ code: 'PAYLOAD_INVALID', cause: boom }),
  );
  const check = checkForEnqueue(async, {}, 'id');
  if (check.kind === 'checking')
    await expect(check.done).rejects.toMatchObject({ code: 'PAYLOAD_INVALID', cause: boom });
  expect(check.kind).toBe('checking');
});

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

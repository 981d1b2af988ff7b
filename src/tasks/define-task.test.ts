import { expect, test } from 'vitest';
import { z } from 'zod';
import { OptionsError } from '../errors/options-error.ts';
import { defineTask } from './define-task.ts';

const schema = z.object({ id: z.string() });
const key = (payload: { id: string }) => payload.id;

test('a definition carries its options, filled with the defaults', () => {
  const task = defineTask({ schema, key });
  expect(task).toMatchObject({
    unordered: false,
    timeoutMs: undefined,
    version: 1,
    upcasts: [],
    aliases: [],
    body: undefined,
  });
  expect(task.key?.({ id: 'a' })).toBe('a');
  expect(Object.isFrozen(task)).toBe(true);
});

test('a type may have a body, to be had as bytes or as a stream', () => {
  expect(defineTask({ schema, key, body: 'bytes' }).body).toBe('bytes');
  expect(defineTask({ schema, unordered: true, body: 'stream' }).body).toBe('stream');
});

test('undefined is absent', () => {
  const options = {
    schema,
    key,
    timeoutMs: undefined,
    version: undefined,
    upcast: undefined,
    aliases: undefined,
    body: undefined,
  };
  expect(defineTask(options)).toMatchObject({ version: 1, aliases: [] });
});

test('upcast steps are kept in the order of their versions', () => {
  const one = (old: unknown) => old;
  const two = (old: { id: string }) => old;
  expect(defineTask({ schema, key, version: 3, upcast: { 2: two, 1: one } }).upcasts).toEqual([one, two]);
});

// Read as what plain JavaScript callers can pass.
const define = defineTask as (options: unknown) => unknown;

test.each<[string, unknown, string[]]>([
  ['nothing', undefined, ['(options)']],
  ['no schema', { key }, ['schema']],
  ['something that is no schema', { schema: { type: 'object' }, key }, ['schema']],
  ['neither key nor unordered', { schema }, ['key']],
  ['both key and unordered', { schema, key, unordered: true }, ['key']],
  ['a key that is a string', { schema, key: 'id' }, ['key']],
  ['no time at all', { schema, key, timeoutMs: 0 }, ['timeoutMs']],
  ['a timeout beyond what timers can', { schema, key, timeoutMs: 2 ** 31 }, ['timeoutMs']],
  ['version 0', { schema, key, version: 0 }, ['version']],
  ['a step that is missing', { schema, key, version: 3, upcast: { 2: key } }, ['upcast.1']],
  ['no steps at all', { schema, key, version: 3 }, ['upcast.1', 'upcast.2']],
  ['a step too many', { schema, key, version: 2, upcast: { 1: key, 2: key } }, ['upcast.2']],
  ['a step from no version', { schema, key, upcast: { first: key } }, ['upcast.first']],
  ['a step that is no function', { schema, key, version: 2, upcast: { 1: 'x' } }, ['upcast.1']],
  ['an alias that cannot be a name', { schema, key, aliases: ['a b'] }, ['aliases.0']],
  ['a body that is neither', { schema, key, body: true }, ['body']],
  ['an option that does not exist', { schema, key, timeoutMS: 5 }, ['timeoutMS']],
  ['everything wrong at once', { version: 2, timeoutMs: -1 }, ['schema', 'timeoutMs', 'key', 'upcast.1']],
])('%s is refused, naming it', (_what, options, paths) => {
  const error = errorOf(() => define(options));
  expect(error).toBeInstanceOf(OptionsError);
  expect((error as OptionsError).problems.map((problem) => problem.path)).toEqual(paths);
});

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

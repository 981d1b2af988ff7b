import { expect, it } from 'vitest';
import { z } from 'zod';
import { OptionsError } from '../../errors/options-error.ts';
import { defineTask } from '../../tasks/define-task.ts';
import { TaskRegistry } from '../../tasks/task-registry.ts';
import { type AnyHandler, resolveHandlers } from './handler-map.ts';

const schema = z.object({ n: z.number() });
const registry = new TaskRegistry({
  'recording.events': defineTask({ schema, unordered: true, aliases: ['recording.chunk'] }),
  'mail.send': defineTask({ schema, unordered: true }),
});
const run = (): void => {};
const complete = { 'recording.events': run, 'mail.send': run };

function problems(handlers: unknown): OptionsError['problems'] {
  try {
    resolveHandlers(handlers as Record<string, AnyHandler>, registry, () => 64);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  throw new Error('they were taken');
}

it('one for each type is taken', () => {
  const resolved = resolveHandlers(complete, registry, () => 64);
  expect([...resolved.keys()]).toEqual(['recording.events', 'mail.send']);
});

it('types without a handler are all named', () => {
  expect(problems({})).toMatchObject([
    { path: 'recording.events', rule: 'must have a handler', value: 'nothing' },
    { path: 'mail.send', rule: 'must have a handler', value: 'nothing' },
  ]);
  expect(problems({ ...complete, 'mail.send': undefined })).toMatchObject([{ path: 'mail.send' }]);
});

it.each([
  ['mail.sned', "Did you mean 'mail.send'?"],
  ['recording.chunk', "Did you mean 'recording.events'?"],
  ['invoice.pay', 'Task types: recording.events, mail.send.'],
])("'%s' is no task type, and the cure says what is", (name, cure) => {
  expect(problems({ ...complete, [name]: run })).toMatchObject([
    { path: name, rule: 'is not a task type of this queue', value: 'a function', cure },
  ]);
});

it.each<[string, unknown]>([
  ['a string', 'run'],
  ['null', null],
  ['a list', [run]],
])('%s is no handler', (_what, handler) => {
  expect(problems({ ...complete, 'mail.send': handler })).toMatchObject([
    { path: 'mail.send', rule: 'must be a function, or { batch, handle } for batches' },
  ]);
});

it('what a batch handler lacks is said with its place', () => {
  expect(problems({ ...complete, 'mail.send': { batch: {} } })).toMatchObject([
    { path: 'mail.send.batch.maxSize' },
    { path: 'mail.send.handle' },
  ]);
});

it.each([undefined, null, 'run', run])('%s is not a set of handlers', (given) => {
  expect(problems(given)).toMatchObject([{ path: '(handlers)' }]);
});

it('names that objects have of themselves are no handlers', () => {
  const map = new TaskRegistry({ toString: defineTask({ schema, unordered: true }) });
  expect(() => resolveHandlers({}, map, () => 64)).toThrow('toString: must have a handler');
});

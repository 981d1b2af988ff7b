import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask } from './define-task.ts';
import { TaskRegistry } from './task-registry.ts';

const plain = (aliases: string[] = []) => defineTask({ schema: z.unknown(), unordered: true, aliases });

test('a type is found by its name; a record also by an alias', () => {
  const registry = new TaskRegistry({ 'recording.events': plain(['recording.chunk']), 'mail.send': plain() });
  expect(registry.types).toEqual(['recording.events', 'mail.send']);
  expect(registry.forEnqueue('mail.send').type).toBe('mail.send');
  expect(registry.forRecord('recording.chunk')?.type).toBe('recording.events');
  expect(registry.forRecord('recording.events')?.type).toBe('recording.events');
  expect(registry.forRecord('something.else')).toBeUndefined();
});

test.each([
  ['recording.event', 'recording.events', "Did you mean 'recording.events'?"],
  ['Mail.Send', 'mail.send', "Did you mean 'mail.send'?"],
  ['recording.chunk', 'recording.events', "It is an alias for recorded tasks: enqueue 'recording.events'."],
  ['toString', undefined, "Its task types: 'recording.events', 'mail.send'."],
])("enqueueing '%s' is refused with what to do", (type, suggestion, words) => {
  const registry = new TaskRegistry({ 'recording.events': plain(['recording.chunk']), 'mail.send': plain() });
  expect(() => registry.forEnqueue(type)).toThrow(
    expect.objectContaining({
      code: 'TASK_TYPE_UNKNOWN',
      suggestion,
      message: expect.stringContaining(words),
    }),
  );
});

test.each([
  ['another type', { a: plain(['b']), b: plain() }],
  ['its own type', { a: plain(['a']) }],
  ['an alias of another type', { a: plain(['c']), b: plain(['c']) }],
  ['the same alias again', { a: plain(['c', 'c']) }],
])('an alias that names %s is refused', (_what, tasks) => {
  expect(() => new TaskRegistry(tasks)).toThrow(expect.objectContaining({ code: 'OPTIONS_INVALID' }));
});

test.each(['', 'a b', '.hidden', 'grüße', 'a\n', 'x'.repeat(201)])('%j cannot name a type', (name) => {
  expect(() => new TaskRegistry({ [name]: plain() })).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID' }),
  );
});

test('a name of an object property that everything has is no type', () => {
  expect(new TaskRegistry({}).forRecord('constructor')).toBeUndefined();
  expect(() => new TaskRegistry({}).forEnqueue('x')).toThrow('The task map is empty.');
});

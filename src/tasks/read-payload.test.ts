import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask } from './define-task.ts';
import { isNewerVersion, readPayload } from './read-payload.ts';
import { TaskRegistry } from './task-registry.ts';

const boom = new Error('boom');

const task = new TaskRegistry({
  'a.task': defineTask({
    schema: z.object({ events: z.array(z.string()), at: z.coerce.date() }),
    unordered: true,
    version: 3,
    upcast: {
      1: (old) => {
        if (old.batch === 'broken') throw boom;
        return { list: old.batch, time: old.time };
      },
      2: (old) => ({ events: old.list, at: old.time }),
    },
  }),
}).forEnqueue('a.task');

const current = { events: ['a'], at: new Date(5) };

test.each([
  [1, { batch: ['a'], time: 5 }],
  [2, { list: ['a'], time: 5 }],
  [3, { events: ['a'], at: 5, ignored: true }],
])('a payload of version %i reaches the handler as one of today', (version, payload) => {
  expect(readPayload(task, version, payload)).toEqual(current);
});

test('a newer version is told, and read by nobody', () => {
  expect(isNewerVersion(task, 4)).toBe(true);
  expect(isNewerVersion(task, 3)).toBe(false);
  expect(() => readPayload(task, 4, current)).toThrow(
    expect.objectContaining({ code: 'TASK_VERSION_NEWER', version: 4, knownVersion: 3 }),
  );
});

test('a step that throws names itself', () => {
  expect(() => readPayload(task, 1, { batch: 'broken' })).toThrow(
    expect.objectContaining({ code: 'UPCAST_FAILED', fromVersion: 1, cause: boom }),
  );
});

test('a recorded payload that does not fit says which version it was', () => {
  expect(() => readPayload(task, 2, { list: [1], time: 5 })).toThrow(
    expect.objectContaining({
      code: 'PAYLOAD_INVALID',
      message: expect.stringContaining('(version 2)'),
      issues: [expect.objectContaining({ path: 'events[0]' })],
    }),
  );
});

test('a schema that checks asynchronously gives a promise', async () => {
  const schema = z.object({ id: z.string().refine(async (id) => id !== 'bad') });
  const slow = new TaskRegistry({ slow: defineTask({ schema, unordered: true }) }).forEnqueue('slow');
  await expect(readPayload(slow, 1, { id: 'abc' })).resolves.toEqual({ id: 'abc' });
  await expect(readPayload(slow, 1, { id: 'bad' })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
});

test('a schema that throws counts as a refusal', () => {
  const validate = () => {
    throw boom;
  };
  const definition = defineTask({
    schema: { '~standard': { version: 1, vendor: 'mine', validate } },
    unordered: true,
  });
  const throwing = new TaskRegistry({ throwing: definition }).forEnqueue('throwing');
  expect(() => readPayload(throwing, 1, {})).toThrow(
    expect.objectContaining({ code: 'PAYLOAD_INVALID', cause: boom }),
  );
});

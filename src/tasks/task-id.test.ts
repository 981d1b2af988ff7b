import { expect, test } from 'vitest';
import { deriveTaskId, newTaskId } from './task-id.ts';

const uuid = (version: number) =>
  new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`);

test('a new id is a UUID of version 7, and carries its time', () => {
  const id = newTaskId(0x0192_3456_789a, () => 'ffffffff-ffff-4abc-8def-0123456789ab');
  expect(id).toBe('01923456-789a-7abc-8def-0123456789ab');
  expect(newTaskId(Date.now())).toMatch(uuid(7));
});

test('ids of later milliseconds sort later', () => {
  const times = [0, 1, 255, 256, 1_700_000_000_000, 1_700_000_000_001, 2 ** 47];
  const ids = times.map((time) => newTaskId(time));
  expect([...ids].sort()).toEqual(ids);
});

test('ids differ', () => {
  expect(new Set(Array.from({ length: 10_000 }, () => newTaskId(1))).size).toBe(10_000);
});

test('a follow-up has the same id on every run of its parent', () => {
  const id = deriveTaskId('parent', 0);
  expect(id).toMatch(uuid(8));
  expect(deriveTaskId('parent', 0)).toBe(id);
  // Pinned: a release that derived other ids would enqueue the follow-ups of a retried task twice.
  expect(id).toMatchInlineSnapshot(`"aaf54d4b-afa7-8b7d-81fb-da0a13b03c95"`);
});

test('every call and every parent has its own follow-ups', () => {
  const ids = ['a', 'b', 'a1'].flatMap((parent) => [0, 1, 10, 11].map((call) => deriveTaskId(parent, call)));
  expect(new Set(ids).size).toBe(ids.length);
});

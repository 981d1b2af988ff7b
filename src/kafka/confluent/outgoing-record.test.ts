import { expect, test } from 'vitest';
import type { OutgoingRecord } from '../port.ts';
import { nonNull, recordProblem, toNativeHeaders } from './outgoing-record.ts';

const good: OutgoingRecord = { key: Buffer.from('k'), value: Buffer.from('v'), headers: [] };

test('an empty buffer becomes an empty piece of a buffer that has an address', () => {
  const empty = nonNull(Buffer.alloc(0));
  expect(empty.length).toBe(0);
  expect(empty.buffer.byteLength).toBeGreaterThan(0);
});

test('a buffer with content stays the same object', () => {
  const value = Buffer.from('v');
  expect(nonNull(value)).toBe(value);
});

test('headers keep their order and may repeat', () => {
  const [first, second] = [Buffer.from('1'), Buffer.from('2')];
  expect(
    toNativeHeaders([
      ['h', first],
      ['h', second],
    ]),
  ).toEqual([{ h: first }, { h: second }]);
});

test('a header may have the name of an object’s own machinery', () => {
  const [header] = toNativeHeaders([['__proto__', Buffer.from('x')]]);
  expect(Object.keys(header ?? {})).toEqual(['__proto__']);
});

test('what the client would choke on is found before it is handed over', () => {
  // Callers without types exist; the client would append such a record and throw.
  const odd = 'text' as unknown as Buffer;
  expect(recordProblem(good)).toBeUndefined();
  expect(recordProblem({ ...good, key: null })).toBeUndefined();
  expect(recordProblem({ ...good, value: odd })).toContain('value');
  expect(recordProblem({ ...good, key: odd })).toContain('key');
  expect(recordProblem({ ...good, headers: [['h', odd]] })).toContain('header h');
  expect(recordProblem({ ...good, headers: [['a\0b', Buffer.from('x')]] })).toContain('NUL');
});

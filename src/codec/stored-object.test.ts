import { describe, expect, it, test } from 'vitest';
import { readPartHead } from './part.ts';
import {
  isObjectKey,
  MAX_OBJECT_KEY_CHARACTERS,
  markerOf,
  objectKey,
  objectMarker,
  objectPrefix,
  objectsBelow,
} from './stored-object.ts';

const place = { queue: 'orders.eu', role: 'parts', topicId: 'Zx-_09+/=', partition: 12 } as const;

test('a key says queue, topic and partition, then its marker, in the order of markers', () => {
  expect(objectKey(place, 42, 'u-1')).toBe('orders.eu/parts/Zx-_09___/12/0000000000000042-u-1');
  const keys = [0, 9, 10, 999, 1_000_000, Number.MAX_SAFE_INTEGER].map((marker) =>
    objectKey(place, marker, 'z'),
  );
  expect([...keys].sort()).toEqual(keys);
  expect(keys.every((key) => key.startsWith(objectPrefix(place)) && isObjectKey(key))).toBe(true);
});

test('a key says where its marker is, and in which topic', () => {
  const marker = markerOf(objectKey(place, 42, 'u-1'));
  expect(marker).toMatchObject({ queue: 'orders.eu', role: 'parts', partition: 12, offset: 42 });
  const ids = ['Zx-_09+/=', 'Zx-_09___', 'other', undefined];
  expect(ids.map((id) => marker?.isOf(id))).toEqual([true, true, false, false]);
  expect(markerOf(objectKey({ ...place, topicId: undefined }, 1, 'u'))?.isOf(undefined)).toBe(true);
});

test.each([
  'q/parts/id/0',
  'q/parts/id/0/0000000000000001',
  'q/parts/id/0/000000000000001-u',
  'q/parts/id/0/0000000000000001-u/v',
  'q/parts/id/x/0000000000000001-u',
  'q/other/id/0/0000000000000001-u',
  'q/parts/id/0/x000000000000001-u',
  '',
])('%s is of no marker', (key) => {
  expect(markerOf(key)).toBeUndefined();
});

test('what is below an offset are the markers before it', () => {
  expect(objectKey(place, 41, 'zzz') < objectsBelow(place, 42)).toBe(true);
  expect(objectKey(place, 42, '.') < objectsBelow(place, 42)).toBe(false);
  expect(objectKey(place, 43, 'a') < objectsBelow(place, 42)).toBe(false);
});

it('has room for the longest names', () => {
  const key = objectKey(
    { queue: 'q'.repeat(242), role: 'parked', topicId: 'i'.repeat(22), partition: 2 ** 31 - 1 },
    Number.MAX_SAFE_INTEGER,
    'u'.repeat(64),
  );
  expect(isObjectKey(key)).toBe(true);
  expect(isObjectKey('k'.repeat(MAX_OBJECT_KEY_CHARACTERS + 1))).toBe(false);
});

describe('no key is', () => {
  test.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    '..',
    'a/../b',
    './a',
    'a/.',
    'a b',
    'a\\b',
    'ä',
    'a\n',
    7,
    undefined,
  ])('%j', (value) => {
    expect(isObjectKey(value)).toBe(false);
  });
});

test('a marker is no part, whoever looks for parts', () => {
  const { key, value, headers } = objectMarker('u');
  const record = { topic: 't', partition: 0, offset: 0, timestampMs: 0, key, value, headers };
  expect(readPartHead(record)).toBeUndefined();
});

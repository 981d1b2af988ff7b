import { expect, test } from 'vitest';
import { checkOffset, nativePartitions, PartitionTable } from './partition-table.ts';

test('values are kept per topic and partition', () => {
  const table = new PartitionTable<string>();
  table.set({ topic: 'a', partition: 0 }, 'x');
  table.set({ topic: 'a', partition: 0 }, 'y');
  table.set({ topic: 'b', partition: 0 }, 'z');
  expect(table.size).toBe(2);
  expect(table.get('a', 0)).toBe('y');
  expect(table.has({ topic: 'a', partition: 1 })).toBe(false);
  expect(table.delete({ topic: 'a', partition: 0 })).toBe(true);
  expect(table.delete({ topic: 'a', partition: 0 })).toBe(false);
  expect(table.keys()).toEqual([{ topic: 'b', partition: 0 }]);
  table.clear();
  expect(table.size).toBe(0);
});

test('a list for the client names each partition once and nothing else', () => {
  const given = [
    { topic: 'a', partition: 1, offset: 7 },
    { topic: 'a', partition: 1, offset: 8 },
  ];
  expect(nativePartitions(given)).toEqual([{ topic: 'a', partition: 1 }]);
});

test('entries that would crash the process are refused', () => {
  expect(() => nativePartitions([{ topic: '', partition: 0 }])).toThrow(RangeError);
  for (const partition of [-1, 0.5, Number.NaN, 2 ** 31]) {
    expect(() => nativePartitions([{ topic: 'a', partition }])).toThrow(RangeError);
  }
  for (const offset of [-1, 0.5, 2 ** 53]) {
    expect(() => checkOffset('a', 0, offset)).toThrow(RangeError);
  }
});

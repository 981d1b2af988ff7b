import { describe, expect, it } from 'vitest';
import type { IncomingRecord } from '../../kafka/port.ts';
import { itemOf } from './item-of.ts';

const record: IncomingRecord = {
  topic: 'q',
  partition: 0,
  offset: 3,
  timestampMs: 0,
  key: Buffer.from('k'),
  value: Buffer.from('{}'),
  headers: [['kl-type', Buffer.from('t')]],
};

describe('a record as the core sees it', () => {
  it('is counted against memory with its headers: one of them may be a body of half a megabyte', () => {
    const body: [string, Buffer] = ['kl-body', Buffer.alloc(500_000)];
    const large = itemOf({ ...record, headers: [...record.headers, body] });
    expect(large.bytes - itemOf(record).bytes).toBe(500_000);
  });
});

import { readType } from '../../codec/read-record.ts';
import type { IncomingRecord } from '../../kafka/port.ts';
import type { Item } from '../core/lane.ts';

/** What a small record costs beside its bytes: the objects around it. */
const OVERHEAD_BYTES = 512;

/** A record as the core sees it. Records without a key share one lane: nobody knows what order they need. */
export function itemOf(record: IncomingRecord): Item {
  return {
    offset: record.offset,
    key: record.key?.toString('latin1') ?? '',
    type: readType(record) ?? '',
    bytes: sizeOf(record),
    record,
  };
}

/** What a record takes in memory. */
export function sizeOf(record: IncomingRecord): number {
  let bytes = OVERHEAD_BYTES + (record.value?.length ?? 0) + (record.key?.length ?? 0);
  for (const [, value] of record.headers) bytes += value.length; // one of them may be a body
  return bytes;
}

import type { IncomingRecord, RecordHeader } from '../port.ts';
import type { NativeMessage } from './native.ts';

const NO_HEADERS: readonly RecordHeader[] = [];

export function toIncomingRecord(message: NativeMessage): IncomingRecord {
  return {
    topic: message.topic,
    partition: message.partition,
    offset: message.offset,
    timestampMs: message.timestamp,
    leaderEpoch: message.leaderEpoch,
    key: message.key,
    value: message.value,
    headers: message.headers === undefined ? NO_HEADERS : toHeaders(message.headers),
  };
}

function toHeaders(headers: NonNullable<NativeMessage['headers']>): RecordHeader[] {
  const list: RecordHeader[] = [];
  for (const header of headers) {
    for (const name in header) {
      const value = header[name];
      if (value !== undefined) list.push([name, value]);
    }
  }
  return list;
}

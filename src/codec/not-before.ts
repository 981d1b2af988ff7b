import type { IncomingRecord, RecordHeader } from '../kafka/port.ts';
import { headerNames } from './header-names.ts';
import { wholeNumber } from './header-values.ts';

/** Longest delay of a task. Each quarter of an hour it is written anew, and what was written before stays for a while. */
export const MAX_DELAY_MS = 7 * 86_400_000;

export function notBeforeHeader(timeMs: number): RecordHeader {
  return [headerNames.notBefore, Buffer.from(String(timeMs), 'latin1')];
}

/** When a record's task may run, ms since 1970; undefined = at once. What is no time is taken as none. */
export function readNotBefore(record: IncomingRecord): number | undefined {
  if (record.value === null) return undefined;
  for (const [name, value] of record.headers) if (name === headerNames.notBefore) return wholeNumber(value);
  return undefined;
}

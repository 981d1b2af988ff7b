import { isUtf8 } from 'node:buffer';
import type { ParkReason } from '../journal/journal.ts';
import { isParkReason } from '../journal/journal-entry.ts';
import type { IncomingRecord, OutgoingRecord, RecordHeader } from '../kafka/port.ts';
import { headerNames } from './header-names.ts';
import { wholeNumber } from './header-values.ts';

const parkHeaders = {
  /** Always the first of ours: a copy's own headers are all from the last one of this name on. */
  group: 'kl-park-group',
  partition: 'kl-park-partition',
  mark: 'kl-park-mark',
  offset: 'kl-park-offset',
  epoch: 'kl-park-epoch',
  at: 'kl-park-at',
  previous: 'kl-park-prev',
  recordAt: 'kl-park-record-at',
  tombstone: 'kl-park-tombstone',
  lost: 'kl-park-lost',
  reason: 'kl-park-reason',
  attempts: 'kl-park-attempts',
  error: 'kl-park-error',
  /** Of an end alone. */
  end: 'kl-park-end',
} as const;

/** Whether a record with one of these counts follows from when it was appended. */
const timed: ReadonlySet<string> = new Set([headerNames.payloadParts, headerNames.bodyParts]);

/** What is written of the error that made a task give up. */
const MAX_ERROR_BYTES = 1_024;

/**
 * At most this much is added to a record. Names, numbers of 16 digits and a group of 249 characters take half of it; what
 * manifests grow by where parts were copied is less than what the error may have.
 */
export const PARKED_COPY_BYTES = 2_560;

/** What a copy says beside the record it is of. */
export interface ParkedCopyInfo {
  readonly group: string;
  /** The queue's partition, and the record's offset there. */
  readonly partition: number;
  readonly offset: number;
  /** The mark that it belongs to. */
  readonly mark: number;
  readonly epoch: number;
  readonly atMs: number;
  /**
   * The source offset of the copy that was sent just before it, in one go with it: without that one in front of it, it
   * is a remnant of an attempt that failed. -1 = all before it was durable already.
   */
  readonly previous: number;
  /** Uploads of the task whose parts could not be copied, as they are lost: its manifests name where they were. */
  readonly lost?: readonly string[] | undefined;
  /** Only of the task that gave up. */
  readonly cause?:
    | { readonly reason: ParkReason; readonly attempts: number; readonly error: string }
    | undefined;
}

/** A record of the parked topic. */
export interface ParkedCopy {
  readonly group: string;
  readonly partition: number;
  readonly offset: number;
  readonly mark: number;
  readonly epoch: number;
  readonly atMs: number;
  readonly previous: number;
  /** Uploads of the task whose parts were lost when it was copied. */
  readonly lost: readonly string[];
  /** Why the task that gave up was parked; undefined for those that were parked with it. */
  readonly reason: ParkReason | undefined;
  /** Tries that counted, of the task that gave up; otherwise 0. */
  readonly attempts: number;
  /** What the task that gave up failed with. */
  readonly error: string | undefined;
  /**
   * The record as it is in the queue's topic, but for where its parts are, and for its time where nothing depends on it:
   * that is the copy's.
   */
  readonly record: IncomingRecord;
}

/** The record for the parked topic: the given one, byte for byte, with headers added at its end. */
export function encodeParkedCopy(record: IncomingRecord, info: ParkedCopyInfo): OutgoingRecord {
  const { cause } = info;
  const headers: RecordHeader[] = [
    ...record.headers,
    header(parkHeaders.group, info.group),
    header(parkHeaders.partition, info.partition),
    header(parkHeaders.mark, info.mark),
    header(parkHeaders.offset, info.offset),
    header(parkHeaders.epoch, info.epoch),
    header(parkHeaders.at, info.atMs),
  ];
  if (info.previous >= 0) headers.push(header(parkHeaders.previous, info.previous));
  if (record.value === null) headers.push(header(parkHeaders.tombstone, 1));
  if (record.headers.some(([name]) => timed.has(name))) {
    headers.push(header(parkHeaders.recordAt, Math.floor(record.timestampMs)));
  }
  if (info.lost !== undefined && info.lost.length > 0) {
    headers.push(header(parkHeaders.lost, info.lost.join(' ')));
  }
  if (cause !== undefined) {
    headers.push(header(parkHeaders.reason, cause.reason), header(parkHeaders.attempts, cause.attempts), [
      parkHeaders.error,
      cutUtf8(cause.error, MAX_ERROR_BYTES),
    ]);
  }
  return { key: record.key, value: record.value ?? Buffer.alloc(0), headers };
}

/**
 * The record by which an owner finds where the parked topic ends: all copies whose appends were acknowledged before are
 * in front of it. Readers pass over it.
 */
export function encodeParkedEnd(about: {
  readonly group: string;
  readonly partition: number;
  readonly epoch: number;
}): OutgoingRecord {
  const { group, partition, epoch } = about;
  return {
    key: null,
    value: Buffer.from('end', 'latin1'),
    headers: [
      header(parkHeaders.end, group),
      header(parkHeaders.partition, partition),
      header(parkHeaders.epoch, epoch),
    ],
  };
}

function header(name: string, value: string | number): RecordHeader {
  return [name, Buffer.from(String(value))];
}

/** At most so many bytes of UTF-8, no character cut. */
function cutUtf8(text: string, maxBytes: number): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return bytes;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return bytes.subarray(0, end);
}

/** A record of the parked topic; undefined for what keylane did not write there, or a later version writes otherwise. */
export function readParkedCopy(record: IncomingRecord): ParkedCopy | undefined {
  const start = record.headers.findLastIndex(([name]) => name === parkHeaders.group);
  if (start < 0) return undefined;
  const own = new Map<string, Buffer>(record.headers.slice(start));
  const number = (name: string): number => wholeNumber(own.get(name)) ?? -1;
  const group = own.get(parkHeaders.group);
  const [partition, mark, offset] = [parkHeaders.partition, parkHeaders.mark, parkHeaders.offset].map(number);
  const [epoch, atMs] = [parkHeaders.epoch, parkHeaders.at].map(number);
  if (group === undefined || !isUtf8(group)) return undefined;
  if (!isFound(partition) || !isFound(mark) || !isFound(offset) || !isFound(epoch) || !isFound(atMs))
    return undefined;
  const reason = own.get(parkHeaders.reason)?.toString();
  return {
    group: group.toString(),
    partition,
    offset,
    mark,
    epoch,
    atMs,
    previous: number(parkHeaders.previous),
    lost: own.get(parkHeaders.lost)?.toString('latin1').split(' ') ?? [],
    reason: isParkReason(reason) ? reason : undefined,
    attempts: Math.max(0, number(parkHeaders.attempts)),
    error: own.get(parkHeaders.error)?.toString(),
    record: {
      topic: queueOf(record.topic),
      partition,
      offset,
      timestampMs: wholeNumber(own.get(parkHeaders.recordAt)) ?? record.timestampMs,
      key: record.key,
      value: own.has(parkHeaders.tombstone) ? null : record.value,
      headers: record.headers.slice(0, start),
    },
  };
}

function isFound(number: number | undefined): number is number {
  return number !== undefined && number >= 0;
}

const SUFFIX = '.parked';

function queueOf(topic: string): string {
  return topic.endsWith(SUFFIX) ? topic.slice(0, -SUFFIX.length) : topic;
}

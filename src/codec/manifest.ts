import { isUtf8 } from 'node:buffer';
import type { RecordHeader } from '../kafka/port.ts';
import { MAX_BODY_BYTES, MAX_PART_BYTES, MAX_PART_COUNT, MAX_UPLOAD_TIMEOUT_MS } from './codec-limits.ts';
import type { headerNames } from './header-names.ts';
import { MAX_DATE_MS } from './header-values.ts';
import { isStoreName } from './payload-store.ts';
import { isObjectKey, type StoredObject } from './stored-object.ts';

/** Says where the parts of something large are: a payload's JSON, or a body. */
export interface BodyManifest {
  /** The topic that they are in. Undefined: the parts topic; `parked`: the parked one, like the task. */
  readonly at?: 'parked' | undefined;
  /** The object that they are in, in place of a topic. `partition` is then that of its marker, `from` and `to` are bytes of it. */
  readonly object?: StoredObject | undefined;
  /** The upload's id; it stands in each of its parts. 1 to 64 of `A-Z a-z 0-9 . _ -`. */
  readonly upload: string;
  /** Of that topic. All parts of an upload are in it. */
  readonly partition: number;
  /** How many parts there are, repeated ones not counted. */
  readonly count: number;
  /** Offset of the first part. */
  readonly from: number;
  /** Offset of the last part. Records of other uploads may lie between. */
  readonly to: number;
  /** Exact length of the content of all parts. */
  readonly bytes: number;
  /** Content of each part but the last, which has what remains. */
  readonly partBytes: number;
  /** CRC32C of the whole content. */
  readonly crc: number;
  /** The brokers' append time of the first part; of parts that were copied that of the original. */
  readonly firstAtMs: number;
  /** A manifest that is appended later than this after `firstAtMs` is void. */
  readonly timeoutMs: number;
}

/** The headers that hold a manifest. */
export type ManifestHeaderName = (typeof headerNames)['payloadParts' | 'bodyParts'];

/** An upload's id: short, and the same in every encoding. */
const uploadId = /^[A-Za-z0-9._-]{1,64}$/;

/** All numbers at their largest, and the longest upload id and object key, stay below this. */
const MAX_MANIFEST_BYTES = 1_024;

export function isUploadId(value: unknown): value is string {
  return typeof value === 'string' && uploadId.test(value);
}

export function manifestHeader(name: ManifestHeaderName, manifest: BodyManifest): RecordHeader {
  const { at, object, upload, partition, count, from, to, bytes, partBytes, crc, firstAtMs, timeoutMs } =
    manifest;
  const json = {
    upload,
    partition,
    count,
    from,
    to,
    bytes,
    partBytes,
    crc,
    firstAt: firstAtMs,
    timeoutMs,
    at: object === undefined ? at : 'store',
    store: object?.store,
    object: object?.key,
  };
  return [name, Buffer.from(JSON.stringify(json), 'latin1')];
}

/** The manifest in a header; undefined when it is missing, or says anything that cannot be. Fields not known are ignored. */
export function readManifest(value: Buffer | undefined): BodyManifest | undefined {
  if (value === undefined || value.length > MAX_MANIFEST_BYTES || !isUtf8(value)) return undefined;
  const fields = parseObject(value.toString());
  if (fields === undefined) return undefined;
  const { at, upload } = fields;
  if (at !== undefined && at !== 'parked' && at !== 'store') return undefined; // nobody here knows where that is
  const object = at === 'store' ? readObject(fields) : undefined;
  if (at === 'store' && object === undefined) return undefined;
  const number = (name: string, least: number, most: number): number => {
    const found = fields[name];
    return Number.isSafeInteger(found) && Number(found) >= least && Number(found) <= most
      ? Number(found)
      : Number.NaN;
  };
  const manifest: BodyManifest = {
    upload: isUploadId(upload) ? upload : '',
    partition: number('partition', 0, 2 ** 31 - 1),
    count: number('count', 1, MAX_PART_COUNT),
    from: number('from', 0, Number.MAX_SAFE_INTEGER),
    to: number('to', 0, Number.MAX_SAFE_INTEGER),
    bytes: number('bytes', 1, MAX_BODY_BYTES),
    partBytes: number('partBytes', 1, MAX_PART_BYTES),
    crc: number('crc', 0, 2 ** 32 - 1),
    firstAtMs: number('firstAt', 0, MAX_DATE_MS),
    timeoutMs: number('timeoutMs', 1, MAX_UPLOAD_TIMEOUT_MS),
  };
  if (manifest.upload === '' || Object.values(manifest).some(Number.isNaN)) return undefined;
  const { count, from, to, bytes, partBytes } = manifest;
  if (count !== partCount(bytes, partBytes) || to - from + 1 < count) return undefined;
  if (object !== undefined) return { ...manifest, object };
  return at === 'parked' ? { ...manifest, at } : manifest;
}

function readObject({ store, object: key }: Readonly<Record<string, unknown>>): StoredObject | undefined {
  return isStoreName(store) && isObjectKey(key) ? { store, key } : undefined;
}

/** How many parts a content of that length has. */
export function partCount(bytes: number, partBytes: number): number {
  return Math.ceil(bytes / partBytes);
}

/** The length of a part's content. */
export function partLength({ count, bytes, partBytes }: BodyManifest, index: number): number {
  return index < count - 1 ? partBytes : bytes - (count - 1) * partBytes;
}

/**
 * Whether a record with this manifest came too late to count: its parts may be deleted already. Judged by the brokers'
 * clock alone, so its producer and every worker come to the same answer.
 */
export function isVoid(manifest: BodyManifest, recordAppendedAtMs: number): boolean {
  return recordAppendedAtMs - manifest.firstAtMs > manifest.timeoutMs;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>) // an object is one
      : undefined;
  } catch {
    return undefined;
  }
}

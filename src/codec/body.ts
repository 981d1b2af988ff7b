import { isAscii, isUtf8 } from 'node:buffer';
import {
  PayloadNotSerializableError,
  RecordUndecodableError,
  TaskTooLargeError,
} from '../errors/task-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import { CODED_COMPRESS_ABOVE_BYTES, type CodecLimits } from './codec-limits.ts';
import type { CodecName } from './header-names.ts';
import { loadLz4 } from './lz4.ts';
import { measureFrame } from './lz4-frame.ts';
import type { BodyManifest } from './manifest.ts';
import type { PayloadCodec } from './payload-codec.ts';
import { findUnserializable } from './unserializable.ts';

/** A payload as a record's value. */
export interface WrittenBody {
  readonly codec: CodecName;
  readonly value: Buffer;
  /** Bytes of the JSON. */
  readonly jsonBytes: number;
}

interface PayloadToWrite {
  readonly type: string;
  readonly payload: unknown;
  /** The payload's JSON, where it was made before. */
  readonly json?: Buffer | undefined;
  /** Where the JSON is, when it is in parts. */
  readonly payloadParts?: BodyManifest | undefined;
  /** What it goes through after that. */
  readonly codec?: PayloadCodec | undefined;
}

/**
 * Writes a payload as JSON, before it returns; a promise only for the lz4 frame of a large one.
 *
 * @throws PayloadNotSerializableError, TaskTooLargeError
 */
export function writeBody(task: PayloadToWrite, limits: CodecLimits): WrittenBody | Promise<WrittenBody> {
  if (task.payloadParts !== undefined) {
    return { codec: 'json+parts', value: IN_PARTS, jsonBytes: task.payloadParts.bytes };
  }
  const json = task.json ?? payloadJson(task.type, task.payload, limits);
  const aboveBytes =
    task.codec === undefined
      ? limits.compressAboveBytes
      : Math.min(limits.compressAboveBytes, CODED_COMPRESS_ABOVE_BYTES);
  if (json.length > aboveBytes) return compress(json);
  return { codec: 'json', value: json, jsonBytes: json.length };
}

/** The value of a record whose payload is in parts. */
const IN_PARTS = Buffer.from('{}');

/**
 * The JSON of a payload.
 *
 * @throws PayloadNotSerializableError, TaskTooLargeError
 */
export function payloadJson(type: string, payload: unknown, limits: CodecLimits): Buffer {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload); // undefined for undefined, a function or a symbol, whatever its type says
  } catch (cause) {
    throw new PayloadNotSerializableError(type, findUnserializable(payload), cause);
  }
  if (text === undefined) throw new PayloadNotSerializableError(type, findUnserializable(payload));
  const json = Buffer.from(text);
  if (json.length <= limits.maxPayloadBytes) return json;
  const size = { sizeBytes: json.length, limitBytes: limits.maxPayloadBytes };
  throw new TaskTooLargeError({ type, ...size, what: 'its JSON has' });
}

async function compress(json: Buffer): Promise<WrittenBody> {
  const lz4 = await loadLz4();
  const frame = await lz4.compressFrame(json, { contentChecksum: true });
  // Not worth the reader's time when it saves less than an eighth.
  if (frame.length > json.length * 0.875) return { codec: 'json', value: json, jsonBytes: json.length };
  return { codec: 'json+lz4f', value: frame, jsonBytes: json.length };
}

/** How a record says its payload is written. */
interface PayloadForm {
  readonly codec: CodecName;
  readonly lengthBytes: number;
  readonly payloadParts: BodyManifest | undefined;
}

/** Fetches what a manifest lists, joined. */
export type PartsReading = (manifest: BodyManifest) => Promise<Buffer>;

/**
 * Reads a payload back. The content of a frame is measured before it is decompressed (off this thread), so that what is
 * allocated is never more than the declared length. A promise only for frames and parts.
 *
 * @throws RecordUndecodableError
 */
export function readBody(
  record: IncomingRecord,
  { codec, lengthBytes, payloadParts }: PayloadForm,
  readParts: PartsReading | undefined,
): unknown {
  const { value } = record;
  if (value === null) throw new RecordUndecodableError(record, 'it has no value (a tombstone)');
  if (codec === 'json') return parse(record, value, lengthBytes);
  if (codec === 'json+parts') {
    if (payloadParts === undefined || readParts === undefined) {
      throw new RecordUndecodableError(record, 'its payload is in parts, and those are not read here');
    }
    return readParts(payloadParts).then((json) => parse(record, json, lengthBytes));
  }
  const frame = measureFrame(value, lengthBytes);
  if (frame.kind === 'broken')
    throw new RecordUndecodableError(record, `its lz4 frame is damaged: ${frame.reason}`);
  return decompress(record, value).then((json) => parse(record, json, lengthBytes));
}

async function decompress(record: IncomingRecord, frame: Buffer): Promise<Buffer> {
  const lz4 = await loadLz4();
  try {
    return await lz4.decompressFrame(frame);
  } catch (cause) {
    throw new RecordUndecodableError(record, 'its lz4 frame is damaged (see cause)', cause);
  }
}

function parse(record: IncomingRecord, json: Buffer, declaredBytes: number): unknown {
  if (json.length !== declaredBytes) {
    throw new RecordUndecodableError(record, `it declares ${declaredBytes} bytes and has ${json.length}`);
  }
  // Most payloads are plain ASCII, which is told and copied several times faster than UTF-8 is decoded.
  const ascii = isAscii(json);
  // Decoding would quietly put U+FFFD in the place of what is no UTF-8.
  if (!ascii && !isUtf8(json)) throw new RecordUndecodableError(record, 'its payload is not UTF-8');
  try {
    return JSON.parse(json.toString(ascii ? 'latin1' : 'utf8')) as unknown;
  } catch (cause) {
    throw new RecordUndecodableError(record, 'its payload is not JSON', cause);
  }
}

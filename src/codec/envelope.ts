import { TaskTooLargeError } from '../errors/task-errors.ts';
import type { OutgoingRecord, RecordHeader } from '../kafka/port.ts';
import { type WrittenBody, writeBody } from './body.ts';
import type { CodecLimits } from './codec-limits.ts';
import { encodeContent } from './coding.ts';
import { checkFields, userHeaders } from './enqueue-fields.ts';
import { codedForm, headerNames, type WireForm } from './header-names.ts';
import { type BodyManifest, manifestHeader } from './manifest.ts';
import { notBeforeHeader } from './not-before.ts';
import type { PayloadCodec } from './payload-codec.ts';
import { bodyHeaders, type RecordedBody } from './recorded-body.ts';

/** A task to be written as a record. */
export interface TaskToEncode {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** The wire form; written as JSON. Not looked at with `json` or `payloadParts`. */
  readonly payload: unknown;
  /** The payload's JSON, where `payloadJson` made it before. */
  readonly json?: Buffer | undefined;
  /** Where the payload's JSON is, when it is in parts. */
  readonly payloadParts?: BodyManifest | undefined;
  /** An inline one is used as it is, not copied. */
  readonly body?: RecordedBody | undefined;
  /** What the payload and an inline body go through; what is in parts went through it before. */
  readonly codec?: PayloadCodec | undefined;
  /** How the body was compressed before it came here, as in HTTP; with a body only. */
  readonly contentEncoding?: string | undefined;
  /** The lane key. */
  readonly key: string;
  readonly enqueuedAtMs: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Not to run before; for unordered types. */
  readonly notBeforeMs?: number | undefined;
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

export interface EncodedTask {
  readonly record: OutgoingRecord;
  /** Size of the record: key, value and headers. What buffers and limits count. */
  readonly bytes: number;
}

/**
 * Writes a task as a record. The payload is read before this returns: changing it later changes nothing. A promise only
 * when the payload is large enough for an lz4 frame, which is made off this thread, or when the codec gives one.
 *
 * @throws PayloadNotSerializableError, TaskTooLargeError, CodecFailedError, OptionsError (id, idempotency key or headers
 * not allowed); thrown or as the promise's rejection.
 */
export function encodeTask(task: TaskToEncode, limits: CodecLimits): EncodedTask | Promise<EncodedTask> {
  checkFields(task);
  const written = writeBody(task, limits);
  const finish = task.codec === undefined ? toRecord : toCodedRecord;
  return written instanceof Promise
    ? written.then((payload) => finish(task, payload, limits))
    : finish(task, written, limits);
}

function toCodedRecord(
  task: TaskToEncode,
  payload: WrittenBody,
  limits: CodecLimits,
): EncodedTask | Promise<EncodedTask> {
  const { codec, body } = task;
  if (codec === undefined) return toRecord(task, payload, limits);
  const { value } = payload;
  const coded =
    task.payloadParts === undefined
      ? encodeContent(codec, task, { content: 'payload', bytes: value })
      : value;
  let bytes: Buffer | Promise<Buffer> | undefined;
  try {
    if (body?.kind === 'inline') bytes = encodeContent(codec, task, { content: 'body', bytes: body.bytes });
  } catch (error) {
    Promise.resolve(coded).catch(() => {}); // unheard, its failure would end the process
    throw error;
  }
  if (coded instanceof Promise || bytes instanceof Promise) {
    return Promise.all([coded, bytes]).then(([one, other]) =>
      toRecord(task, { ...payload, value: one }, limits, other),
    );
  }
  return toRecord(task, { ...payload, value: coded }, limits, bytes);
}

const codecValue: Readonly<Record<WireForm, Buffer>> = {
  json: Buffer.from('json'),
  'json+lz4f': Buffer.from('json+lz4f'),
  'json+parts': Buffer.from('json+parts'),
  'json+body': Buffer.from('json+body'),
  'json+lz4f+body': Buffer.from('json+lz4f+body'),
  'json+parts+body': Buffer.from('json+parts+body'),
};

/** `codedBody`: what an inline body became. */
function toRecord(
  task: TaskToEncode,
  payload: WrittenBody,
  limits: CodecLimits,
  codedBody?: Buffer,
): EncodedTask {
  const form: WireForm = task.body === undefined ? payload.codec : `${payload.codec}+body`;
  const headers: RecordHeader[] = [
    [headerNames.type, Buffer.from(task.type, 'latin1')], // first: readers look for it in every record
    [headerNames.id, Buffer.from(task.id)],
    [headerNames.version, Buffer.from(String(task.version), 'latin1')],
    [
      headerNames.codec,
      task.codec === undefined ? codecValue[form] : Buffer.from(codedForm(form, task.codec.name), 'latin1'),
    ],
    [headerNames.length, Buffer.from(String(payload.jsonBytes), 'latin1')],
    [headerNames.enqueuedAt, Buffer.from(String(task.enqueuedAtMs), 'latin1')],
  ];
  if (task.idempotencyKey !== undefined)
    headers.push([headerNames.idempotencyKey, Buffer.from(task.idempotencyKey)]);
  if (task.notBeforeMs !== undefined) headers.push(notBeforeHeader(task.notBeforeMs));
  if (task.payloadParts !== undefined)
    headers.push(manifestHeader(headerNames.payloadParts, task.payloadParts));
  if (task.body !== undefined) headers.push(...bodyHeaders(task.body, task.contentEncoding, codedBody));
  if (task.traceparent !== undefined) headers.push([headerNames.traceparent, Buffer.from(task.traceparent)]);
  if (task.tracestate !== undefined) headers.push([headerNames.tracestate, Buffer.from(task.tracestate)]);
  if (task.headers !== undefined) headers.push(...userHeaders(task.headers));
  const key = Buffer.from(task.key);
  const record: OutgoingRecord = { key, value: payload.value, headers };
  const bytes = recordBytes(record);
  if (bytes > limits.maxRecordBytes) {
    throw new TaskTooLargeError({
      type: task.type,
      sizeBytes: bytes,
      limitBytes: limits.maxRecordBytes,
      what: `its record (${contentOf(task, payload)}, key and headers) has`,
    });
  }
  return { record, bytes };
}

function contentOf({ body }: TaskToEncode, { codec, jsonBytes }: WrittenBody): string {
  const how = codec === 'json+lz4f' ? ' compressed' : '';
  const json = `JSON of ${jsonBytes} bytes${how}`;
  return body?.kind === 'inline' ? `${json}, a body of ${body.bytes.length} bytes` : json;
}

/** Kafka's own framing of a record and of each header: length and delta varints, at most. */
const RECORD_OVERHEAD_BYTES = 24;
const HEADER_OVERHEAD_BYTES = 4;

/** What a record takes on the wire at most. */
export function recordBytes({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + value.length;
  for (const [name, content] of headers)
    bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + content.length;
  return bytes;
}

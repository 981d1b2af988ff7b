import { isUtf8 } from 'node:buffer';
import { RecordUndecodableError, TaskTooLargeError } from '../errors/task-errors.ts';
import type { IncomingRecord, OutgoingRecord, RecordHeader } from '../kafka/port.ts';
import { type PartsReading, readBody, type WrittenBody, writeBody } from './body.ts';
import type { CodecLimits } from './codec-limits.ts';
import { Decoding, type DecodingWith, encodeContent } from './coding.ts';
import { checkFields, userHeaders } from './enqueue-fields.ts';
import {
  type CodecName,
  codedForm,
  headerNames,
  isReservedName,
  splitCoded,
  type WireForm,
} from './header-names.ts';
import { MAX_DATE_MS, text, wholeNumber } from './header-values.ts';
import { type BodyManifest, manifestHeader, readManifest } from './manifest.ts';
import { notBeforeHeader } from './not-before.ts';
import type { PayloadCodec } from './payload-codec.ts';
import { bodyHeaders, type RecordedBody, readRecordedBody } from './recorded-body.ts';

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
  const bytes =
    body?.kind === 'inline' ? encodeContent(codec, task, { content: 'body', bytes: body.bytes }) : undefined;
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

/** What a task's headers say. */
export interface RecordHead {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly codec: CodecName;
  /** Name of the codec that the payload and the body went through; undefined: none. */
  readonly codedBy: string | undefined;
  /** Bytes of the payload's JSON, as declared. */
  readonly lengthBytes: number;
  /** Where the payload's JSON is; undefined: in the record's value. */
  readonly payloadParts: BodyManifest | undefined;
  /** Bytes of an inline one are as they travelled. */
  readonly body: RecordedBody | undefined;
  /** Exact length of the body; 0 without one. */
  readonly bodyBytes: number;
  /** How the body was compressed by whoever enqueued it; undefined: not. */
  readonly contentEncoding: string | undefined;
  readonly enqueuedAtMs: number;
  /** The task's id unless the producer gave one. */
  readonly idempotencyKey: string;
  /** Users' headers; the last one of a repeated name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** A record's head, or why it is no task of ours. */
export type HeadReading =
  | { readonly kind: 'task'; readonly head: RecordHead }
  | { readonly kind: 'undecodable'; readonly reason: string };

/** The type a record names, without looking at anything else: for deciding whose task it is. */
export function readType(record: IncomingRecord): string | undefined {
  for (const [name, value] of record.headers) {
    if (name === headerNames.type) return value.toString('latin1');
  }
  return undefined;
}

/** Reads and checks a record's headers; the value is not looked into. */
export function readHead(record: IncomingRecord): HeadReading {
  if (record.value === null) return undecodable('it has no value (a tombstone)');
  if (record.key === null || record.key.length === 0) return undecodable('it has no key');
  if (!isUtf8(record.key)) return undecodable('its key is not UTF-8');
  const fields: Fields = { byName: new Map(), own: 0, repeated: undefined, user: undefined };
  for (const header of record.headers) sort(header, fields);
  if (fields.own === 0) return undecodable('it was not written by keylane (it has no kl- headers)');
  if (fields.repeated !== undefined) return undecodable(`its header ${fields.repeated} is there twice`);
  return toHead(fields);
}

/** Headers by what they are. */
interface Fields {
  readonly byName: Map<string, Buffer>;
  /** How many are ours. */
  own: number;
  /** One of ours that came twice. */
  repeated: string | undefined;
  user: [name: string, value: string][] | undefined;
}

function sort([name, value]: RecordHeader, fields: Fields): void {
  if (!isReservedName(name)) {
    fields.user ??= [];
    fields.user.push([name, value.toString()]);
    return;
  }
  const own = name !== headerNames.traceparent && name !== headerNames.tracestate;
  if (own) fields.own += 1;
  if (!fields.byName.has(name)) fields.byName.set(name, value);
  else if (own) fields.repeated ??= name;
}

const none: Readonly<Record<string, string>> = Object.freeze({});

/** What a codec says. */
interface Form {
  readonly codec: CodecName;
  readonly hasBody: boolean;
}

const codecs: readonly CodecName[] = ['json', 'json+lz4f', 'json+parts'];
const forms: ReadonlyMap<string | undefined, Form> = new Map<WireForm, Form>(
  codecs.flatMap((codec): [WireForm, Form][] => [
    [codec, { codec, hasBody: false }],
    [`${codec}+body`, { codec, hasBody: true }],
  ]),
);

const noBody = { kind: 'none', body: undefined, bodyBytes: 0, contentEncoding: undefined } as const;

function toHead({ byName, user }: Fields): HeadReading {
  const id = text(byName.get(headerNames.id));
  if (id === undefined) return undecodable(`its header kl-id is missing, empty, too long or not UTF-8`);
  const type = text(byName.get(headerNames.type));
  if (type === undefined) return undecodable(`its header kl-type is missing, empty, too long or not UTF-8`);
  const written = byName.get(headerNames.codec)?.toString('latin1');
  const plain = forms.get(written);
  const coded = plain === undefined && written !== undefined ? splitCoded(written) : undefined;
  const form = plain ?? forms.get(coded?.form);
  if (form === undefined) return undecodable(`its codec is ${quote(written)}, not one this release knows`);
  const version = wholeNumber(byName.get(headerNames.version));
  if (version === undefined || version < 1)
    return undecodable('its header kl-version is not a whole number from 1');
  const lengthBytes = wholeNumber(byName.get(headerNames.length));
  if (lengthBytes === undefined) return undecodable('its header kl-length is not a whole number');
  const enqueuedAtMs = wholeNumber(byName.get(headerNames.enqueuedAt));
  if (enqueuedAtMs === undefined || enqueuedAtMs > MAX_DATE_MS)
    return undecodable('its header kl-at is not a time in ms');
  const givenKey = byName.get(headerNames.idempotencyKey);
  const idempotencyKey = givenKey === undefined ? id : text(givenKey);
  if (idempotencyKey === undefined) return undecodable('its header kl-ikey is empty, too long or not UTF-8');
  const payloadParts =
    form.codec === 'json+parts' ? readManifest(byName.get(headerNames.payloadParts)) : undefined;
  if (form.codec === 'json+parts' && payloadParts?.bytes !== lengthBytes) {
    return undecodable('its header kl-payload-parts is no manifest of the declared length');
  }
  const large = form.hasBody ? readRecordedBody(byName, coded !== undefined) : noBody;
  if (large.kind === 'undecodable') return large;
  if (byName.has(headerNames.notBefore) && (payloadParts !== undefined || large.body?.kind === 'parts')) {
    return undecodable('it is delayed (kl-not-before) and in parts');
  }
  return {
    kind: 'task',
    head: {
      id,
      type,
      version,
      codec: form.codec,
      codedBy: coded?.codedBy,
      lengthBytes,
      payloadParts,
      body: large.body,
      bodyBytes: large.bodyBytes,
      contentEncoding: large.contentEncoding,
      enqueuedAtMs,
      idempotencyKey,
      headers: user === undefined ? none : Object.fromEntries(user),
      // Not ours to refuse a task for: a damaged trace context is as good as none.
      traceparent: text(byName.get(headerNames.traceparent)),
      tracestate: text(byName.get(headerNames.tracestate)),
    },
  };
}

/** How a payload is read. Without codecs what went through one is refused with a CodecMissingError. */
export interface PayloadReading extends CodecLimits, DecodingWith {
  /** Fetches what a manifest lists. Without it a payload in parts is refused. What it rejects with is passed on. */
  readonly readParts?: PartsReading | undefined;
}

/**
 * Reads a record's payload; what it declares is checked against the limits before anything is allocated or fetched. A
 * promise only for lz4 frames, parts, and what went through a codec.
 *
 * @throws RecordUndecodableError, CodecMissingError, and what {@link Decoding} throws; or as the promise's rejection.
 */
export function decodeBody(record: IncomingRecord, head: RecordHead, reading: PayloadReading): unknown {
  if (head.lengthBytes > reading.maxPayloadBytes) {
    const reason = `it declares ${head.lengthBytes} bytes; the limit is ${reading.maxPayloadBytes}`;
    throw new RecordUndecodableError(record, reason);
  }
  if (head.codedBy !== undefined && head.payloadParts === undefined) {
    return decodeCoded(record, { ...head, codedBy: head.codedBy }, reading);
  }
  return readBody(record, head, reading.readParts);
}

async function decodeCoded(
  record: IncomingRecord,
  head: RecordHead & { readonly codedBy: string },
  reading: DecodingWith,
): Promise<unknown> {
  const decoding = new Decoding(record, head, reading);
  const given = record.value ?? Buffer.alloc(0);
  const value = await decoding.content('payload', given, head.lengthBytes);
  return await readBody({ ...record, value }, head, undefined);
}

function undecodable(reason: string): HeadReading {
  return { kind: 'undecodable', reason };
}

function quote(value: string | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value.slice(0, 40));
}

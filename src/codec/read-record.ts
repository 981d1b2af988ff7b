import { isUtf8 } from 'node:buffer';
import { RecordUndecodableError } from '../errors/task-errors.ts';
import type { IncomingRecord, RecordHeader } from '../kafka/port.ts';
import { type PartsReading, readBody } from './body.ts';
import type { CodecLimits } from './codec-limits.ts';
import { Decoding, type DecodingWith } from './coding.ts';
import { type CodecName, headerNames, isReservedName, splitCoded, type WireForm } from './header-names.ts';
import { MAX_DATE_MS, text, wholeNumber } from './header-values.ts';
import { type BodyManifest, readManifest } from './manifest.ts';
import { type RecordedBody, readRecordedBody } from './recorded-body.ts';

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

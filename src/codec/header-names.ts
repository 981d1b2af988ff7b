import { isCodecName } from './payload-codec.ts';

/** Every header of ours starts so; users' headers must not. */
const RESERVED_PREFIX = 'kl-';

export const headerNames = {
  id: 'kl-id',
  type: 'kl-type',
  version: 'kl-version',
  codec: 'kl-codec',
  length: 'kl-length',
  enqueuedAt: 'kl-at',
  idempotencyKey: 'kl-ikey',
  notBefore: 'kl-not-before',
  payloadParts: 'kl-payload-parts',
  body: 'kl-body',
  bodyParts: 'kl-body-parts',
  bodyLength: 'kl-body-length',
  bodyEncoding: 'kl-body-encoding',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const;

/** Headers of a record in the parts topic. */
export const partHeaders = {
  upload: 'kl-upload',
  part: 'kl-part',
  length: 'kl-part-length',
  crc: 'kl-part-crc',
  codec: 'kl-part-codec',
  codedAs: 'kl-part-coded-as',
} as const;

/** Where a payload is and how it is written: in the record's value, as it is or as an lz4 frame, or in parts. */
export type CodecName = 'json' | 'json+lz4f' | 'json+parts';

/** The same, and whether there is a body. */
export type WireForm = CodecName | `${CodecName}+body`;

/** Stands before the name of the codec that all of a task's content went through, in `kl-codec` and `kl-part-codec`. */
const CODED_BY = '+x.';

/** What stands in `kl-codec`: a reader refuses what it does not know, so everything it must understand is said here. */
export function codedForm(form: string, codedBy: string | undefined): string {
  return codedBy === undefined ? form : `${form}${CODED_BY}${codedBy}`;
}

/** The other way round; undefined when no codec is named. */
export function splitCoded(written: string): { readonly form: string; readonly codedBy: string } | undefined {
  const at = written.lastIndexOf(CODED_BY);
  if (at < 0) return undefined;
  const codedBy = written.slice(at + CODED_BY.length);
  return isCodecName(codedBy) ? { form: written.slice(0, at), codedBy } : undefined;
}

/** Longest id, idempotency key, traceparent or tracestate, in bytes. */
export const MAX_FIELD_BYTES = 512;

/** Bytes of all user headers of a task, names and values. */
export const MAX_USER_HEADER_BYTES = 16_384;

export function isReservedName(name: string): boolean {
  const lower = name.toLowerCase();
  return (
    lower.startsWith(RESERVED_PREFIX) || lower === headerNames.traceparent || lower === headerNames.tracestate
  );
}

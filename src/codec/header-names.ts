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
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const;

/** How a record's value is written. */
export type CodecName = 'json' | 'json+lz4f';

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

import type { OutgoingRecord } from '../port.ts';
import type { NativeHeader } from './native.ts';

/**
 * A zero-length piece of a buffer that is not empty. The client takes an empty buffer's missing address for "no value"
 * and would write a tombstone (or, for a key, pick another partition).
 */
const EMPTY = Buffer.from([0]).subarray(0, 0);

export function nonNull(bytes: Buffer): Buffer {
  return bytes.length === 0 ? EMPTY : bytes;
}

/** What is wrong with a record. Asked before handing it over, because the client throws on a bad header *and* appends. */
export function recordProblem({ key, value, headers }: OutgoingRecord): string | undefined {
  if (!Buffer.isBuffer(value)) return 'the value is not a Buffer';
  if (key !== null && !Buffer.isBuffer(key)) return 'the key is not a Buffer';
  for (const [name, bytes] of headers) {
    if (typeof name !== 'string' || name.includes('\0')) return 'a header name is not a string without NUL';
    if (!Buffer.isBuffer(bytes)) return `the value of header ${name} is not a Buffer`;
  }
  return undefined;
}

export function toNativeHeaders(headers: OutgoingRecord['headers']): NativeHeader[] {
  return headers.map(([name, bytes]) => ({ [name]: nonNull(bytes) }));
}

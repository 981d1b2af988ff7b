import { defaultCodecLimits } from '../../codec/codec-limits.ts';
import { headerNames } from '../../codec/header-names.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import { type RecordHead, readHead } from '../../codec/read-record.ts';
import type { IncomingRecord } from '../../kafka/port.ts';
import { type BodyKind, MAX_BYTES_BODY_BYTES } from '../../tasks/task-body.ts';
import { windowBytes } from './part-source.ts';

/**
 * What a start of a task holds in memory beside its record: the payload that was decompressed, decrypted or put together
 * from parts, and its body, or the parts of it that wait for the handler: a copy, when it came in its record. 0 for ordinary tasks, and for those that will
 * not be read.
 */
export function contentBytes(
  record: IncomingRecord,
  bodyKind: (recordedType: string) => BodyKind | undefined,
): number {
  if (isPlain(record)) return 0;
  const read = readHead(record);
  if (read.kind !== 'task') return 0;
  const { head } = read;
  const { codec, codedBy, lengthBytes, payloadParts } = head;
  if (lengthBytes > defaultCodecLimits.maxPayloadBytes) return 0;
  const payloadBytes = codec === 'json' && codedBy === undefined ? 0 : lengthBytes;
  const readAheadBytes = payloadParts === undefined ? 0 : windowBytes(payloadParts);
  // The body is read when the payload has been.
  return payloadBytes + Math.max(readAheadBytes, bodyBytes(head, bodyKind(head.type)));
}

/** Asked of every task: ordinary ones say that they are in one word. */
function isPlain({ headers }: IncomingRecord): boolean {
  for (const [name, value] of headers) {
    if (name === headerNames.codec) return value.length === 4; // 'json', or what nobody can read
  }
  return true;
}

function bodyBytes(head: RecordHead, kind: BodyKind | undefined): number {
  const { body } = head;
  if (body === undefined || kind === undefined) return 0;
  if (body.kind === 'inline') return head.bodyBytes;
  return kind === 'stream' ? windowBytes(body.manifest) : wholeBytes(body.manifest);
}

function wholeBytes({ bytes }: BodyManifest): number {
  return bytes > MAX_BYTES_BODY_BYTES ? 0 : bytes;
}

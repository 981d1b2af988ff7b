import { untilAborted } from '../clock/until-aborted.ts';
import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { Decoding, type PartDecoding } from '../codec/coding.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import type { ParkedCopy } from '../codec/parked-copy.ts';
import type { CodecSet } from '../codec/payload-codec.ts';
import { decodeBody, type RecordHead, readHead } from '../codec/read-record.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import { isCodecMissing } from '../errors/codec-errors.ts';
import { isControlError } from '../errors/control-errors.ts';
import { TopicUnreadableError } from '../errors/parked-errors.ts';
import { isStoreError, isStoreMissing } from '../errors/store-errors.ts';
import { RecordUndecodableError } from '../errors/task-errors.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import type { MarkRef } from './parked-mark.ts';

/** Names one parked task. */
export interface ParkedTaskRef extends MarkRef {
  /** Its offset in the queue's topic. */
  readonly offset: bigint;
}

interface AnyParkedTask extends ParkedTaskRef {
  readonly key: string;
  /** Of its record: key, value and headers. */
  readonly bytes: number;
  readonly parkedAt: Date;
  /** Tries that counted, of the task that gave up; 0 for those that were parked with it. */
  readonly attempts: number;
  /** What the task that gave up failed with, up to 1,024 bytes; undefined for those that were parked with it. */
  readonly error: string | undefined;
  /**
   * Uploads of which parts were lost when the task was parked, so that they could not be copied with it. A redrive looks for
   * them once more where they were.
   */
  readonly lostUploads: readonly string[];
}

/** A task in the parked topic, still as it was enqueued. */
export interface ReadableParkedTask extends AnyParkedTask {
  readonly kind: 'task';
  readonly id: string;
  readonly idempotencyKey: string;
  readonly type: string;
  readonly version: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly enqueuedAt: Date;
  /** As it was enqueued, before upcasts; undefined unless asked for, or when it cannot be read. */
  readonly payload: unknown;
  /** Why the payload, or a part of it, cannot be read; undefined: it can, or was not asked for. */
  readonly payloadProblem: string | undefined;
}

/** A record that is no task of keylane's, or a damaged one. */
export interface UndecodableParkedTask extends AnyParkedTask {
  readonly kind: 'undecodable';
  readonly problem: string;
}

export type ParkedTask = ReadableParkedTask | UndecodableParkedTask;

/** How payloads are read to be shown. */
export interface PayloadShowing {
  readonly codecs: CodecSet;
  readonly readParts: (upload: {
    readonly manifest: BodyManifest;
    readonly decoding: PartDecoding | undefined;
  }) => Promise<Buffer>;
  readonly signal: AbortSignal;
}

/** `showing` undefined: the payload is not to be shown. */
export async function parkedTask(copy: ParkedCopy, showing: PayloadShowing | undefined): Promise<ParkedTask> {
  const { record } = copy;
  const common: AnyParkedTask = {
    partition: copy.partition,
    mark: copy.mark,
    offset: BigInt(copy.offset),
    key: record.key?.toString() ?? '',
    bytes: bytesOf(record),
    parkedAt: new Date(copy.atMs),
    attempts: copy.attempts,
    error: copy.error,
    lostUploads: copy.lost,
  };
  const reading = readHead(record);
  if (reading.kind === 'undecodable') return { kind: 'undecodable', ...common, problem: reading.reason };
  const { id, idempotencyKey, type, version, headers, enqueuedAtMs } = reading.head;
  const task = { ...common, id, idempotencyKey, type, version, headers, enqueuedAt: new Date(enqueuedAtMs) };
  if (showing === undefined) return { kind: 'task', ...task, payload: undefined, payloadProblem: undefined };
  try {
    const payload = await untilAborted(payloadOf(record, reading.head, showing), showing.signal);
    return { kind: 'task', ...task, payload, payloadProblem: undefined };
  } catch (error) {
    const payloadProblem = problemOf(error);
    if (payloadProblem === undefined) throw error;
    return { kind: 'task', ...task, payload: undefined, payloadProblem };
  }
}

async function payloadOf(
  record: IncomingRecord,
  head: RecordHead,
  { codecs, readParts, signal }: PayloadShowing,
): Promise<unknown> {
  const { codedBy } = head;
  const readUpload = (manifest: BodyManifest): Promise<Buffer> => {
    const decoding =
      codedBy === undefined ? undefined : new Decoding(record, { ...head, codedBy }, { codecs, signal });
    return readParts({ manifest, decoding: decoding?.parts('payload') });
  };
  return await decodeBody(record, head, { ...defaultCodecLimits, codecs, signal, readParts: readUpload });
}

function problemOf(error: unknown): string | undefined {
  if (error instanceof RecordUndecodableError) return error.reason;
  if (error instanceof PartsLostError || error instanceof TopicUnreadableError) return error.message;
  if ((isStoreError(error) || isStoreMissing(error)) && error instanceof Error) return error.message;
  const isCodecs = isCodecMissing(error) || isControlError(error, 'RETRY_LATER');
  return isCodecs && error instanceof Error ? error.message : undefined;
}

function bytesOf({ key, value, headers }: IncomingRecord): number {
  const ofHeaders = headers.reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + text.length, 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders;
}

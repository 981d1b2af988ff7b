import { defaultCodecLimits, MAX_BODY_BYTES } from '../codec/codec-limits.ts';
import { partEncoding } from '../codec/coding.ts';
import { type EncodedTask, encodeTask, type TaskToEncode } from '../codec/envelope.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { TaskTooLargeError } from '../errors/task-errors.ts';
import type { EncodedRecord } from '../producer/core/item.ts';
import { UploadError } from '../producer/upload/upload-error.ts';
import type { UploadJob } from '../producer/upload/uploader.ts';
import { bodyTooLarge, type GivenBody } from './body-options.ts';

/** Largest body that may travel in its task's record, where it leaves room for a payload of ordinary size. */
export const INLINE_BODY_BYTES = 512 * 1024;

/** Something to be written to the parts topic. */
export interface Content extends Pick<UploadJob, 'source' | 'compress' | 'coding' | 'beside'> {
  /** More is refused. */
  readonly maxBodyBytes: number;
}

/** A task that may be more than a record holds. */
export interface LargeTask {
  readonly task: TaskToEncode & { readonly json: Buffer };
  readonly body: GivenBody | undefined;
  readonly parts: PartsUse;
}

type UploadContent = (content: Content) => Promise<BodyManifest>;

/** Writes content to the parts topic and says where it is; or what to do about a task that must be one record and is not. */
export type PartsUse =
  | { readonly kind: 'upload'; readonly upload: UploadContent }
  | { readonly kind: 'none'; readonly cure: string };

/**
 * Writes a task whose payload or body is large: in its record as long as that has room. When it has not, the larger of the
 * two goes in parts, and then the other one if need be.
 *
 * @throws TaskTooLargeError, UploadError, CodecFailedError; as the promise's rejection
 */
export async function encodeLarge(large: LargeTask): Promise<EncodedRecord> {
  const { body } = large;
  let task: TaskToEncode = large.task;
  if (body !== undefined) {
    const bytes = await body.content.readWhole(INLINE_BODY_BYTES);
    task =
      bytes === undefined
        ? await withBodyInParts(large, task, body.content)
        : { ...task, body: { kind: 'inline', bytes: isGiven(body, bytes) ? Buffer.from(bytes) : bytes } };
  }
  for (;;) {
    const made = await asRecord(task);
    if (!(made instanceof TaskTooLargeError)) return { ...made, voidAfterMs: voidAfterMs(task) };
    task = await withLargerInParts(large, task, made);
  }
}

/**
 * They are the caller's again once its call has settled, and the record may still be on its way then. Parts that are come too
 * late to count.
 */
function isGiven({ content }: GivenBody, bytes: Buffer): boolean {
  return content.bytes === bytes;
}

/** @returns the error when a record has no room for it */
async function asRecord(task: TaskToEncode): Promise<EncodedTask | TaskTooLargeError> {
  try {
    return await encodeTask(task, defaultCodecLimits);
  } catch (error) {
    if (error instanceof TaskTooLargeError) return error;
    throw error;
  }
}

async function withLargerInParts(
  large: LargeTask,
  task: TaskToEncode,
  tooLarge: TaskTooLargeError,
): Promise<TaskToEncode> {
  const { type } = task;
  const { json } = large.task;
  const inline = task.body?.kind === 'inline' ? task.body.bytes : undefined;
  if (large.parts.kind === 'none') {
    const { sizeBytes, limitBytes } = tooLarge;
    const { cure } = large.parts;
    throw new TaskTooLargeError({ type, sizeBytes, limitBytes, what: 'its record has', cure });
  }
  if (task.payloadParts === undefined && json.length >= (inline?.length ?? 0)) {
    const coding = codingOf(large.task, 'payload');
    const content: Content = {
      source: json,
      compress: 'auto',
      coding,
      maxBodyBytes: json.length,
      beside: true,
    };
    const payloadParts = await uploadOf(large.parts.upload, content, (size) => {
      return new TaskTooLargeError({ type, ...size, what: 'its JSON has', cure: SMALL_CLUSTER });
    });
    return { ...task, payloadParts };
  }
  if (inline !== undefined) return await withBodyInParts(large, task, inline);
  throw tooLarge; // what is left, key and headers, is bounded far below
}

async function withBodyInParts(
  { body, parts }: LargeTask,
  task: TaskToEncode,
  source: Content['source'],
): Promise<TaskToEncode> {
  const { type, contentEncoding } = task;
  const maxBodyBytes = body?.maxBytes ?? MAX_BODY_BYTES;
  if (parts.kind === 'none') {
    const sizeBytes = body?.content.bytes?.length ?? INLINE_BODY_BYTES + 1;
    const size = { sizeBytes, limitBytes: INLINE_BODY_BYTES };
    throw new TaskTooLargeError({ type, ...size, what: 'its body has at least', cure: parts.cure });
  }
  const compress = contentEncoding === undefined ? 'auto' : 'never';
  const coding = codingOf(task, 'body');
  const manifest = await uploadOf(parts.upload, { source, compress, coding, maxBodyBytes }, (size) =>
    size.limitBytes === maxBodyBytes
      ? bodyTooLarge(type, size)
      : new TaskTooLargeError({ type, ...size, what: 'its body has at least', cure: SMALL_CLUSTER }),
  );
  return { ...task, body: { kind: 'parts', manifest } };
}

function codingOf(task: TaskToEncode, content: 'payload' | 'body'): Content['coding'] {
  return task.codec === undefined ? undefined : partEncoding(task.codec, task, content);
}

/** Real clusters take whatever is allowed. */
const SMALL_CLUSTER =
  'Embedded Kafka keeps no more than that of a partition, and of one task either the payload in parts or the body: connect to brokers for what is larger.';

interface Size {
  readonly sizeBytes: number;
  readonly limitBytes: number;
}

/** Uploads; what is too large is told in words of its own. */
async function uploadOf(
  upload: UploadContent,
  content: Content,
  tooLarge: (size: Size) => TaskTooLargeError,
): Promise<BodyManifest> {
  try {
    return await upload(content);
  } catch (error) {
    if (error instanceof UploadError && error.failure.kind === 'too-large') throw tooLarge(error.failure);
    throw error;
  }
}

/** When the first of its parts may be deleted; undefined when it has none. */
function voidAfterMs({ payloadParts, body }: TaskToEncode): number | undefined {
  const manifests = [payloadParts, body?.kind === 'parts' ? body.manifest : undefined];
  const ends = manifests.flatMap((manifest) =>
    manifest === undefined ? [] : [manifest.firstAtMs + manifest.timeoutMs],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}

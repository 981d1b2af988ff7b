import { MAX_BODY_BYTES } from '../../codec/codec-limits.ts';
import type { OpenBody } from './open-body.ts';
import type { PartBuffers } from './part-buffers.ts';
import { UploadError } from './upload-error.ts';

export interface CutLimits {
  readonly partBytes: number;
  /** More than this is refused. Default {@link MAX_BODY_BYTES}. */
  readonly maxBodyBytes?: number | undefined;
}

interface Cut {
  readonly partBytes: number;
  readonly maxBodyBytes: number;
}

/**
 * A body in parts of exactly `partBytes`, the last one with what remains; none for an empty body. Bytes are sliced, not
 * copied; what a stream gives is copied into a buffer a part, so that a part keeps nothing else in memory.
 */
export function cutParts(
  body: OpenBody,
  limits: CutLimits,
  buffers: PartBuffers,
): AsyncGenerator<Buffer, void> {
  const { partBytes, maxBodyBytes = MAX_BODY_BYTES } = limits;
  const cut: Cut = { partBytes, maxBodyBytes };
  return body.bytes === undefined ? copyParts(body, cut, buffers) : sliceParts(body, body.bytes, cut);
}

async function* sliceParts(
  body: OpenBody,
  bytes: Buffer,
  { partBytes, maxBodyBytes }: Cut,
): AsyncGenerator<Buffer, void> {
  refuseAbove(maxBodyBytes, bytes.length);
  await body.next(); // rejects when it was destroyed
  for (let at = 0; at < bytes.length; at += partBytes) yield bytes.subarray(at, at + partBytes);
}

async function* copyParts(
  body: OpenBody,
  { partBytes, maxBodyBytes }: Cut,
  buffers: PartBuffers,
): AsyncGenerator<Buffer, void> {
  let totalBytes = 0;
  let part: Buffer | undefined;
  let filled = 0;
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) {
    totalBytes += chunk.length;
    refuseAbove(maxBodyBytes, totalBytes);
    for (let at = 0; at < chunk.length; ) {
      part ??= buffers.take(partBytes);
      const copied = chunk.copy(part, filled, at);
      at += copied;
      filled += copied;
      if (filled < partBytes) continue;
      yield part;
      part = undefined; // whoever asks for the next one alone says how long it lives
      filled = 0;
    }
  }
  if (part !== undefined) yield part.subarray(0, filled);
}

function refuseAbove(limitBytes: number, sizeBytes: number): void {
  if (sizeBytes > limitBytes) throw new UploadError({ kind: 'too-large', sizeBytes, limitBytes });
}

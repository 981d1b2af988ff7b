/** What bounds a task as it is recorded. */
export interface CodecLimits {
  /** Largest record as it is sent: key, value and headers, in bytes. */
  readonly maxRecordBytes: number;
  /** Largest payload as JSON, in bytes, whatever it compresses to. A worker holds this much, parsed, per running task. */
  readonly maxPayloadBytes: number;
  /** Payloads of more JSON bytes become an lz4 frame, where that makes them smaller. */
  readonly compressAboveBytes: number;
}

/**
 * maxRecordBytes: the brokers' default limit is 1,048,588 bytes a batch (message.max.bytes), the client's 1,000,000 a
 * message, and hosted clusters do not go below that.
 *
 * compressAboveBytes: up to here a payload stays readable in any viewer, and the client's batch codec compresses it, on a
 * thread of its own. A frame of a 719 KB payload (2.7 times smaller) takes 1.1 ms of a pool thread to make, 0.3 ms to
 * unmake, and 0.1 ms of this thread to measure (bench/codec.ts); above the border that is worth it, since buffers and
 * limits then count what is sent.
 */
export const defaultCodecLimits: CodecLimits = {
  maxRecordBytes: 900_000,
  maxPayloadBytes: 16 * 1024 * 1024,
  compressAboveBytes: 512 * 1024,
};

/**
 * The same for payloads that go through a codec: what is encrypted cannot be compressed afterwards, so nothing else would do
 * it. Below, a frame saves less than the call for it is worth.
 */
export const CODED_COMPRESS_ABOVE_BYTES = 1_024;

/** Largest body of a task. The API is made for 500 MB; beyond this, one task keeps its key busy for minutes. */
export const MAX_BODY_BYTES = 1024 ** 3;

/** Most content of one part. Readers reserve memory by it, and a part is checked in one go on the main thread. */
export const MAX_PART_BYTES = 1024 ** 2;

/** Most parts of one upload: parts of 1 KB at the largest body. */
export const MAX_PART_COUNT = 1024 ** 2;

/** What a codec may add to what it is given: a wrapped key, its name, a nonce and a tag take some hundred bytes. */
export const MAX_CODEC_OVERHEAD_BYTES = 4_096;

/** Longest time that an upload may be given, and so the longest that parts must be kept for manifests yet to come. */
export const MAX_UPLOAD_TIMEOUT_MS = 24 * 3_600_000;

/** Longest name of a body's encoding. */
export const MAX_ENCODING_CHARACTERS = 64;

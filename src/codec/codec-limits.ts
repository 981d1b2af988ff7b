/** What bounds a task that travels as one record. */
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

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
 * 900,000: the brokers' default limit is 1,048,588 bytes a batch (message.max.bytes), the client's 1,000,000 a message, and
 * hosted clusters do not go below that.
 */
export const defaultCodecLimits: CodecLimits = {
  maxRecordBytes: 900_000,
  maxPayloadBytes: 16 * 1024 * 1024,
  compressAboveBytes: 256 * 1024,
};

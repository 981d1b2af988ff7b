import type { PartBuffers } from '../producer/upload/part-buffers.ts';

/** A piece of an object, to be sent in one request. */
export interface Piece {
  /** Memory of whoever asked for it; to be given back. */
  readonly memory: Buffer;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/** Copies content into pieces of exactly `pieceBytes`, the last one with what remains: there is always one, also of nothing. */
export async function* gather(
  content: AsyncIterable<Uint8Array>,
  pieceBytes: number,
  buffers: PartBuffers,
): AsyncGenerator<Piece, void> {
  let memory = buffers.take(pieceBytes);
  let filled = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) {
      if (filled === pieceBytes) {
        yield { memory, bytes: memory, isLast: false };
        memory = buffers.take(pieceBytes);
        filled = 0;
      }
      const part = chunk.subarray(at, at + pieceBytes - filled);
      memory.set(part, filled);
      at += part.length;
      filled += part.length;
    }
  }
  yield { memory, bytes: memory.subarray(0, filled), isLast: true };
}

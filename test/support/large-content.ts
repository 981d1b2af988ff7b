import { createCipheriv, createHash } from 'node:crypto';

export type ContentKind = 'random' | 'compressible';

export interface LargeContent {
  readonly kind: ContentKind;
  readonly bytes: number;
  readonly seed: number;
}

const CHUNK_BYTES = 64 * 1024;
/** Each chunk says the same so often: what lz4 makes of it is about as much smaller. */
const REPEATED = 10;

/** Content of any size, the same whenever it is made, a chunk at a time: none of it is kept. */
export async function* chunksOf({ kind, bytes, seed }: LargeContent): AsyncGenerator<Buffer, void> {
  const key = createHash('sha256').update(`${kind} ${seed}`).digest();
  const noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    const chunk = kind === 'random' ? noise.update(zeros) : repeated(noise.update(zeros));
    yield chunk.subarray(0, Math.min(left, CHUNK_BYTES));
  }
}

function repeated(noise: Buffer): Buffer {
  return Buffer.alloc(noise.length, noise.subarray(0, Math.ceil(noise.length / REPEATED)));
}

/** The SHA-256 of all that is given, whatever pieces it comes in. */
export async function sha256Of(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

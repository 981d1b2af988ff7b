/**
 * The partition of a key, as Java's default partitioner computes it: murmur2 of the key's bytes, made positive, modulo
 * the number of partitions. Every client that partitions like Java puts a key's records beside ours.
 */
export function partitionOf(key: Buffer, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/** 32-bit murmur2, signed, as org.apache.kafka.common.utils.Utils.murmur2 gives it. */
export function murmur2(bytes: Buffer): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), M);
    word ^= word >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  const rest = length - at;
  if (rest === 3) hash ^= bytes.readUInt8(at + 2) << 16;
  if (rest >= 2) hash ^= bytes.readUInt8(at + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes.readUInt8(at), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return (hash ^ (hash >>> 15)) | 0;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Characters of a key hash in commit metadata. */
export const KEY_HASH_LENGTH = 5;

/**
 * A 30-bit hash of a lane key, as five characters. Short, because commit metadata holds 4,000 characters; two keys that
 * share a hash only run finished tasks again, they never skip one.
 */
export function keyHash(laneKey: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < laneKey.length; i += 1) {
    h ^= laneKey.charCodeAt(i);
    h = Math.imul(h, 0x01000193);
  }
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  let text = '';
  for (let shift = 0; shift < 30; shift += 6) text += alphabet[(h >>> shift) & 63];
  return text;
}

import { expect, it } from 'vitest';
import { KEY_HASH_LENGTH, keyHash } from './key-hash.ts';

it('never changes: commits written by earlier releases hold these hashes', () => {
  expect(['', 'a', 'session-1', 'session-2', '\xc3\xa9'].map(keyHash)).toMatchInlineSnapshot(`
    [
      "LwnPr",
      "zGLga",
      "LuBuj",
      "lP3Xd",
      "Hb1RO",
    ]
  `);
});

it('is made of characters that metadata does not use for anything else', () => {
  for (let i = 0; i < 2_000; i += 1) {
    expect(keyHash(`key ${i}`)).toMatch(/^[A-Za-z0-9_-]{5}$/);
    expect(keyHash(`key ${i}`)).toHaveLength(KEY_HASH_LENGTH);
  }
});

it('spreads: keys that differ in one digit rarely share a hash', () => {
  const hashes = new Set(Array.from({ length: 30_000 }, (_, i) => keyHash(`session-${i}`)));
  // With 30 bits some 0.4 of 30,000 collide by chance.
  expect(hashes.size).toBeGreaterThan(29_995);
});

import { expect, test } from 'vitest';
import { murmur2, partitionOf } from './partition.ts';

test('a negative hash loses its sign bit before the modulo, as in Java', () => {
  const key = Buffer.from('21');
  expect(murmur2(key)).toBe(-973_932_308);
  expect(partitionOf(key, 24)).toBe((-973_932_308 & 0x7fff_ffff) % 24);
});

test('bytes above 127 are taken unsigned', () => {
  const keys = [[0xff], [0xff, 0xfe], [0xff, 0xfe, 0xfd], [0xff, 0xfe, 0xfd, 0xfc], []];
  for (const key of keys) expect(partitionOf(Buffer.from(key), 7)).toBeGreaterThanOrEqual(0);
  expect(murmur2(Buffer.from('größe'))).toBe(
    murmur2(Buffer.from([0x67, 0x72, 0xc3, 0xb6, 0xc3, 0x9f, 0x65])),
  );
});

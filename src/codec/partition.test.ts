import { expect, test } from 'vitest';
import { murmur2, partitionOf } from './partition.ts';

// From Kafka's own org.apache.kafka.common.utils.UtilsTest.testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %j is what Java gives', (key, expected) => {
  expect(murmur2(Buffer.from(key))).toBe(expected);
});

test('a negative hash loses its sign bit before the modulo, as in Java', () => {
  expect(partitionOf(Buffer.from('21'), 24)).toBe((-973932308 & 0x7fff_ffff) % 24);
});

test('bytes above 127 are taken unsigned', () => {
  expect(murmur2(Buffer.from('größe'))).toBe(
    murmur2(Buffer.from([0x67, 0x72, 0xc3, 0xb6, 0xc3, 0x9f, 0x65])),
  );
  expect(partitionOf(Buffer.from([0xff, 0xfe, 0xfd]), 7)).toBeGreaterThanOrEqual(0);
});

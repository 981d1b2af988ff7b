import { expect, it } from 'vitest';
import { OptionsError } from '../errors/options-error.ts';
import { parseOptions } from '../options/parse-options.ts';
import { producerOptionsSchema } from './producer-options.ts';

it('fills in every default', () => {
  expect(parseOptions('producer', producerOptionsSchema, {})).toEqual({
    bufferBytes: 64_000_000,
    maxBatchBytes: 1_000_000,
    maxInFlightBytes: 4_000_000,
    deliveryTimeoutMs: 120_000,
    compression: 'lz4',
  });
});

it('takes undefined for absent', () => {
  expect(parseOptions('producer', producerOptionsSchema, { bufferBytes: undefined }).bufferBytes).toBe(
    64_000_000,
  );
});

it.each([
  ['bufferBytes', 999_999],
  ['maxBatchBytes', 15_999],
  ['maxBatchBytes', 8_000_001],
  ['maxInFlightBytes', 1.5],
  ['deliveryTimeoutMs', 0],
  ['deliveryTimeoutMs', 2 ** 31],
])('refuses %s: %s', (name, value) => {
  expect(() => parseOptions('producer', producerOptionsSchema, { [name]: value })).toThrow(OptionsError);
});

import { expect, it } from 'vitest';
import { CompressionGauge } from './compression-gauge.ts';

/** Which of so many parts are tried, when they come out at this share of their size. */
function tried(ratios: readonly number[]): number[] {
  const gauge = new CompressionGauge();
  return ratios.flatMap((ratio, index) => {
    if (!gauge.shouldTry()) return [];
    gauge.pays(1_000, 1_000 * ratio);
    return [index];
  });
}

it('tries every part as long as an eighth is saved', () => {
  expect(tried(Array.from({ length: 20 }, () => 0.875))).toHaveLength(20);
});

it('tries every sixteenth after two in a row that did not pay', () => {
  expect(tried(Array.from({ length: 40 }, () => 0.9))).toEqual([0, 1, 17, 33]);
});

it('does not count parts that did not pay and were not in a row', () => {
  expect(tried([1, 0.5, 1, 0.5, 1, 0.5])).toEqual([0, 1, 2, 3, 4, 5]);
});

it('tries all again once one has paid', () => {
  const ratios = Array.from({ length: 22 }, (_, at) => (at < 17 ? 1 : 0.5));
  expect(tried(ratios)).toEqual([0, 1, 17, 18, 19, 20, 21]);
});

it('sends a frame only when it pays', () => {
  const gauge = new CompressionGauge();
  expect([gauge.pays(1_000, 875), gauge.pays(1_000, 876)]).toEqual([true, false]);
});

it('takes a sample of a large part, out of its middle', () => {
  const gauge = new CompressionGauge();
  const content = Buffer.alloc(900_000);
  content.fill(1, 300_000, 600_000);
  expect(gauge.sampleOf(content)?.length).toBe(65_536);
  expect(new Set(gauge.sampleOf(content))).toEqual(new Set([1]));
  expect(gauge.sampleOf(Buffer.alloc(200_000))).toBeUndefined();
});

it('tries no part whose sample saves nothing, and counts it as one that did not pay', () => {
  const gauge = new CompressionGauge();
  expect([gauge.promises(100, 97), gauge.shouldTry()]).toEqual([true, true]);
  expect([gauge.promises(100, 98), gauge.shouldTry()]).toEqual([false, true]);
  expect([gauge.promises(100, 98), gauge.shouldTry()]).toEqual([false, false]);
});

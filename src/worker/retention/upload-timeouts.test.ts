import { expect, it } from 'vitest';
import { headerNames } from '../../codec/header-names.ts';
import { manifestHeader } from '../../codec/manifest.ts';
import type { Item } from '../core/lane.ts';
import { itemOf } from '../reading/item-of.ts';
import { UploadTimeouts } from './upload-timeouts.ts';

/** A task whose body's producer gives uploads so long; undefined: it has none in parts. */
function task(timeoutMs: number | undefined): Item {
  const parts = { count: 1, from: 0, to: 0, bytes: 1, partBytes: 1, crc: 0, firstAtMs: 1 };
  const headers =
    timeoutMs === undefined
      ? []
      : [manifestHeader(headerNames.bodyParts, { upload: 'u', partition: 0, ...parts, timeoutMs })];
  return itemOf({
    topic: 'q',
    partition: 0,
    offset: 0,
    timestampMs: 0,
    key: null,
    value: Buffer.alloc(0),
    headers,
  });
}

it('the longest that was met counts, and the first one above what is declared is told once', () => {
  const told: (readonly number[])[] = [];
  const timeouts = new UploadTimeouts(1_000, (...given) => told.push(given));
  timeouts.look([task(undefined), task(500), task(1_000)]);
  expect([timeouts.longestMs, told]).toEqual([1_000, []]);
  timeouts.look([task(3_000)]);
  timeouts.look([task(2_000), task(4_000)]);
  expect(timeouts.longestMs).toBe(4_000);
  expect(told).toEqual([[3_000, 1_000]]);
});

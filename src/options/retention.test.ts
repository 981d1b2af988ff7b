import { describe, expect, it } from 'vitest';
import { partsMarginMs, resolveRetention } from './retention.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('keeping what is finished', () => {
  it.each([
    { keepFinishedMs: 1_000, purgeIntervalMs: 1_000, confirmIntervalMs: 1_000 },
    { keepFinishedMs: 8_000, purgeIntervalMs: 2_000, confirmIntervalMs: 8_000 },
    { keepFinishedMs: 30 * MINUTE, purgeIntervalMs: MINUTE, confirmIntervalMs: 30 * MINUTE },
    { keepFinishedMs: DAY, purgeIntervalMs: MINUTE, confirmIntervalMs: HOUR },
  ])('looks often enough: %j', ({ keepFinishedMs, ...expected }) => {
    expect(resolveRetention({ keepFinishedMs }, 30 * MINUTE)).toEqual({
      kind: 'keep-finished',
      keepFinishedMs,
      uploadTimeoutMs: 30 * MINUTE,
      ...expected,
    });
  });
});

describe('keeping for a time', () => {
  it('has parts outlive every manifest that may name them', () => {
    expect(resolveRetention({ timeMs: 30 * DAY }, 30 * MINUTE)).toEqual({
      kind: 'keep-for-time',
      timeMs: 30 * DAY,
      segmentMs: 7 * DAY,
      partsMs: 37 * DAY + 40 * MINUTE,
      uploadTimeoutMs: 30 * MINUTE,
      confirmIntervalMs: HOUR,
      purgeIntervalMs: MINUTE,
    });
    expect(resolveRetention({ timeMs: 2_000 }, 3_000)).toMatchObject({
      confirmIntervalMs: 1_000,
      purgeIntervalMs: 1_000,
      segmentMs: 2_000,
      partsMs: 2_000 + 2_000 + 3_000 + 1_000,
    });
  });
});

it('keeps parts a third of an upload longer than needed, and no more than ten minutes', () => {
  expect([1_000, 3_000, 30 * MINUTE, 24 * HOUR].map(partsMarginMs)).toEqual([
    333,
    1_000,
    10 * MINUTE,
    10 * MINUTE,
  ]);
});

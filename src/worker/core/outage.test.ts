import { describe, expect, it } from 'vitest';
import { OUTAGE_MIN_KEYS, OutageDetector } from './outage.ts';

function detector(): OutageDetector {
  return new OutageDetector({ minMs: 200, maxMs: 1_000 });
}

/** So many keys fail, one after the other, while others are being tried. */
function failMany(outage: OutageDetector, count: number, runningKeys = 0): boolean[] {
  return Array.from({ length: count }, (_, i) => outage.failed(`key ${i}`, runningKeys, 0));
}

describe('an outage', () => {
  it('begins when enough keys fail and none succeeds', () => {
    const outage = detector();
    expect(failMany(outage, OUTAGE_MIN_KEYS)).toEqual([false, false, false, false, true]);
    expect([outage.down, outage.probeAtMs]).toEqual([true, 200]);
  });

  it('is not a poison task: one key may fail for ever', () => {
    const outage = detector();
    expect(Array.from({ length: 100 }, () => outage.failed('poison', 0, 0))).not.toContain(true);
  });

  it('is not a handful of poison tasks among many that are still being tried', () => {
    const outage = detector();
    expect(failMany(outage, 10, 20)).not.toContain(true);
    expect(outage.failed('key 10', 11, 0)).toBe(false);
    expect(outage.failed('key 10', 10, 0)).toBe(true);
  });

  it('is forgotten with every success', () => {
    const outage = detector();
    failMany(outage, OUTAGE_MIN_KEYS - 1);
    expect(outage.succeeded()).toBe(false);
    expect(outage.failed('another', 0, 0)).toBe(false);
    expect(outage.down).toBe(false);
  });

  it('is probed less and less often, and never less than its longest pause', () => {
    const outage = detector();
    failMany(outage, OUTAGE_MIN_KEYS);
    const pauses: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      const nowMs = outage.probeAtMs;
      expect(outage.failed('probe', 0, nowMs)).toBe(false);
      pauses.push(outage.probeAtMs - nowMs);
    }
    expect(pauses).toEqual([400, 800, 1_000, 1_000]);
  });

  it('is not probed later because of what was running when it began', () => {
    const outage = detector();
    failMany(outage, OUTAGE_MIN_KEYS);
    for (let i = 0; i < 60; i += 1) outage.failed(`straggler ${i}`, 0, 100);
    expect(outage.probeAtMs).toBe(200);
  });

  it('ends with the first success, and is then told anew', () => {
    const outage = detector();
    failMany(outage, OUTAGE_MIN_KEYS);
    expect(outage.succeeded()).toBe(true);
    expect(outage.down).toBe(false);
    expect(outage.succeeded()).toBe(false);
    expect(failMany(outage, OUTAGE_MIN_KEYS).at(-1)).toBe(true);
    expect(outage.probeAtMs).toBe(200);
  });

  it('is known by when it began, also after its end, until the next one', () => {
    const outage = detector();
    for (let i = 0; i < OUTAGE_MIN_KEYS; i += 1) outage.failed(`key ${i}`, 0, 1_000 + i);
    outage.failed('key 9', 0, 5_000);
    expect(outage.beganMs).toBe(1_004);
    outage.succeeded();
    expect(outage.beganMs).toBe(1_004);
    for (let i = 0; i < OUTAGE_MIN_KEYS; i += 1) outage.failed(`key ${i}`, 0, 9_000);
    expect([outage.beganMs, outage.probeAtMs]).toEqual([9_000, 9_200]);
  });

  it('is another matter than a type that has never succeeded here', () => {
    const outage = detector();
    failMany(outage, OUTAGE_MIN_KEYS);
    expect(outage.proven).toBe(false);
    outage.succeeded();
    failMany(outage, OUTAGE_MIN_KEYS);
    expect(outage.proven).toBe(true);
  });

  it('is not there in the beginning', () => {
    expect(detector().down).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { PartsWindow } from './parts-window.ts';

const limits = { perUpload: 4, inAll: 16 };

function world(given = limits) {
  let nowMs = 1_000;
  const window = new PartsWindow(given, () => nowMs);
  const wait = (ms: number): void => {
    nowMs += ms;
  };
  /** Acknowledgements one after the other, 10 ms apart. */
  const hear = (count: number, tookMs: number, beside = true): void => {
    for (let i = 0; i < count; i += 1) {
      wait(10);
      window.acknowledged(tookMs, beside);
    }
  };
  const counts = (): readonly number[] => [window.perUpload, window.inAll];
  return { window, wait, hear, counts };
}

describe('the window of parts', () => {
  it('is as wide as its limits while nobody minds', () => {
    const { hear, counts } = world();
    expect(counts()).toEqual([4, 16]);
    hear(100, 5);
    expect(counts()).toEqual([4, 16]);
  });

  it('is halved when small tasks take longer beside parts, down to one part of two uploads', () => {
    const { hear, counts } = world();
    hear(10, 5, false);
    hear(4, 40);
    expect(counts()).toEqual([2, 8]);
    hear(10, 5, false);
    hear(4, 40);
    expect(counts()).toEqual([1, 4]);
    hear(50, 40);
    expect(counts()).toEqual([1, 2]);
  });

  it('heeds no single one, and none that takes less than twice as long, or 10 ms more', () => {
    const { hear, counts } = world();
    hear(10, 5, false);
    hear(1, 40);
    hear(30, 14);
    expect(counts()).toEqual([4, 16]);
    const slow = world();
    slow.hear(10, 50, false);
    slow.hear(100, 95);
    expect(slow.counts()).toEqual([4, 16]);
    slow.hear(100, 110);
    expect(slow.counts()).toEqual([1, 2]);
  });

  it('heeds nothing that parts have no share in', () => {
    const { hear, counts } = world();
    hear(10, 5, false);
    hear(100, 500, false);
    expect(counts()).toEqual([4, 16]);
  });

  it('stays narrow for half a minute, then widens by one part each second', () => {
    const { hear, wait, counts } = world();
    hear(10, 5, false);
    hear(50, 40);
    hear(2_000, 5);
    expect(counts()).toEqual([1, 2]);
    for (let second = 0; second < 10; second += 1) wait(1_000);
    hear(1, 5);
    expect(counts()).toEqual([1, 3]);
    hear(300, 5);
    expect(counts()).toEqual([2, 6]);
    hear(5, 60);
    expect(counts()).toEqual([1, 3]);
  });

  it('is wide again while there are no small tasks, and knows what it has learned when they are back', () => {
    const { hear, wait, counts } = world();
    hear(10, 5, false);
    hear(50, 40);
    wait(9_999);
    expect(counts()).toEqual([1, 2]);
    wait(1);
    expect(counts()).toEqual([4, 16]);
    hear(1, 5);
    expect(counts()).toEqual([1, 2]);
  });

  it('takes it that brokers which have long been slower are so', () => {
    const { hear, wait, counts } = world();
    hear(10, 5, false);
    for (let minute = 0; minute < 3; minute += 1) {
      wait(60_000);
      hear(10, 40, false);
    }
    hear(100, 60);
    expect(counts()).toEqual([4, 16]);
  });

  it('never lets nothing through', () => {
    const { hear, counts } = world({ perUpload: 1, inAll: 1 });
    hear(10, 5, false);
    hear(50, 400);
    expect(counts()).toEqual([1, 1]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { itemOf } from '../../../test/support/core-rig.ts';
import { isOpen, Lane } from './lane.ts';

function laneOf(...offsets: number[]): Lane {
  const lane = new Lane('k');
  for (const offset of offsets) lane.pushTail(itemOf(offset, 'k', { bytes: 10 }));
  return lane;
}

/** Takes everything out, oldest first. */
function drained(lane: Lane): (number | undefined)[] {
  const offsets: (number | undefined)[] = [];
  while (lane.length > 0) {
    offsets.push(lane.firstOffset);
    lane.shift();
  }
  return offsets;
}

describe('a lane', () => {
  it('is empty at first', () => {
    const lane = new Lane('k');
    expect(lane.state).toBe('idle');
    expect([lane.length, lane.first, lane.firstOffset, lane.missingBelow]).toEqual([
      0,
      undefined,
      undefined,
      0,
    ]);
  });

  it.each([
    ['idle', false], // it has nothing unfinished
    ['ready', false], // it is in the heap of what may start
    ['running', true],
    ['held', true],
    ['fetching', true],
    ['postponing', true],
  ] as const)('that is %s is open: %s', (state, open) => {
    expect(isOpen(state)).toBe(open);
  });

  it('is a line: the oldest goes first', () => {
    expect(drained(laneOf(3, 5, 9))).toEqual([3, 5, 9]);
  });

  it('forgets what became of a task that is finished', () => {
    const lane = laneOf(3, 5);
    const fresh = {
      attempts: 0,
      firstFailedAtMs: undefined,
      delayedUntilMs: undefined,
      starts: 0,
      charged: false,
    };
    expect(lane).toMatchObject(fresh);
    Object.assign(lane, { attempts: 4, firstFailedAtMs: 9, delayedUntilMs: 20, starts: 2, charged: true });
    lane.shift();
    expect(lane).toMatchObject(fresh);
  });

  it.each([
    ['as many as wanted', 2, 1_000, [3, 5]],
    ['no more than there are', 9, 1_000, [3, 5, 9]],
    ['as many as have room', 9, 20, [3, 5]],
    ['the first one even if it has no room', 9, 5, [3]],
    ['none when none is wanted', 0, 1_000, []],
  ])('hands out its first records: %s', (_what, count, bytes, offsets) => {
    expect(
      laneOf(3, 5, 9)
        .front(count, bytes)
        .map(({ offset }) => offset),
    ).toEqual(offsets);
  });

  it('hands out records up to the first that is not here, from where it stands', () => {
    const lane = laneOf(1, 3);
    lane.pushTail(5);
    lane.pushTail(itemOf(9, 'k'));
    lane.shift();
    expect(lane.front(9, 1_000).map(({ offset }) => offset)).toEqual([3]);
    lane.shift();
    expect(lane.front(9, 1_000)).toEqual([]);
  });

  it('drops records from the end, keeps their places and says what it set free', () => {
    const lane = laneOf(3, 5, 9, 12);
    expect(lane.dropBeyond(1)).toBe(30);
    expect([lane.keptCount, lane.keptBytes, lane.length]).toEqual([1, 10, 4]);
    expect(lane.missingBelow).toBe(13);
    expect(lane.first).toMatchObject({ offset: 3 });
    expect(lane.dropBeyond(1)).toBe(0);
    expect(lane.dropBeyond(0)).toBe(10);
    expect(drained(lane)).toEqual([3, 5, 9, 12]);
    expect([lane.keptCount, lane.keptBytes]).toEqual([0, 0]);
  });

  it('drops nothing when it keeps no more than wanted, wherever that stands', () => {
    const lane = new Lane('k');
    lane.pushTail(3);
    lane.pushTail(itemOf(5, 'k', { bytes: 10 }));
    expect(lane.dropBeyond(1)).toBe(0);
    expect(lane.keptCount).toBe(1);
    expect(lane.dropBeyond(0)).toBe(10);
  });

  it('takes back only what is missing', () => {
    const lane = laneOf(3, 5, 9);
    lane.dropBeyond(1);
    expect(lane.refill(itemOf(4, 'k'))).toBe(false);
    expect(lane.refill(itemOf(3, 'k'))).toBe(false);
    expect(lane.refill(itemOf(10, 'k'))).toBe(false);
    expect(lane.refill(itemOf(9, 'k', { bytes: 10 }))).toBe(true);
    expect(lane.refill(itemOf(9, 'k', { bytes: 10 }))).toBe(false);
    expect([lane.keptCount, lane.keptBytes, lane.missingBelow]).toEqual([2, 20, 6]);
  });

  it('puts what the tail brought behind what a sweep found', () => {
    const lane = new Lane('k');
    lane.later = [];
    lane.pushTail(itemOf(50, 'k'));
    lane.pushSwept(itemOf(3, 'k'));
    lane.pushTail(51);
    lane.pushSwept(7);
    expect(lane.length).toBe(2);
    lane.closeSweep();
    expect(lane.later).toBeUndefined();
    lane.closeSweep();
    expect(drained(lane)).toEqual([3, 7, 50, 51]);
  });

  it('counts what waits behind a sweep too', () => {
    const lane = new Lane('k');
    lane.later = [];
    lane.pushSwept(itemOf(3, 'k', { bytes: 10 }));
    lane.pushTail(itemOf(50, 'k', { bytes: 10 }));
    expect([lane.keptCount, lane.keptBytes]).toEqual([2, 20]);
    expect(lane.dropBeyond(1)).toBe(10);
    expect(lane.first).toMatchObject({ offset: 3 });
    expect(lane.later).toEqual([50]);
  });

  it('stays a line of tens of thousands without growing behind its head', () => {
    const lane = laneOf(...Array.from({ length: 20_000 }, (_, i) => i));
    for (let i = 0; i < 15_000; i += 1) lane.shift();
    expect([lane.length, lane.firstOffset, lane.keptBytes]).toEqual([5_000, 15_000, 50_000]);
    expect(lane.refill(itemOf(14_999, 'k'))).toBe(false);
    lane.dropBeyond(0);
    expect(lane.refill(itemOf(17_000, 'k'))).toBe(true);
  });

  it('counts right and keeps its order through any course of events', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('push', 'pushBare', 'shift'), n: fc.constant(0) }),
      fc.record({ kind: fc.constantFrom('drop', 'refill'), n: fc.nat(12) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const lane = new Lane('k');
        const model: { offset: number; kept: boolean }[] = [];
        let next = 0;
        for (const { kind, n } of steps) {
          const before = lane.keptBytes;
          if (kind === 'push' || kind === 'pushBare') {
            lane.pushTail(kind === 'push' ? itemOf(next, 'k', { bytes: 10 }) : next);
            model.push({ offset: next, kept: kind === 'push' });
            next += 2;
          } else if (kind === 'shift' && model.length > 0) {
            lane.shift();
            model.shift();
          } else if (kind === 'drop') {
            const keptBefore = model.filter(({ kept }) => kept).length;
            const freed = lane.dropBeyond(n);
            for (const [i, entry] of model.entries()) if (keptBefore > n && i >= n) entry.kept = false;
            expect(freed).toBe(before - lane.keptBytes);
          } else if (kind === 'refill') {
            const offset = (model[0]?.offset ?? 0) + n;
            const entry = model.find((one) => one.offset === offset);
            expect(lane.refill(itemOf(offset, 'k', { bytes: 10 }))).toBe(entry?.kept === false);
            if (entry !== undefined) entry.kept = true;
          }
          const kept = model.filter((one) => one.kept);
          expect([lane.length, lane.firstOffset]).toEqual([model.length, model[0]?.offset]);
          expect([lane.keptCount, lane.keptBytes]).toEqual([kept.length, kept.length * 10]);
          const missing = model.findLast((one) => !one.kept);
          expect(lane.missingBelow).toBe(missing === undefined ? 0 : missing.offset + 1);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a lane with more tasks than it keeps track of', () => {
  it('begins nowhere yet while what came from the tail is known and what a sweep may find is not', () => {
    const lane = new Lane('k');
    lane.later = [];
    lane.unlist(30);
    expect(lane.firstOffset).toBe(30);
    lane.later.push(20);
    expect([lane.firstOffset, lane.listedCount, lane.length]).toEqual([undefined, 1, 0]);
    lane.pushSwept(5);
    expect([lane.firstOffset, lane.listedCount, lane.length]).toEqual([5, 2, 1]);
  });

  it('lists what lies before the first one it does not, whether its record is here or not', () => {
    const lane = new Lane('k');
    lane.later = [];
    for (const entry of [4, itemOf(5, 'k', { bytes: 10 }), 6, itemOf(7, 'k', { bytes: 10 }), 8])
      lane.pushTail(entry);
    expect(lane.unlist(6)).toBe(10);
    expect([lane.keptCount, lane.keptBytes]).toEqual([1, 10]);
    lane.closeSweep();
    expect([lane.listedCount, lane.unlistedFrom]).toEqual([2, 6]);
    expect(drained(lane)).toEqual([4, 5]);
  });

  it('counts the records of those that a sweep lists', () => {
    const lane = new Lane('k');
    lane.unlist(7);
    lane.list(itemOf(7, 'k', { bytes: 10 }));
    lane.list(9);
    expect([lane.keptCount, lane.keptBytes, lane.missingBelow, lane.unlistedFrom]).toEqual([1, 10, 10, 10]);
  });

  it('knows of them until a sweep has come to where the tail is, however far others came before', () => {
    const lane = new Lane('k');
    lane.listedTo(20, 30);
    expect(lane.unlistedFrom).toBeUndefined(); // complete as it was
    lane.unlist(25);
    lane.listedTo(20, 30);
    expect(lane.unlistedFrom).toBe(25);
    lane.listedTo(31, 30);
    expect(lane.unlistedFrom).toBeUndefined();
  });

  it('begins, with an empty line, where the others may be', () => {
    const lane = new Lane('k');
    lane.pushTail(3);
    lane.unlist(7);
    expect([lane.firstOffset, lane.length]).toEqual([3, 1]);
    lane.shift();
    expect([lane.firstOffset, lane.length]).toEqual([7, 0]);
    lane.list(9);
    expect([lane.firstOffset, lane.unlistedFrom]).toEqual([9, 10]);
  });

  it('is complete when a sweep has come to where the tail is', () => {
    const lane = new Lane('k');
    lane.unlist(7);
    lane.listedTo(20, 30);
    expect(lane.firstOffset).toBe(20);
    lane.listedTo(30, 30);
    expect(lane.firstOffset).toBeUndefined();
  });

  it('leaves to the sweep what came from the tail after the tasks that are not listed', () => {
    const lane = new Lane('k');
    lane.later = [];
    lane.pushTail(itemOf(20, 'k', { bytes: 50 }));
    expect(lane.unlist(9)).toBe(50);
    lane.closeSweep();
    expect([lane.firstOffset, lane.length, lane.keptBytes]).toEqual([9, 0, 0]);
  });
});

import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../checker/events.ts';
import type { LogSample } from './log-watch.ts';
import { checkAges, checkStarts, longestBehindMs, purgeCount } from './retention-rules.ts';

const sample = (
  at: number,
  starts: readonly number[],
  committed: Readonly<Record<string, readonly (number | undefined)[]>> = {},
): LogSample => ({
  at,
  logs: starts.map((start) => ({ start, end: 100 })),
  committed: new Map(Object.entries(committed)),
});

describe('where a log may start', () => {
  it('is anywhere up to what the slowest group has committed', () => {
    expect(
      checkStarts([sample(0, [0, 0], { a: [9, 9] }), sample(1, [7, 4], { a: [9, 9], b: [7, 4] })]),
    ).toEqual([]);
  });

  it('is not beyond it, by one record in one of the partitions', () => {
    const problems = checkStarts([sample(0, [7, 4], { a: [9, 9], b: [7, 3] })]);
    expect(problems).toEqual(['log start: of partition 1 it is 4, and b has committed 3 (at 0 ms)']);
  });

  it('is the beginning for as long as a group has committed nothing', () => {
    expect(checkStarts([sample(0, [0], { a: [5], b: [undefined] })])).toEqual([]);
    expect(checkStarts([sample(0, [1], { a: [5], b: [undefined] })])).toHaveLength(1);
  });

  it('is not before where it was', () => {
    expect(checkStarts([sample(0, [4], { a: [5] }), sample(1, [3], { a: [5] })])).toHaveLength(1);
  });
});

describe('what is gone', () => {
  const record = (id: string, offset: number, at: number): LogEvent[] => [
    { at, process: 'p', event: 'enqueue-called', call: offset, id, key: 'k', hash: '', bytes: 0 },
    { at: at + 5, process: 'p', event: 'enqueue-acked', id, partition: 0, offset },
  ];
  const events = [...record('b', 1, 2_000), ...record('a', 0, 1_000)];

  it('was kept for long enough', () => {
    expect(checkAges([sample(1_500, [0]), sample(4_100, [1]), sample(5_000, [2])], events, 3_000)).toEqual(
      [],
    );
  });

  it('was not, when it was called for too lately', () => {
    const problems = checkAges([sample(1_500, [0]), sample(4_100, [2])], events, 3_000);
    expect(problems).toEqual([
      'kept too short: b at 0/1 was gone 2100 ms after it was called for, and is to be kept for 3000',
    ]);
  });

  it('is counted by partition and sample', () => {
    expect(purgeCount([sample(0, [0, 0]), sample(1, [3, 1]), sample(2, [3, 2]), sample(3, [3, 2])])).toBe(3);
  });
});

describe('how far the log start is behind', () => {
  it('is from when all groups had committed an offset until it is reached', () => {
    const samples = [
      sample(0, [0], { a: [10], b: [0] }),
      sample(100, [0], { a: [10], b: [10] }),
      sample(200, [0], { a: [20], b: [20] }),
      sample(350, [10], { a: [20], b: [20] }),
      sample(400, [20], { a: [20], b: [20] }),
    ];
    expect(longestBehindMs(samples)).toBe(250);
  });

  it('goes on to the end when it is never reached', () => {
    expect(longestBehindMs([sample(0, [0], { a: [1] }), sample(900, [0], { a: [1] })])).toBe(900);
  });

  it('ends when offsets are set back', () => {
    const samples = [
      sample(0, [0], { a: [10] }),
      sample(100, [5], { a: [5] }),
      sample(900, [5], { a: [5] }),
      sample(1_000, [5], { a: [8] }),
      sample(1_050, [8], { a: [8] }),
    ];
    expect(longestBehindMs(samples)).toBe(50);
  });
});

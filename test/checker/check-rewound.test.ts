import { describe, expect, it } from 'vitest';
import { checkRewound } from './check-rewound.ts';
import type { EventBody, LogEvent } from './events.ts';

type Line = readonly [at: number, process: string, body: EventBody];

const run = (offset: number, epoch: number): readonly [started: EventBody, finished: EventBody] => {
  const place = { id: `t${offset}`, key: 'k', partition: 0, offset, epoch };
  return [
    { event: 'task-started', attempt: 1, ...place },
    { event: 'task-finished', ...place, hash: 'h', bytes: 1 },
  ];
};
const runs = (process: string, from: number, epoch: number, offsets: readonly number[]): readonly Line[] =>
  offsets.flatMap((offset, i) =>
    run(offset, epoch).map((body, j): Line => [from + i + j / 2, process, body]),
  );
const commit = (at: number, process: string, epoch: number, offset: number): readonly Line[] => [
  [
    at,
    process,
    {
      event: 'commit-sent',
      commit: at,
      claims: [{ partition: 0, epoch, offset, doneBelow: offset, unfinished: [] }],
    },
  ],
  [at + 0.5, process, { event: 'commit-acked', commit: at, partition: 0 }],
];
const life = (at: number, process: string, epoch: number): readonly Line[] => [
  [at, process, { event: 'assigned', partitions: [0] }],
  [at + 0.5, process, { event: 'taken', partition: 0, epoch, offset: 0 }],
];

/** Four tasks, the last of which is enqueued while nobody works. */
const enqueued: readonly Line[] = [0, 1, 2, 3].flatMap((offset): Line[] => {
  const at = offset === 3 ? 25 : offset;
  const id = `t${offset}`;
  return [
    [at, 'p', { event: 'enqueue-called', call: offset, id, key: 'k', hash: 'h', bytes: 1 }],
    [at + 0.5, 'p', { event: 'enqueue-acked', id, partition: 0, offset }],
  ];
});
const first: readonly Line[] = [
  ...life(10, 'a', 1),
  ...runs('a', 11, 1, [0, 1, 2]),
  ...commit(15, 'a', 1, 3),
];

/** Of a run in which, at 20, offsets were set back to 1. */
const textsOf = (lines: readonly Line[]): string[] => {
  const events = lines.map(([at, process, body]): LogEvent => ({ at, process, ...body }));
  const rewind = { at: 20, to: new Map([[0, 1]]) };
  return checkRewound(events, rewind, { laneOf: (key) => key }).violations.map(({ property }) => property);
};

describe('a run in which offsets were set back', () => {
  it('is good when all from there on has run again, in order', () => {
    const second = [...life(30, 'b', 2), ...runs('b', 31, 2, [1, 2, 3]), ...commit(40, 'b', 2, 4)];
    expect(textsOf([...enqueued, ...first, ...second])).toEqual([]);
  });

  it('is not when something of it has not, whether or not it ran before', () => {
    const begun = [...enqueued, ...first, ...life(30, 'b', 2)];
    expect(textsOf([...begun, ...runs('b', 31, 2, [1, 3])])).toEqual(['P2 unseen', 'P4 order']);
    expect(textsOf([...begun, ...runs('b', 31, 2, [1, 2])])).toEqual(['P2 unseen']);
    expect(textsOf([...begun, ...runs('b', 31, 2, [1, 3]), ...commit(40, 'b', 2, 4)])).toContain('P1 lost');
  });

  it('is not when what lies before runs again', () => {
    const second = [...life(30, 'b', 2), ...runs('b', 31, 2, [0, 1, 2, 3])];
    expect(textsOf([...enqueued, ...first, ...second])).toContain('P3 phantom');
  });

  it('is not when it runs twice afterwards', () => {
    const second = [...life(30, 'b', 2), ...runs('b', 31, 2, [1, 2, 2, 3])];
    expect(textsOf([...enqueued, ...first, ...second])).toContain('P8 re-run');
  });

  it('is not when something was committed before that was not finished', () => {
    const lost = [...life(10, 'a', 1), ...runs('a', 11, 1, [0, 2]), ...commit(15, 'a', 1, 3)];
    const second = [...life(30, 'b', 2), ...runs('b', 31, 2, [1, 2, 3])];
    expect(textsOf([...enqueued, ...lost, ...second])).toContain('P1 lost');
  });
});

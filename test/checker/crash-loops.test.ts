import { describe, expect, it } from 'vitest';
import { checkEvents } from './check-history.ts';
import type { EventBody, LogEvent } from './events.ts';

type Line = readonly [at: number, process: string, body: EventBody];

const texts = (lines: readonly Line[]): string[] => {
  const events = lines.map(([at, process, body]): LogEvent => ({ at, process, ...body }));
  return checkEvents(events, { laneOf: (key) => key }).violations.map((v) => `${v.property}: ${v.text}`);
};

const place = (offset: number, epoch: number) => ({
  id: `t${offset}`,
  key: 'k',
  partition: 0,
  offset,
  epoch,
});
const called = (offset: number): EventBody => ({
  event: 'enqueue-called',
  call: offset,
  id: `t${offset}`,
  key: 'k',
  hash: 'h',
  bytes: 1,
});
const acked = (offset: number): EventBody => ({
  event: 'enqueue-acked',
  id: `t${offset}`,
  partition: 0,
  offset,
});
const started = (offset: number, epoch: number): EventBody => ({
  event: 'task-started',
  attempt: 1,
  ...place(offset, epoch),
});
const finished = (offset: number, epoch: number): EventBody => ({
  event: 'task-finished',
  ...place(offset, epoch),
  hash: 'h',
  bytes: 1,
});
const assigned: EventBody = { event: 'assigned', partitions: [0] };
const taken = (epoch: number): EventBody => ({ event: 'taken', partition: 0, epoch, offset: 0 });
const killed = (target: string): EventBody => ({ event: 'killed', target });
const givenUp = (how: 'revoked' | 'lost'): EventBody => ({ event: 'given-up', partitions: [0], how });
const committed = (commit: number, epoch: number, offset: number): EventBody => ({
  event: 'commit-sent',
  commit,
  claims: [{ partition: 0, epoch, offset, doneBelow: offset, unfinished: [] }],
});
const commitAcked = (commit: number): EventBody => ({ event: 'commit-acked', commit, partition: 0 });
const parkedPlace = { partition: 0, offset: 0, key: 'k', reason: 'crash-loop' };
const parked: EventBody = { event: 'parked', ...parkedPlace };

const tasks: readonly Line[] = [
  [1, 'p', called(0)],
  [2, 'p', acked(0)],
  [3, 'p', called(1)],
  [4, 'p', acked(1)],
];

/** It never ran in the first process, ran in the second, and was committed but not begun in the third. */
const threeKills: readonly Line[] = [
  [10, 'a', assigned],
  [11, 'a', taken(1)],
  [19, 'i', killed('a')],
  [20, 'b', assigned],
  [21, 'b', taken(2)],
  [22, 'b', started(0, 2)],
  [29, 'i', killed('b')],
  [30, 'c', assigned],
  [31, 'c', taken(3)],
  [39, 'i', killed('c')],
];

const park: readonly Line[] = [
  [40, 'd', assigned],
  [41, 'd', taken(4)],
  [50, 'd', parked],
];

/** The copies are written, a commit passes them, and then they run. */
const redriven: readonly Line[] = [
  [51, 'd', committed(1, 4, 2)],
  [52, 'd', commitAcked(1)],
  [60, 'i', { event: 'found-parked', parkedAt: 49, ...parkedPlace }],
  [61, 'd', started(0, 4)],
  [62, 'd', finished(0, 4)],
  [63, 'd', started(1, 4)],
  [64, 'd', finished(1, 4)],
];

const ofCrashLoops = (lines: readonly Line[]): string[] => texts(lines).filter((t) => t.startsWith('P12'));
const without = (lines: readonly Line[], ...processes: string[]): Line[] =>
  lines.filter(
    ([, process, body]) =>
      !processes.includes(process) && !(body.event === 'killed' && processes.includes(body.target)),
  );

describe('a key that was parked as a crash loop', () => {
  it('is in order after three kills, and so are commits that pass it, once it is redriven and finished', () => {
    expect(texts([...tasks, ...threeKills, ...park, ...redriven])).toEqual([]);
  });

  it('may run again when it had finished, and the process was killed before a commit said so', () => {
    const uncommitted: Line = [23, 'b', finished(0, 2)];
    expect(texts([...tasks, ...threeKills, uncommitted, ...park, ...redriven])).toEqual([]);
    const commit: readonly Line[] = [
      [24, 'b', committed(1, 2, 1)],
      [25, 'b', commitAcked(1)],
    ];
    expect(texts([...tasks, ...threeKills, uncommitted, ...commit, ...park, ...redriven])).toContain(
      'P8 re-run: d ran t0 at 0/0 again after b had committed 1, done below 1',
    );
  });

  it('is lost when it is never redriven', () => {
    expect(texts([...tasks, ...threeKills, ...park, ...redriven.slice(0, 2)])).toEqual([
      'P1 lost: t0 of key k, acked at 0/0, was never finished (1 runs), but d committed 2, done below 2',
      'P1 lost: t1 of key k, acked at 0/1, was never finished (0 runs), but d committed 2, done below 2',
    ]);
  });

  it('must keep the order of its tasks when it is redriven', () => {
    const swapped = [...redriven.slice(0, 3), ...redriven.slice(5), ...redriven.slice(3, 5)].map(
      ([, process, body], i): Line => [51 + i, process, body],
    );
    expect(texts([...tasks, ...threeKills, ...park, ...swapped])).toEqual([
      expect.stringContaining('P4 order: key k: d started t1 (0/1), but t0 (0) was first finished'),
    ]);
  });

  it('is not to be passed by a commit before it is parked', () => {
    const early = [...tasks, ...threeKills, ...park, ...redriven].map(([at, process, body]): Line => {
      const isCommit = body.event === 'commit-sent' || body.event === 'commit-acked';
      return [isCommit ? at - 8 : at, process, body];
    });
    expect(texts(early)).toEqual([
      'P6 commit: partition 0: d committed 2, done below 2, but t0 at 0 was not finished',
      'P6 commit: partition 0: d committed 2, done below 2, but t1 at 1 was not finished',
    ]);
  });

  it('covers no task before the one it was parked for', () => {
    const second = { ...parkedPlace, offset: 1 };
    const lines = [...tasks, ...threeKills, ...park, ...redriven].map(([at, process, body]): Line => {
      if (body.event === 'parked' || body.event === 'found-parked')
        return [at, process, { ...body, ...second }];
      return [at, process, body];
    });
    expect(texts(lines)).toEqual([
      'P6 commit: partition 0: d committed 2, done below 2, but t0 at 0 was not finished',
    ]);
  });

  it('is wrong after two kills, and excuses no commit then', () => {
    const lines = without([...tasks, ...threeKills, ...park, ...redriven], 'c');
    expect(texts(lines)).toEqual([
      'P6 commit: partition 0: d committed 2, done below 2, but t0 at 0 was not finished',
      'P6 commit: partition 0: d committed 2, done below 2, but t1 at 1 was not finished',
      'P12 crash loop: key k was parked from 0/0 on as a crash loop, but of the processes that had its partition only a, b ended uncleanly',
    ]);
  });

  it('is wrong when nobody was killed', () => {
    expect(ofCrashLoops([...tasks, ...park])).toEqual([
      'P12 crash loop: key k was parked from 0/0 on as a crash loop, but of the processes that had its partition none ended uncleanly',
    ]);
  });

  it.each<[name: string, ended: readonly Line[], isCounted: boolean]>([
    ['was killed', [[19, 'i', killed('a')]], true],
    ['lost the partition', [[19, 'a', givenUp('lost')]], true],
    ['learns of its loss when another has the partition', [[45, 'a', givenUp('lost')]], true],
    [
      'gave the partition up, and was killed then',
      [
        [18, 'a', givenUp('revoked')],
        [19, 'i', killed('a')],
      ],
      false,
    ],
    ['gave the partition up', [[19, 'a', givenUp('revoked')]], false],
  ])('counts a process that died, not one that left: it %s', (_, ended, isCounted) => {
    const lines = [...tasks, ...threeKills.slice(0, 2), ...ended, ...threeKills.slice(3), ...park];
    expect(ofCrashLoops(lines)).toHaveLength(isCounted ? 0 : 1);
  });

  it('counts a process once, however often it lost the partition', () => {
    const twice: readonly Line[] = [
      [12, 'a', givenUp('lost')],
      [13, 'x', assigned],
      [14, 'x', taken(5)],
      [15, 'x', givenUp('revoked')],
      [16, 'a', assigned],
      [17, 'a', taken(6)],
    ];
    const lines = without([...tasks, ...threeKills, ...park], 'c');
    expect(ofCrashLoops([...lines, ...twice])).toHaveLength(1);
  });

  it('counts a process that was killed while it took the partition, but not one that had it assigned only', () => {
    const untaken = [...tasks, ...threeKills, ...park].filter(
      ([, process, body]) => process !== 'c' || body.event !== 'taken',
    );
    expect(ofCrashLoops(untaken)).toHaveLength(1);
    expect(ofCrashLoops([...untaken, [32, 'c', committed(1, 3, 0)]])).toEqual([]);
  });

  it('does not count a process whose partition others had before the task was enqueued', () => {
    const late = (callAt: number): Line[] =>
      [...tasks, ...threeKills, ...park].map(([at, process, body]) => [
        process === 'p' ? callAt : at,
        process,
        body,
      ]);
    // Between the end of the first process and the next taking: then it is one of those the next one finds.
    expect(ofCrashLoops(late(20.5))).toEqual([]);
    expect(ofCrashLoops(late(21.5))).toHaveLength(1);
  });

  it('is found in the journal when its worker was killed before it could tell', () => {
    const untold = without([...tasks, ...threeKills, ...park, ...redriven], 'c').filter(
      ([, , body]) => body.event !== 'parked',
    );
    expect(ofCrashLoops(untold)).toHaveLength(1);
    const justified = [...tasks, ...threeKills, ...park, ...redriven].filter(
      ([, , body]) => body.event !== 'parked',
    );
    expect(texts(justified)).toEqual([]);
  });

  it('is no excuse for keys that were parked for another reason', () => {
    const gaveUp = [...tasks, ...threeKills, ...park, ...redriven].map(([at, process, body]): Line => {
      const isPark = body.event === 'parked' || body.event === 'found-parked';
      return [at, process, isPark ? { ...body, reason: 'gave-up' } : body];
    });
    expect(texts(gaveUp)).toHaveLength(2);
  });
});

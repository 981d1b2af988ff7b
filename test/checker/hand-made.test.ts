import { describe, expect, it } from 'vitest';
import { checkEvents } from './check-history.ts';
import type { EventBody, LogEvent } from './events.ts';
import { checkVacuity } from './vacuity.ts';

/** Lines as `[time, process, body]`, which reads like the log they stand for. */
type Line = readonly [at: number, process: string, body: EventBody];

const check = (lines: readonly Line[]) => {
  const events = lines.map(([at, process, body]): LogEvent => ({ at, process, ...body }));
  return checkEvents(events, { laneOf: (key) => key });
};

const place = (offset: number, epoch: number, key = 'k') => ({
  id: `t${offset}`,
  key,
  partition: 0,
  offset,
  epoch,
});
const called = (offset: number, key = 'k'): EventBody => ({
  event: 'enqueue-called',
  call: offset,
  id: `t${offset}`,
  key,
  hash: 'h',
  bytes: 1,
});
const acked = (offset: number): EventBody => ({
  event: 'enqueue-acked',
  id: `t${offset}`,
  partition: 0,
  offset,
});
const started = (offset: number, epoch: number, key = 'k'): EventBody => ({
  event: 'task-started',
  attempt: 1,
  ...place(offset, epoch, key),
});
const finished = (offset: number, epoch: number, key = 'k'): EventBody => ({
  event: 'task-finished',
  ...place(offset, epoch, key),
  hash: 'h',
  bytes: 1,
});
const assigned: EventBody = { event: 'assigned', partitions: [0] };
const taken = (epoch: number): EventBody => ({ event: 'taken', partition: 0, epoch, offset: 0 });
const committed = (
  commit: number,
  epoch: number,
  offset: number,
  doneBelow = offset,
  unfinished: { lane: string; from: number }[] = [],
): EventBody => ({
  event: 'commit-sent',
  commit,
  claims: [{ partition: 0, epoch, offset, doneBelow, unfinished }],
});
const commitAcked = (commit: number): EventBody => ({ event: 'commit-acked', commit, partition: 0 });
const killed = (target: string): EventBody => ({ event: 'killed', target });

/** Three tasks, of which `a` finished two and committed one, when it was killed while it ran the third. */
const crash: readonly Line[] = [
  [1, 'p', called(0)],
  [2, 'p', acked(0)],
  [3, 'p', called(1)],
  [4, 'p', acked(1)],
  [5, 'p', called(2)],
  [6, 'p', acked(2)],
  [10, 'a', assigned],
  [11, 'a', taken(1)],
  [12, 'a', started(0, 1)],
  [13, 'a', finished(0, 1)],
  [14, 'a', committed(1, 1, 1)],
  [15, 'a', commitAcked(1)],
  [16, 'a', started(1, 1)],
  [17, 'a', finished(1, 1)],
  [18, 'a', started(2, 1)],
  [20, 'injector', killed('a')],
  [30, 'b', assigned],
  [31, 'b', taken(2)],
];

const texts = (lines: readonly Line[]) => check(lines).violations.map((v) => `${v.property}: ${v.text}`);

describe('hand-made logs', () => {
  it('count what a kill cost against what it may cost', () => {
    const report = check([
      ...crash,
      [32, 'b', started(1, 2)],
      [33, 'b', finished(1, 2)],
      [34, 'b', started(2, 2)],
      [35, 'b', finished(2, 2)],
    ]);
    expect(report.violations).toEqual([]);
    expect(report.kills).toEqual([
      { process: 'a', inRebalance: false, running: 1, uncommitted: 1, reruns: 2 },
    ]);
    expect(report.figures).toMatchObject({
      called: 3,
      acked: 3,
      finished: 3,
      starts: 5,
      kills: 1,
      reruns: 2,
      rebalances: 2,
    });
  });

  it('charge nothing to a commit that was acknowledged after its partition had been lost', () => {
    const rerun = (lost: 'lost' | 'revoked'): readonly Line[] => [
      [0, 'p', called(0)],
      [1, 'p', acked(0)],
      [2, 'a', assigned],
      [3, 'a', taken(1)],
      [4, 'a', started(0, 1)],
      [5, 'a', finished(0, 1)],
      [6, 'a', committed(1, 1, 1)],
      [7, 'i', { event: 'fault', fault: 'broker-killed', target: '1' }],
      [10, 'a', { event: 'given-up', partitions: [0], how: lost }],
      [11, 'b', assigned],
      [12, 'a', commitAcked(1)],
      [13, 'b', committed(1, 2, 0)],
      [14, 'b', commitAcked(1)],
      [15, 'b', taken(2)],
      [16, 'b', started(0, 2)],
      [17, 'b', finished(0, 2)],
      [18, 'b', committed(2, 2, 1)],
      [19, 'b', commitAcked(2)],
    ];
    const about = (lost: 'lost' | 'revoked') =>
      check(rerun(lost)).violations.filter(
        ({ property }) => property === 'P6 commit' || property === 'P8 re-run',
      );
    expect(about('lost')).toEqual([]);
    expect(about('revoked')).not.toEqual([]);
  });

  it('name a task that a commit has passed lost, and one that waits unseen', () => {
    expect(texts(crash)).toEqual([
      'P2 unseen: t2 of key k, acked at 0/2, was never finished (1 runs), and not committed',
    ]);
    const passed = texts([...crash, [32, 'b', committed(1, 2, 3)], [33, 'b', commitAcked(1)]]);
    expect(passed).toEqual([
      'P1 lost: t2 of key k, acked at 0/2, was never finished (1 runs), but b committed 3, done below 3',
      'P6 commit: partition 0: b committed 3, done below 3, but t2 at 2 was not finished',
    ]);
  });

  it('do not let a committed task run again, crash or not', () => {
    const again = texts([
      ...crash,
      [32, 'b', started(0, 2)],
      [33, 'b', finished(0, 2)],
      [34, 'b', started(2, 2)],
      [35, 'b', finished(2, 2)],
    ]);
    expect(again).toContain('P8 re-run: b ran t0 at 0/0 again after a had committed 1, done below 1');
  });

  it('take what is done out of order for committed, but not the keys that are listed', () => {
    const two: readonly Line[] = [
      [1, 'p', called(0, 'held')],
      [2, 'p', acked(0)],
      [3, 'p', called(1, 'free')],
      [4, 'p', acked(1)],
      [10, 'a', assigned],
      [11, 'a', taken(1)],
      [12, 'a', started(0, 1, 'held')],
      [13, 'a', started(1, 1, 'free')],
      [14, 'a', finished(1, 1, 'free')],
    ];
    const listed: Line = [15, 'a', committed(1, 1, 0, 2, [{ lane: 'held', from: 0 }])];
    const after: readonly Line[] = [
      [16, 'a', commitAcked(1)],
      [20, 'injector', killed('a')],
      [30, 'b', assigned],
      [31, 'b', taken(2)],
      [32, 'b', started(0, 2, 'held')],
      [33, 'b', finished(0, 2, 'held')],
    ];
    expect(texts([...two, listed, ...after])).toEqual([]);
    expect(
      texts([...two, listed, ...after, [34, 'b', started(1, 2, 'free')], [35, 'b', finished(1, 2, 'free')]]),
    ).toEqual([
      'P8 re-run: b ran t1 at 0/1 again after a had committed 0, done below 2',
      'P8 re-run: the kill of a cost 2 re-runs, bound 1 running + 0 finished since the last commit',
    ]);
    const unlisted: Line = [15, 'a', committed(1, 1, 0, 2)];
    expect(texts([...two, unlisted, ...after])).toEqual([
      'P6 commit: partition 0: a committed 0, done below 2, but t0 at 0 was not finished',
    ]);
  });

  it('excuse a suspended process from overlap, but not an ordinary one', () => {
    const overlap: readonly Line[] = [
      ...crash.slice(0, 15),
      [30, 'b', assigned],
      [31, 'b', taken(2)],
      [32, 'b', started(2, 2)],
      [33, 'a', finished(2, 1)],
      [34, 'b', finished(2, 2)],
    ];
    expect(texts(overlap)).toContain('P5 overlap: key k: t2 (b, 0/2) started while t2 (a, 0/2) ran');
    const zombie: readonly Line[] = [...overlap, [19, 'injector', { event: 'suspended', target: 'a' }]];
    expect(texts(zombie).filter((t) => t.startsWith('P5'))).toEqual([]);
  });

  it('take a commit sent before a suspension for answered then, whenever its answer was read', () => {
    const sent: readonly Line[] = [
      ...crash.slice(0, 14),
      [18, 'a', committed(2, 1, 2)],
      [19, 'injector', { event: 'suspended', target: 'a' }],
      [30, 'b', assigned],
      [31, 'b', taken(2)],
      [32, 'b', started(2, 2)],
      [33, 'b', finished(2, 2)],
      [34, 'b', committed(1, 2, 3)],
      [35, 'b', commitAcked(1)],
    ];
    const backwards = (lines: readonly Line[]): string[] =>
      texts(lines).filter((t) => t.startsWith('P6') || t.startsWith('P7'));
    expect(backwards([...sent, [40, 'a', commitAcked(2)]])).toEqual([]);
    const after: readonly Line[] = [...sent, [41, 'a', committed(3, 1, 2)], [42, 'a', commitAcked(3)]];
    expect(backwards(after)).toHaveLength(2);
  });

  it('excuse an uncommitted give-up only while a broker was down', () => {
    const finish: readonly Line[] = [
      ...crash.slice(0, 14),
      [20, 'a', { event: 'given-up', partitions: [0], how: 'lost' }],
      [30, 'b', assigned],
      [31, 'b', taken(2)],
      [32, 'b', started(1, 2)],
      [33, 'b', finished(1, 2)],
      [34, 'b', started(2, 2)],
      [35, 'b', finished(2, 2)],
    ];
    expect(texts(finish)).toEqual([
      'P8 re-run: b ran t1 at 0/1 again: a had finished it, did not crash, and had the partition lost 4 ms after that start',
    ]);
    const down: readonly Line[] = [
      ...finish,
      [9, 'injector', { event: 'fault', fault: 'broker-killed', target: '1' }],
    ];
    expect(texts(down)).toEqual([]);
    expect(check(down).figures.rerunsUncommitted).toBe(1);
  });

  it('see from the log alone whether a kill fell into a rebalance', () => {
    const inRebalance = (lines: readonly Line[]) => check(lines).figures.killsDuringRebalance;
    const owner: readonly Line[] = [
      [10, 'a', assigned],
      [11, 'a', taken(1)],
    ];
    const kill: Line = [20, 'injector', killed('b')];
    expect(inRebalance([...owner, kill])).toBe(0);
    expect(inRebalance([...owner, [12, 'a', { event: 'revoke-asked', partitions: [0] }], kill])).toBe(1);
    expect(inRebalance([[10, 'a', assigned], kill])).toBe(1);
    const given: Line = [13, 'a', { event: 'given-up', partitions: [0], how: 'revoked' }];
    expect(inRebalance([...owner, [12, 'a', { event: 'revoke-asked', partitions: [0] }], given, kill])).toBe(
      0,
    );
  });

  it('ask for no end of tasks whose keys the run itself holds', () => {
    const lines: readonly Line[] = [
      [1, 'p', called(0)],
      [2, 'p', acked(0)],
    ];
    expect(texts(lines)).toHaveLength(1);
    const events = lines.map(([at, process, body]): LogEvent => ({ at, process, ...body }));
    const report = checkEvents(events, { laneOf: (key) => key, unfinishedKeys: new Set(['k']) });
    expect(report.violations).toEqual([]);
  });

  it('fail a run that exercised nothing', () => {
    const { figures } = check(crash);
    expect(checkVacuity(figures, { kills: 1, acked: 3 })).toEqual([]);
    expect(checkVacuity(figures, { kills: 20, reruns: 1, killsDuringRebalance: 3 })).toEqual([
      'kills: 1, needs at least 20',
      'reruns: 0, needs at least 1',
      'killsDuringRebalance: 0, needs at least 3',
    ]);
  });
});

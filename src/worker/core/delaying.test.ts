import { describe, expect, it } from 'vitest';
import { DelayRig } from '../../../test/support/delay-rig.ts';

const MINUTE = 60_000;
const MANY = 10_000;

const keys = (count: number, prefix = 'd'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

it('a delayed task starts when its time has come; others go on', () => {
  const at = new DelayRig();
  at.add(['d'], 5_000);
  at.add(['a', 'b']);
  expect(at.rig.runningKeys).toEqual(['a', 'b']);
  at.finishAll();
  at.rig.settle();
  at.rig.pass(4_000);
  expect(at.rig.running).toEqual([]);
  at.rig.pass(1_100);
  expect(at.rig.runOf('d').attempt).toBe(1);
  at.finishAll();
  expect([at.frontier, at.postponing]).toEqual([3, []]);
});

it('one whose time has passed, and one without a time, starts at once', () => {
  const at = new DelayRig();
  at.add(['late'], -1);
  at.add(['a']);
  expect(at.rig.runningKeys).toEqual(['late', 'a']);
});

describe('a task that is due later than in a quarter of an hour', () => {
  it.each([
    ['before its old place is done', true],
    ['after that', false],
  ])('goes to the end of the log then, where it comes up %s', (_when, tailFirst) => {
    const at = new DelayRig();
    at.add(['d'], 40 * MINUTE);
    at.add(['a']);
    at.finishAll();
    at.rig.pass(14 * MINUTE);
    expect([at.frontier, at.postponing]).toEqual([0, []]);
    at.rig.pass(MINUTE);
    expect(at.postponing).toMatchObject([{ item: { offset: 0, key: 'd' } }]);
    expect(at.frontier).toBe(0); // until the brokers have it
    at.append(tailFirst);
    expect([at.frontier, at.postponing]).toEqual([2, []]);
    at.rig.pass(15 * MINUTE);
    at.append();
    at.rig.pass(9 * MINUTE);
    expect(at.rig.running).toEqual([]);
    at.rig.pass(MINUTE);
    expect(at.rig.runOf('d').item.offset).toBe(3);
    at.finishAll();
    expect(at.frontier).toBe(4);
  });

  it('is appended again when that failed, and no revoke is answered meanwhile', () => {
    const at = new DelayRig();
    at.add(['d'], 40 * MINUTE);
    at.rig.pass(15 * MINUTE);
    const [effect] = at.rig.of('postpone');
    if (effect === undefined) throw new Error('it was not postponed');
    at.rig.tell((core, moment) => core.effectFailed(moment, effect));
    at.rig.tell((core, moment) => core.revoked(moment, 7, [0]));
    at.rig.settle();
    at.rig.pass(1_000);
    expect(at.rig.of('postpone')).toHaveLength(2);
    expect(at.rig.of('answer-revoke')).toEqual([]);
    at.rig.tell((core, moment) => core.postponed(moment, at.partition, effect.postponed));
    const commits = at.rig.settle();
    expect(commits.at(-1)).toMatchObject({ offset: 1 });
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('is not appended early because an operator releases its key', () => {
    const at = new DelayRig();
    at.add(['d'], 40 * MINUTE);
    const verb = { name: 'release' } as const;
    at.rig.tell((core, moment) =>
      core.commanded(moment, 0, { id: 'r', offset: 2_000, key: 'd', by: 'me', verb }),
    );
    expect([at.rig.running, at.postponing]).toEqual([[], []]);
    at.rig.pass(15 * MINUTE);
    expect(at.postponing).toHaveLength(1);
  });

  it('counts as finished in its old place although an earlier task still runs', () => {
    const at = new DelayRig();
    at.add(['a']);
    at.add(['d'], 40 * MINUTE);
    at.rig.pass(15 * MINUTE);
    at.append();
    expect(at.rig.settle().at(-1)).toMatchObject({ offset: 0, doneBelow: 2 });
  });

  it('is of no account when its partition was lost meanwhile', () => {
    const at = new DelayRig();
    at.add(['d'], 40 * MINUTE);
    at.rig.pass(15 * MINUTE);
    at.rig.tell((core, moment) => core.lost(moment, [0]));
    expect(() => at.append()).not.toThrow();
  });
});

describe('many delayed tasks', () => {
  it('stay where they are as long as they are in nobody’s way', () => {
    const at = new DelayRig();
    at.add(keys(1_900), 60_000);
    for (let i = 0; i < 50; i += 1) at.rig.pass(1_000);
    expect(at.postponing.length).toBe(0);
    at.rig.pass(11_000);
    at.finishAll();
    expect(at.frontier).toBe(1_900);
  });

  it('make room for others, those due last first, a few at a time', () => {
    const at = new DelayRig();
    for (let i = 0; i < 1_000; i += 1) at.add([`d${i}`], 60_000 + i * 100);
    at.add(['a']);
    let moved = 0;
    let secondsPassed = 0;
    while (at.rig.running.length === 0 && secondsPassed < 60) {
      const count = at.append();
      expect(count).toBeLessThanOrEqual(100);
      if (moved === 0) expect(at.partition.lanes.get('d0')?.state).toBe('held'); // due first
      moved += count;
      at.rig.pass(1_000);
      secondsPassed += 1;
    }
    expect(at.rig.runningKeys).toEqual(['a']);
    expect(moved).toBeLessThanOrEqual(1_000);
    for (const item of at.rig.settle()) expect(item.metadata.length).toBeLessThanOrEqual(4_000);
  });

  it('all run in the end, and the others among them do not wait for long', () => {
    const at = new DelayRig(16);
    const finished = new Set<string>();
    let worst = 0;
    let added = 0;
    const since = new Map<string, number>();
    for (let second = 0; second < 200; second += 1) {
      if (second < 40) at.add(keys(15, `d${second}/`), 60_000);
      if (second < 100) {
        at.add([`n${second}`]);
        since.set(`n${second}`, second);
        added += 1;
      }
      for (let round = 0; round < 5; round += 1) {
        at.append();
        for (const run of at.rig.running.slice()) {
          finished.add(run.lane.key);
          const asked = since.get(run.lane.key);
          if (asked !== undefined) worst = Math.max(worst, second - asked);
          expect(at.notBefore.get(run.lane.key) ?? 0).toBeLessThanOrEqual(at.rig.at.wallMs);
          at.rig.finish(run);
        }
        at.rig.pass(200);
      }
      if (second % 10 === 0)
        for (const item of at.rig.settle()) expect(item.metadata.length).toBeLessThanOrEqual(4_000);
    }
    expect(finished.size).toBe(40 * 15 + added);
    expect(worst).toBeLessThan(30);
  });
});

/** Keys that failed, and wait for an hour. */
function addFailed(at: DelayRig, count: number): void {
  at.add(keys(count, 'failed '));
  for (const run of at.rig.running.slice()) at.rig.fail(run, { delayMs: 60 * MINUTE });
}

function postponedKeys(at: DelayRig): string[] {
  return at.postponing.map(({ item }) => item.key);
}

describe('when a commit cannot name one more key, delayed tasks go to the end of the log', () => {
  it('a hundred a second, also while the brokers have not answered', () => {
    const at = new DelayRig();
    at.add(keys(700), 10 * MINUTE);
    expect(at.postponing).toEqual([]);
    at.add(['a']);
    expect(at.postponing).toHaveLength(100);
    at.rig.pass(999);
    expect(at.postponing).toHaveLength(100);
    at.rig.pass(1);
    expect(at.postponing).toHaveLength(200);
  });

  it('but keys that failed stay where they are, and are not tried early', () => {
    const at = new DelayRig(MANY);
    addFailed(at, 150);
    at.add(keys(600), 10 * MINUTE);
    at.add(['a']);
    expect(at.postponing).toHaveLength(100);
    expect(postponedKeys(at).filter((key) => key.startsWith('failed'))).toEqual([]);
    expect(at.rig.running).toEqual([]);
  });

  it.each([
    [80, 0],
    [150, 50],
  ])('of %i of them %i: a hundred stay', (delayedCount, moved) => {
    const at = new DelayRig(MANY);
    addFailed(at, 500);
    at.add(keys(delayedCount), 10 * MINUTE);
    at.add(['a']);
    expect(at.rig.running).toEqual([]);
    expect(at.postponing).toHaveLength(moved);
  });

  it('the lowest ones, those due last first, whichever began to wait last', () => {
    const at = new DelayRig();
    at.add(['last'], 14 * MINUTE);
    at.add(keys(700), 10 * MINUTE);
    const verb = { name: 'release' } as const; // it begins to wait anew
    at.rig.tell((core, moment) =>
      core.commanded(moment, 0, { id: 'r', offset: 2_000, key: 'last', by: 'me', verb }),
    );
    at.add(['a']);
    expect(postponedKeys(at)).toContain('last');
    const places = at.postponing.map(({ item }) => item.offset);
    expect(Math.max(...places)).toBeLessThan(250);
  });

  it('when two thousand are passed by and one more comes', () => {
    const at = new DelayRig();
    at.add(keys(2_000), 10 * MINUTE);
    expect(at.postponing).toEqual([]);
    at.add(['one more'], 10 * MINUTE);
    expect(at.postponing).toHaveLength(100);
  });
});

it('delayed tasks whose time has come at once run as far as commits can name them, and the partition is full', () => {
  const at = new DelayRig(MANY);
  at.add(keys(600), MINUTE);
  expect(at.rig.reports('partition-full')).toEqual([]);
  at.rig.pass(MINUTE);
  expect(at.rig.running.length).toBeGreaterThan(400);
  expect(at.rig.running.length).toBeLessThan(600);
  expect(at.rig.reports('partition-full')).toHaveLength(1);
  while (at.rig.running.length > 0) at.finishAll();
  expect(at.frontier).toBe(600);
});

it('delayed tasks that have waited for a quarter of an hour all go to the end, as fast as commits can name them', () => {
  const at = new DelayRig();
  at.add(keys(600), 40 * MINUTE);
  at.rig.pass(15 * MINUTE);
  expect(at.postponing.length).toBeGreaterThan(400);
  expect(at.rig.reports('partition-full')).toHaveLength(1);
  let moved = 0;
  for (let round = 0; round < 10; round += 1) moved += at.append();
  expect([moved, at.frontier]).toEqual([600, 600]);
});

import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf } from '../../../test/support/core-rig.ts';
import type { Postponed } from './delaying.ts';
import type { Item } from './lane.ts';
import type { PartitionState } from './partition-state.ts';

const MINUTE = 60_000;

/** A partition whose log grows when tasks are appended again. */
class DelayRig {
  readonly notBefore = new Map<string, number>();
  readonly rig: CoreRig;
  readonly partition: PartitionState;
  #end = 0;

  constructor(concurrency = 4) {
    this.rig = new CoreRig({ concurrency, notBeforeMs: ({ key }) => this.notBefore.get(key) });
    this.partition = this.rig.take(0);
  }

  /** Tasks of these keys, due so long from now. */
  add(keys: readonly string[], delayMs?: number): void {
    for (const key of keys) if (delayMs !== undefined) this.notBefore.set(key, this.rig.at.wallMs + delayMs);
    const items = keys.map((key, i): Item => itemOf(this.#end + i, key));
    this.#end += keys.length;
    this.rig.records(this.partition, items);
  }

  /** Effects that were not answered yet. */
  get postponing(): readonly Postponed[] {
    return this.rig
      .of('postpone')
      .slice(this.#answered)
      .map(({ postponed }) => postponed);
  }

  #answered = 0;

  /** The brokers have them; the tail brings them again, before or after that is known. */
  append(tailFirst = false): number {
    const { postponing, rig, partition } = this;
    this.#answered += postponing.length;
    for (const postponed of postponing) {
      const again = (): void => this.add([postponed.item.key]);
      if (tailFirst) again();
      rig.tell((core, at) => core.postponed(at, partition, postponed));
      if (!tailFirst) again();
    }
    return postponing.length;
  }

  finishAll(): void {
    while (this.rig.running[0] !== undefined) this.rig.finish(this.rig.running[0]);
  }

  get frontier(): number {
    return this.partition.commitState('').frontier;
  }
}

const keys = (count: number, prefix = 'd'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

it('a delayed task starts when its time has come; others go on', () => {
  const at = new DelayRig();
  at.add(['d'], 5_000);
  at.add(['a', 'b']);
  expect(at.rig.runningKeys).toEqual(['a', 'b']);
  at.finishAll();
  at.rig.settle();
  expect(at.rig.core.nextTickAtMs()).toBeLessThanOrEqual(at.rig.nowMs + 5_000);
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

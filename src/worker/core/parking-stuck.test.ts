import { describe, expect, it } from 'vitest';
import { ParkedRig, withTasks } from '../../../test/support/parked-rig.ts';
import { judgeHealth } from '../worker-health.ts';
import type { Effect } from './effects.ts';
import { isDiscarded } from './parking.ts';

type CopyEffect = Extract<Effect, { kind: 'copy' }>;

/** Key k is parked, and its first task cannot be copied. */
class Stuck {
  readonly at: ParkedRig = withTasks(2);
  readonly error = new Error('the store is out of reach: bucket b');

  constructor() {
    this.at.giveUp('k');
    const [mark] = this.at.open();
    if (mark !== undefined) this.at.answer(mark);
  }

  /** The copy that is to be made now. */
  copy(): CopyEffect {
    const [copy] = this.at.open();
    if (copy?.kind !== 'copy') throw new Error('nothing is copied');
    return copy;
  }

  fail({ stuckOn }: { readonly stuckOn: unknown } = { stuckOn: this.error }): void {
    const copy = this.copy();
    this.at.rig.tell((core, now) => core.effectFailed(now, copy, stuckOn));
  }

  /** Milliseconds until it is tried again, which it is. */
  untilAgain(): number {
    const { rig } = this.at;
    const fromMs = rig.nowMs;
    const tries = (): number => rig.effects.filter(({ kind }) => kind === 'copy').length;
    for (const before = tries(); tries() === before; ) rig.pass(100);
    return rig.nowMs - fromMs;
  }

  get told(): unknown[] {
    return this.at.rig.effects.flatMap((effect) =>
      effect.kind === 'report' && effect.report.kind === 'parking-stuck' ? [effect.report] : [],
    );
  }

  get reasons(): readonly string[] {
    return judgeHealth('running', { core: this.at.rig.core.state }, this.at.rig.nowMs).reasons;
  }
}

describe('a task that cannot be copied', () => {
  it('is copied again less and less often, until it is', () => {
    const stuck = new Stuck();
    const pauses: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      stuck.fail();
      pauses.push(stuck.untilAgain());
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(stuck.at.partition.committedFrontier).toBe(0);
    stuck.at.answer(stuck.copy());
    stuck.at.settle();
    expect(stuck.at.partition.committedFrontier).toBe(2);
    expect(stuck.at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1]);
  });

  it('is told of at once and every ten minutes, and health says why for as long as it lasts', () => {
    const stuck = new Stuck();
    const { rig, partition } = stuck.at;
    stuck.fail();
    const report = { partition: 0, key: 'k', mark: stuck.at.markOf('k'), error: stuck.error };
    expect(stuck.told).toMatchObject([{ ...report, item: { offset: 0 } }]);
    expect(stuck.reasons).toEqual([
      `a task of key 'k' cannot be parked (partition 0, mark ${report.mark}, offset 0): ${stuck.error.message}`,
    ]);
    const fromMs = rig.nowMs;
    while (stuck.told.length === 1) {
      stuck.untilAgain();
      stuck.fail();
    }
    expect(rig.nowMs - fromMs).toBeGreaterThanOrEqual(600_000);
    expect(rig.nowMs - fromMs).toBeLessThanOrEqual(630_000);
    stuck.untilAgain();
    stuck.at.answer(stuck.copy());
    stuck.at.settle();
    expect(stuck.reasons).toEqual([]);
    expect(partition.marks.size).toBe(1);
  });

  it('keeps no partition from being given up, and is left to its next owner', () => {
    const stuck = new Stuck();
    const { rig, partition } = stuck.at;
    for (let n = 0; n < 6; n += 1) {
      stuck.fail();
      stuck.untilAgain();
    }
    stuck.fail();
    while (partition.dirty || rig.core.state.commitUnderWay) {
      rig.pass(20);
      if (rig.core.state.commitUnderWay) rig.ack();
    }
    const before = rig.effects.length;
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.pass(20);
    if (rig.core.state.commitUnderWay) rig.ack();
    rig.pass(20);
    const since = (): string[] => rig.effects.slice(before).map(({ kind }) => kind);
    expect(since()).toContain('answer-revoke');
    rig.pass(60_000);
    expect(since()).not.toContain('copy');
  });

  it('is not told of when it fails for something that passes by itself', () => {
    const stuck = new Stuck();
    stuck.fail();
    stuck.untilAgain();
    stuck.fail({ stuckOn: undefined });
    expect(stuck.told).toHaveLength(1);
    expect(stuck.reasons).toEqual([]);
  });

  it('names a few keys only, however many wait for a store', () => {
    const at = new ParkedRig();
    const parked = Array.from({ length: 5 }, (_, n) => `k${n}`);
    for (const key of parked) at.command(key, { name: 'park' });
    at.settle();
    const item = { offset: 3, key: 'k', type: 't', bytes: 1, record: undefined as never };
    for (const one of at.partition.marks.values()) one.stuck = { item, error: 'away' };
    const { reasons } = judgeHealth('running', { core: at.rig.core.state }, at.rig.nowMs);
    expect(reasons).toHaveLength(4);
    expect(reasons.at(-1)).toBe('2 more keys cannot be parked');
  });
});

describe('a task is known to be discarded', () => {
  it.each<[string, (stuck: Stuck, mark: number) => void, boolean]>([
    ['by nobody', () => {}, false],
    ['by a redrive', ({ at }, mark) => void at.command('k', { name: 'redrive', mark }), false],
    ['itself', ({ at }, mark) => void at.command('k', { name: 'discard-task', mark, offset: 0 }), true],
    ['another one', ({ at }, mark) => void at.command('k', { name: 'discard-task', mark, offset: 1 }), false],
    ['with its key', ({ at }, mark) => void at.command('k', { name: 'discard', mark }), true],
    [
      'behind a redrive that waits for its copy',
      ({ at }, mark) => {
        at.command('k', { name: 'redrive', mark });
        at.command('k', { name: 'discard-task', mark, offset: 0 });
      },
      true,
    ],
  ])('%s', (_by, command, expected) => {
    const stuck = new Stuck();
    const { parked } = stuck.copy().copy;
    command(stuck, parked.mark);
    expect(isDiscarded(stuck.at.partition, parked, 0)).toBe(expected);
  });
});

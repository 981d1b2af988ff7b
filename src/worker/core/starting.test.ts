import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed } from '../../../test/support/crashed-owner.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

const keys = (count: number, prefix = 'key '): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe('a full partition', () => {
  it('is reported once a minute, however often it is full again', () => {
    const rig = new CoreRig({ concurrency: 10_000 });
    rig.records(rig.take(0), itemsOf(0, keys(700)));
    expect(rig.reports('partition-full')).toHaveLength(1);
    rig.finish(rig.runOf('key 0'));
    rig.pass(59_999);
    rig.finish(rig.runOf('key 1'));
    expect(rig.reports('partition-full')).toHaveLength(1);
    rig.pass(1);
    rig.finish(rig.runOf('key 2'));
    expect(rig.reports('partition-full')).toHaveLength(2);
  });

  it('whose waiting records were let go has them read again in order, and all of them run', () => {
    const rig = new CoreRig({ concurrency: 10_000 }, { budgetBytes: 80_000 });
    const partition = rig.take(0);
    const items = itemsOf(0, keys(800));
    rig.records(partition, items);
    const full = rig.running.length;
    expect(rig.core.wantedCount()).toBeGreaterThan(0); // by letting go of what cannot start
    expect(rig.budget.usedBytes).toBe((full + 1) * 100);
    rig.finish(rig.runOf('key 0')); // the one behind it was kept
    for (const key of ['key 1', 'key 2', 'key 3']) rig.finish(rig.runOf(key));
    expect(rig.of('sweep').map(({ reading }) => reading.offset)).toEqual([full + 1]);
    const started = new Set(rig.running.map(({ item }) => item.offset));
    for (let round = 0; round < 1_000 && partition.commitState('').frontier < 800; round += 1) {
      const at = partition.sweep?.at;
      if (at !== undefined) rig.swept(partition, items.slice(at, at + 50));
      const run = rig.running[0];
      if (run !== undefined) rig.finish(run);
      for (const { item } of rig.running) started.add(item.offset);
    }
    expect(partition.commitState('').frontier).toBe(800);
    expect([...started].slice(-100)).toEqual(Array.from({ length: 100 }, (_, i) => 700 + i));
  });

  it('lets everything start that its owner before had started, although a commit has hardly room for it', () => {
    const lanes = keys(600).map((key, offset) => ({ key, offset, starts: 0 }));
    const rig = new CoreRig({ concurrency: 10_000 });
    const partition = rig.take(0, crashed(0, lanes, true)); // of these as many as a commit could name
    rig.swept(partition, itemsOf(0, keys(600)));
    expect(rig.running.length).toBeGreaterThan(500);
    expect(rig.running).toHaveLength(partition.takenState?.doneBelow ?? 0);
  });

  it('starts nothing whose suspects a commit could not name any more', () => {
    const rig = new CoreRig({ concurrency: 10_000, suspectsAtOnce: 300 });
    const partition = rig.take(0, crashed(560));
    rig.records(partition, itemsOf(0, keys(600)));
    for (const item of rig.settle()) {
      expect(item.metadata.length).toBeLessThanOrEqual(4_000);
      expect(item.doneBelow).toBe(item.partition.commitState('').doneBelow);
    }
  });
});

it('what a commit under way allows to start needs no other commit, although more has come meanwhile', () => {
  const rig = new CoreRig({ startAhead: { min: 4, max: 64 }, concurrency: 100 });
  const partition = rig.take(0);
  rig.records(partition, itemsOf(0, keys(8)));
  expect(rig.running).toHaveLength(4);
  const before = rig.of('commit').length;
  rig.records(partition, itemsOf(8, ['more']));
  rig.ack();
  expect(rig.running).toHaveLength(9);
  expect(rig.of('commit')).toHaveLength(before);
});

describe('parked tasks that run again', () => {
  /** The key `k` is parked with three tasks, and a redrive of it is being read. */
  function redriving(at: ParkedRig): void {
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.settle();
    at.giveUp('k');
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
  }

  it('and a task of the queue start both when there are slots for both', () => {
    const at = new ParkedRig({ concurrency: 2 });
    redriving(at);
    at.rig.tell((core, moment) => core.stoodStill(moment));
    at.rig.records(at.partition, itemsOf(3, ['q']));
    for (let round = 0; round < 5; round += 1) for (const effect of at.open()) at.answer(effect);
    expect(at.rig.running).toEqual([]);
    while (at.rig.core.state.commitUnderWay) at.rig.ack();
    expect(at.rig.runningKeys.toSorted()).toEqual(['k', 'q']);
  });

  it('go on when the type that an operator held is released', () => {
    const at = new ParkedRig();
    redriving(at);
    at.command('', { name: 'hold-type', type: 'job' });
    at.settle();
    expect(at.rig.running).toEqual([]);
    at.command('', { name: 'release-type', type: 'job' });
    expect(at.rig.runOf('k').item.offset).toBe(0);
  });

  it('are no suspects: how often they were begun is counted by the journal', () => {
    const at = new ParkedRig({}, { ...crashed(3), logEnd: 3 });
    redriving(at);
    for (let round = 0; round < 5; round += 1) {
      for (const effect of at.open()) at.answer(effect);
      at.rig.pass(0);
    }
    expect(at.rig.runOf('k').item.offset).toBe(0);
    expect(at.rig.suspectGate.underWay).toBe(0);
  });
});

describe('a type in outage', () => {
  /** Five keys of the type fail; what else was given runs on. */
  function down(
    config: ConstructorParameters<typeof CoreRig>[0] = {},
    others: readonly string[] = [],
  ): CoreRig {
    const rig = new CoreRig({ concurrency: 20, ...config });
    rig.records(rig.take(0), itemsOf(0, [...keys(5), ...others], { type: 'down' }));
    for (const key of keys(5)) rig.fail(rig.runOf(key));
    expect(rig.reports('outage-began')).toHaveLength(1);
    return rig;
  }

  it('is probed in time although a task that began before still runs', () => {
    const rig = down({}, ['long']);
    rig.pass(199);
    expect(rig.runningKeys).toEqual(['long']);
    rig.pass(1);
    expect(rig.running).toHaveLength(2);
  });

  it('is probed less and less often while probes hang', () => {
    const rig = down();
    const startsMs: number[] = [];
    const beganMs = rig.nowMs;
    for (let passed = 100; passed <= 100_000; passed += 100) {
      const before = rig.running.length;
      rig.pass(100);
      if (rig.running.length > before) startsMs.push(rig.nowMs - beganMs);
    }
    expect(startsMs).toEqual([200, 10_200, 30_200, 70_200]);
  });

  it('is probed with one that still waits, not with one whose task was skipped meanwhile', () => {
    const rig = down();
    rig.records(rig.partition(0), itemsOf(5, ['fresh'], { type: 'down' }));
    const verb = { name: 'skip', taskId: 'id-5', below: 100 } as const;
    rig.tell((core, at) => core.commanded(at, 0, { id: 's', offset: 2_000, key: 'fresh', by: 'me', verb }));
    expect(rig.reports('task-skipped')).toHaveLength(1);
    rig.pass(200);
    expect(rig.running).toHaveLength(1);
  });

  it('lets a key whose waiting task was skipped go on with its next one when it is over, alone', () => {
    const rig = down({}, ['k']);
    rig.records(rig.partition(0), itemsOf(6, ['fresh'], { type: 'down' }));
    rig.fail(rig.runOf('k'));
    const verb = { name: 'skip', taskId: 'id-5', below: 100 } as const;
    rig.tell((core, at) => core.commanded(at, 0, { id: 's', offset: 2_000, key: 'k', by: 'me', verb }));
    rig.records(rig.partition(0), itemsOf(7, ['k'], { type: 'down' }));
    rig.pass(200);
    rig.finish(rig.runOf('fresh'));
    expect(rig.runOf('k').item.offset).toBe(7);
    rig.records(rig.partition(0), itemsOf(8, ['k'], { type: 'down' }));
    rig.finish(rig.runOf('k'));
    expect(rig.runOf('k').item.offset).toBe(8);
    expect(rig.of('await-key')).toEqual([]);
  });
});

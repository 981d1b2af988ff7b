import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { decodeMetadata } from './commit-metadata.ts';

const transient = { kind: 'transient', code: 14, message: 'loading' } as const;
const fenced = { kind: 'fenced', code: 25, message: 'who?' } as const;

describe('a commit', () => {
  it('says the lowest unfinished offset and what is finished above it', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a'), itemOf(1, 'b'), itemOf(2, 'c')]);
    rig.finish(rig.runOf('c'));
    rig.finish(rig.runOf('a'));
    const item = rig.settle().at(-1);
    expect(item).toMatchObject({ offset: 1, doneBelow: 3 });
    expect(decodeMetadata(item?.metadata ?? '', 1)).toMatchObject({
      state: { frontier: 1, epoch: partition.epoch, clean: false, doneBelow: 3, lanes: [{ offset: 1 }] },
    });
  });

  it('names the state topic that its partition was taken with, also once another one is there', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0, { statePin: 'before' }), [itemOf(0, 'a')]);
    rig.take(1, { statePin: 'made anew' });
    rig.finish(rig.runOf('a'));
    const item = rig.settle().find(({ partition }) => partition.partition === 0);
    // Its epoch counts in the topic that is gone: whoever takes the partition next must see that, not wait for that epoch.
    expect(decodeMetadata(item?.metadata ?? '', 1)).toMatchObject({ state: { statePin: 'before' } });
    const next = new CoreRig();
    const partition = next.assign(0);
    next.claim(partition);
    next.inspect(partition, {
      epoch: 3,
      committed: { offset: 1, metadata: item?.metadata ?? '' },
      statePin: 'made anew',
    });
    expect(next.reports('partition-halted')).toMatchObject([{ reason: 'state-topic-lost' }]);
  });

  it('is sent once an interval, one at a time, and only when something changed', () => {
    const rig = new CoreRig({ concurrency: 1 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b', 'c']));
    const before = rig.of('commit').length;
    rig.finish(rig.runOf('a'));
    rig.finish(rig.runOf('b'));
    expect(rig.of('commit')).toHaveLength(before);
    rig.pass(100);
    rig.finish(rig.runOf('c'));
    rig.pass(1_000);
    expect(rig.of('commit')).toHaveLength(before + 1);
    expect(rig.commit()).toMatchObject([{ offset: 2 }]);
    rig.ack();
    rig.settle();
    expect(rig.of('commit').at(-1)?.items).toMatchObject([{ offset: 3 }]);
    const count = rig.of('commit').length;
    rig.pass(100_000);
    expect(rig.of('commit')).toHaveLength(count);
  });

  it('speaks of a partition that is idle when somebody asks for it, and is acknowledged under its epoch', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.take(1);
    rig.settle();
    const before = rig.of('commit').length;
    rig.tell((core, at) => core.commitAsked(at, [partition]));
    const asked = partition.changes;
    expect(rig.of('commit')).toHaveLength(before); // in its turn
    rig.pass(100);
    expect(rig.commit()).toMatchObject([{ partition, offset: 0 }]);
    expect(partition.committedChanges).toBeLessThan(asked);
    rig.ack(transient);
    expect(partition.committedChanges).toBeLessThan(asked);
    rig.pass(2_000);
    rig.ack();
    expect(rig.of('committed').at(-1)?.item).toMatchObject({ partition, changes: asked });
    expect(rig.core.state.commitUnderWay).toBe(false);
    rig.pass(1_000);
    expect(rig.core.state.commitUnderWay).toBe(false);
  });

  it('is not asked for in what does not run', () => {
    const rig = new CoreRig();
    const halted = rig.assign(1);
    rig.claim(halted);
    rig.inspect(halted, { committed: { offset: 3, metadata: '' }, logStart: 5 });
    const given = rig.take(0);
    rig.settle();
    rig.tell((core, at) => core.lost(at, [0]));
    const leaving = rig.take(2);
    rig.records(leaving, [itemOf(0, 'a')]);
    rig.settle();
    rig.tell((core, at) => core.revoked(at, 1, [2]));
    const partitions = [given, halted, leaving];
    const before = partitions.map(({ changes }) => changes);
    rig.tell((core, at) => core.commitAsked(at, partitions));
    expect(partitions.map(({ phase }) => phase)).toEqual(['gone', 'halted', 'draining']);
    expect(partitions.map(({ changes }) => changes)).toEqual(before);
  });

  it('is built anew after an error, and waits longer each time', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    expect(rig.ack(transient)).toMatchObject([{ offset: 1 }]);
    expect(partition.dirty).toBe(true);
    rig.finish(rig.runOf('b'));
    rig.pass(100);
    expect(rig.ack(transient)).toMatchObject([{ offset: 2 }]);
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      let waitedMs = 0;
      while (!rig.core.state.commitUnderWay) {
        rig.pass(50);
        waitedMs += 50;
      }
      waits.push(waitedMs);
      rig.ack(transient);
    }
    expect(waits).toEqual([200, 400, 800, 1_600, 2_000, 2_000]);
    rig.settle();
    expect(partition.dirty).toBe(false);
    expect(rig.of('committed').at(-1)?.item.offset).toBe(2);
  });

  it('counts for what it said, not for what happened since', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    rig.finish(rig.runOf('b'));
    rig.ack();
    expect(partition.dirty).toBe(true);
  });

  it('that leaves a partition out of its answer has failed there', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    const items = rig.commit();
    rig.tell((core, at) => core.committed(at, items, []));
    expect(partition.dirty).toBe(true);
  });

  it('refused because the group does not know us means that everything is lost', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    rig.records(rig.take(1), itemsOf(0, ['c']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    rig.ack(fenced);
    expect([...rig.core.state.partitions.values()].map(({ phase }) => phase)).toEqual([
      'claiming',
      'claiming',
    ]);
    expect(rig.of('abort').map(({ run, reason }) => [run.lane.key, reason])).toEqual([
      ['b', 'partition-lost'],
      ['c', 'partition-lost'],
    ]);
  });

  it('does not count when its partition was lost and came back meanwhile', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    const items = rig.commit();
    rig.tell((core, at) => core.lost(at, [0]));
    const after = rig.assign(0);
    rig.claim(after);
    rig.inspect(after);
    const told = rig.of('committed').length;
    rig.tell((core, at) => core.committed(at, items, [{ topic: 'q', partition: 0, failure: undefined }]));
    expect(rig.of('committed')).toHaveLength(told);
    expect(after.phase).toBe('taking');
  });

  it('never says clean while the partition is owned: a start may follow at any time', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    expect(partition.takenState?.clean).toBe(false);
    expect(partition.commitState('').clean).toBe(false);
    rig.records(partition, itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    expect(partition.commitState('').clean).toBe(false);
  });
});

describe('after the process stood still', () => {
  it('nothing starts before a commit sent after the gap is acknowledged', () => {
    const rig = new CoreRig({ concurrency: 1 });
    rig.records(rig.take(0), itemsOf(0, ['a', 'b', 'c']));
    rig.finish(rig.runOf('a'));
    rig.pass(100); // a commit is under way when the process stands still
    rig.tell((core, at) => core.stoodStill(at));
    rig.finish(rig.runOf('b'));
    expect(rig.running).toEqual([]);
    rig.ack();
    expect(rig.running).toEqual([]); // it was sent before
    rig.pass(100);
    expect(rig.commit()).toMatchObject([{ offset: 2 }]);
    rig.ack(transient);
    expect(rig.running).toEqual([]);
    rig.settle();
    expect(rig.runningKeys).toEqual(['c']);
  });

  it('a worker that was replaced meanwhile learns it by that commit', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.settle();
    rig.tell((core, at) => core.stoodStill(at));
    expect(rig.core.state.commitUnderWay).toBe(true);
    rig.ack(fenced);
    expect(rig.of('abort')).toMatchObject([{ reason: 'partition-lost' }]);
  });

  it('a partition that is being taken commits anew before it starts', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition);
    rig.tell((core, at) => core.stoodStill(at));
    rig.ack();
    rig.confirm(partition);
    rig.records(partition, itemsOf(0, ['a']));
    expect(rig.running).toEqual([]);
    rig.settle();
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('so does one whose taking commit was acknowledged already, and that waits for its CONFIRM', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition);
    rig.ack();
    expect(partition.phase).toBe('confirming');
    rig.tell((core, at) => core.stoodStill(at));
    rig.confirm(partition);
    rig.records(partition, itemsOf(0, ['a']));
    expect(rig.running).toEqual([]);
    rig.settle();
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('the commit that shows whether it still owns its partitions is sent at once', () => {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.settle();
    const before = rig.of('commit').length;
    rig.tell((core, at) => core.stoodStill(at));
    expect(rig.of('commit')).toHaveLength(before + 1);
  });
});

describe('the journal', () => {
  it('hears the acknowledged frontier now and then, never one that is not acknowledged yet', () => {
    const rig = new CoreRig({ confirmIntervalMs: 10_000 });
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    rig.settle();
    rig.finish(rig.runOf('b'));
    rig.pass(11_000);
    expect(rig.of('confirm').at(-1)).toMatchObject({ frontier: 1, reason: 'periodic' });
    const heard = rig.of('confirm').length;
    rig.settle();
    rig.pass(7_000);
    expect(rig.of('confirm')).toHaveLength(heard);
    rig.pass(4_000);
    expect(rig.of('confirm').at(-1)).toMatchObject({ frontier: 2, reason: 'periodic' });
  });

  it('hears the frontier when the time has come to the millisecond, and not of a partition that is given up', () => {
    const rig = new CoreRig({ confirmIntervalMs: 500 });
    const startedMs = rig.nowMs;
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.settle();
    rig.pass(startedMs + 499 - rig.nowMs);
    expect(rig.of('confirm')).toHaveLength(1);
    rig.pass(1);
    expect(rig.of('confirm').at(-1)).toMatchObject({ frontier: 1, reason: 'periodic' });
    rig.records(rig.partition(0), itemsOf(1, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    rig.settle();
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.pass(600);
    expect(rig.of('confirm')).toHaveLength(2);
  });

  it('hears a frontier again that could not be written, although the partition is idle', () => {
    const rig = new CoreRig({ confirmIntervalMs: 10_000 });
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a']));
    rig.finish(rig.runOf('a'));
    rig.settle();
    rig.pass(11_000);
    expect(rig.of('confirm').at(-1)).toMatchObject({ frontier: 1, reason: 'periodic' });
    rig.tell((core, at) => core.frontierUnwritten(at, partition, 0)); // an older one: it has been written since
    rig.pass(11_000);
    expect(rig.of('confirm')).toHaveLength(2);
    rig.tell((core, at) => core.frontierUnwritten(at, partition, 1));
    rig.pass(11_000);
    expect(rig.of('confirm')).toHaveLength(3);
    expect(rig.of('confirm').at(-1)).toMatchObject({ frontier: 1, reason: 'periodic' });
  });

  it('does not hear the same frontier twice: an idle partition writes nothing', () => {
    const rig = new CoreRig({ confirmIntervalMs: 10_000 });
    rig.take(0);
    rig.settle();
    rig.pass(50_000);
    expect(rig.of('confirm')).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { afterCrash, mark, ParkedRig } from '../../../test/support/parked-rig.ts';
import type { PartitionEffect } from './effects.ts';

/** Key k is parked with all its tasks. */
function parkedKey(keys: string): ParkedRig {
  const at = new ParkedRig();
  at.rig.records(at.partition, itemsOf(0, keys.split('')));
  at.giveUp('k');
  at.finishAll();
  at.story.length = 0;
  return at;
}

/** Answers what is open, but for writes of this kind; those are given back. */
function answerAllBut(at: ParkedRig, kind: 'progress' | 'done' | 'cleared'): PartitionEffect[] {
  const left: PartitionEffect[] = [];
  for (let open = at.open(); open.length > 0; open = at.open()) {
    for (const effect of open) {
      if (effect.kind === 'write' && effect.write.kind === kind) left.push(effect);
      else at.answer(effect);
    }
    if (at.rig.core.state.commitUnderWay) at.rig.ack();
  }
  return left;
}

describe('the end of a redrive', () => {
  it('is left to the next owner when it comes while the partition is being given up', () => {
    const at = parkedKey('kk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.finish(at.rig.runOf('k'));
    at.settle();
    expect(at.story.at(-1)).toBe('progress k 1');
    expect(at.story).not.toContain('cleared k redriven');
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('leaves nothing to be looked after', () => {
    const at = parkedKey('kk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    const { settling, redriving, parkedWanted } = at.rig.core.state;
    expect([settling.size, redriving.size, parkedWanted.size]).toEqual([0, 0, 0]);
    expect([at.partition.asideOpen.size, at.partition.redrives.size]).toEqual([0, 0]);
  });

  it('that fails leaves nothing to be looked after', () => {
    const at = parkedKey('kk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.giveUp('k');
    at.settle();
    expect([at.partition.asideOpen.size, at.partition.redrives.size]).toEqual([0, 0]);
  });

  it.each(['settling', 'redriving'] as const)(
    'of a partition that is lost while %s is looked after by nobody',
    (what) => {
      const at = parkedKey('kk');
      if (what === 'settling') at.rig.records(at.partition, itemsOf(2, ['k']));
      at.command('k', { name: 'redrive', mark: at.markOf('k') });
      if (what === 'redriving') at.settle();
      expect(at.rig.core.state[what].size).toBe(1);
      at.rig.tell((core, now) => core.lost(now, [0]));
      at.rig.pass(1);
      const { settling, redriving, parkedWanted } = at.rig.core.state;
      expect([settling.size, redriving.size, parkedWanted.size]).toEqual([0, 0, 0]);
    },
  );
});

describe('a redrive that finds less than its owner has copied', () => {
  function cutOff(at: ParkedRig, end: number): void {
    const { parkedLog } = at;
    const read = at.read.bind(at);
    at.read = (want) => {
      const rest = parkedLog.splice(end);
      const found = read(want);
      parkedLog.push(...rest);
      return found;
    };
  }

  it('runs what there is and holds the key, which may be looked for once more', () => {
    const at = parkedKey('kkkk');
    const whole = at.read.bind(at);
    cutOff(at, 2);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
    expect(at.partition.marks.size).toBe(1);
    expect(at.rig.reports('key-held')).toMatchObject([{ key: 'k', reason: 'data-loss', offset: 2 }]);
    at.command('k', { name: 'release' });
    at.finishAll();
    expect(at.rig.reports('key-held')).toHaveLength(2);
    at.read = whole;
    at.command('k', { name: 'release' });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2', 'done k3']);
    expect(at.story).toContain('cleared k redriven');
  });

  it('gives way to an operator who discards the rest', () => {
    const at = parkedKey('kkkk');
    const mark = at.markOf('k');
    cutOff(at, 2);
    at.command('k', { name: 'redrive', mark });
    at.finishAll();
    at.command('k', { name: 'discard', mark });
    at.settle();
    expect(at.story).toContain('cleared k discarded');
    expect(at.partition.marks.size).toBe(0);
  });
});

describe('a key that was redriven', () => {
  it('does not run again what an overtaken commit has left in the queue, down to the first offset', () => {
    const at = afterCrash([{ ...mark, from: 0 }], 0);
    at.parkedLog.push({ mark: 7, item: itemOf(0, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.finishAll();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1']);
  });

  it('does not run that again either when it was parked once more, with nothing to redrive', () => {
    const at = afterCrash([{ ...mark, from: 0 }], 0);
    at.parkedLog.push({ mark: 7, item: itemOf(0, 'k') }, { mark: 7, item: itemOf(1, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.finishAll();
    at.command('k', { name: 'park' });
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });

  it('has been copied and committed before, so that it does not run again in the hands of whoever is next', () => {
    const at = afterCrash([{ ...mark, from: 0 }], 2);
    at.parkedLog.push({ mark: 7, item: itemOf(0, 'k') }, { mark: 7, item: itemOf(1, 'k') });
    at.command('k', { name: 'redrive', mark: 7 });
    at.settle();
    expect(at.rig.reports('redrive-began')).toEqual([]);
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
    at.settle();
    expect(at.rig.reports('redrive-began')).toHaveLength(1);
    expect(at.partition.committedFrontier).toBe(2);
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });

  it('stays parked when it was a single task of it that was redriven', () => {
    const at = new ParkedRig({ afterGiveUp: () => 'parkTask' });
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    at.settle();
    const [single] = at.partition.marks.keys();
    at.command('k', { name: 'park' });
    at.settle();
    at.command('k', { name: 'redrive', mark: single ?? -1 });
    at.finishAll();
    at.rig.records(at.partition, itemsOf(1, ['k']));
    at.finishAll();
    expect(at.done).toEqual(['done k0']);
    expect(at.parkedLog.map(({ mark: of, item }) => [of === single, item.offset])).toEqual([
      [true, 0],
      [false, 1],
    ]);
    expect(at.partition.parkedTasks.size).toBe(0);
  });
});

describe('progress of a redrive', () => {
  it('is written once a commit interval', () => {
    const at = parkedKey('kkk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.rig.pass(9);
    expect(at.open()).toEqual([]);
    at.rig.pass(1);
    expect(at.open()).toMatchObject([{ write: { kind: 'progress', done: 0 } }]);
  });

  it('may be written after the redrive has failed, and after another one was asked for', () => {
    const at = parkedKey('kkk');
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.finish(at.rig.runOf('k'));
    at.giveUp('k');
    const late = answerAllBut(at, 'progress');
    expect(at.partition.parkedKeys.get('k')?.stage).toBe('parked');
    for (const effect of late) at.answer(effect);
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.finishAll();
    expect(at.done).toEqual(['done k0', 'done k1', 'done k2']);
  });
});

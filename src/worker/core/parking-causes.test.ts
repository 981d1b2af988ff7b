import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { afterCrash, mark, ParkedRig } from '../../../test/support/parked-rig.ts';

const retry = { minDelayMs: 10, maxDelayMs: 10, giveUpAfterMs: 60_000, maxAttempts: 2 };

describe('a key is parked', () => {
  it('when its task has failed as often as it may, and nobody asked for it', () => {
    const at = new ParkedRig({ retry });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.rig.fail(at.rig.runOf('k'));
    at.rig.pass(20);
    at.rig.fail(at.rig.runOf('k'));
    at.settle();
    expect(at.rig.reports('parked')).toMatchObject([{ key: 'k', reason: 'gave-up', error: new Error('x') }]);
    expect(at.parkedLog.map(({ item }) => item.offset)).toEqual([0, 1]);
  });

  it('when its task cannot be read', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.rig.end(at.rig.runOf('k'), { kind: 'hold', reason: 'undecodable', error: new Error('no JSON') });
    at.settle();
    expect(at.rig.reports('parked')).toMatchObject([{ reason: 'undecodable', error: new Error('no JSON') }]);
  });
});

describe('a task that gives up is held in its place', () => {
  it('when later tasks of its key are parked already: none may get behind them', () => {
    const at = afterCrash([mark], 1);
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    at.settle();
    at.giveUp('k');
    at.settle();
    expect(at.rig.reports('key-held')).toMatchObject([{ offset: 0, reason: 'gave-up', attempts: 1 }]);
    expect(at.rig.of('mark')).toEqual([]);
    expect([...at.partition.marks.keys()]).toEqual([7]);
  });

  it('when it is redriven and its partition is being given up: the next owner goes on with it', () => {
    const at = new ParkedRig();
    at.rig.records(at.partition, itemsOf(0, ['k']));
    at.giveUp('k');
    at.settle();
    at.command('k', { name: 'redrive', mark: at.markOf('k') });
    at.settle();
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    at.giveUp('k');
    at.settle();
    expect(at.rig.reports('redrive-failed')).toEqual([]);
    expect(at.story.filter((line) => line.startsWith('command'))).toEqual([]);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

const ids = { topicId: 'topic', statePin: 'abcdefghijklmnopqrstuv' };

/** Key k was parked with three tasks; the first of them runs again in a partition whose log has lost its start. */
function haltedRedrive(): ParkedRig {
  const at = new ParkedRig({ drainMs: 30_000, commitIntervalMs: 1_000 });
  at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k']));
  at.giveUp('k');
  at.settle();
  at.command('k', { name: 'redrive', mark: at.markOf('k') });
  at.settle();
  expect(at.rig.runningKeys).toEqual(['k']);
  at.story.length = 0;
  const log = { start: 50, end: 100, ...ids, readTo: at.partition.nextOffset, left: undefined };
  at.rig.tell((core, now) => core.logSeen(now, at.partition, log));
  expect(at.partition.phase).toBe('halted');
  return at;
}

/** Answers and commits for a moment, and no longer. */
function answerAll(at: ParkedRig): void {
  for (let round = 0; round < 10; round += 1) {
    for (const effect of at.open()) at.answer(effect);
    if (at.rig.core.state.commitUnderWay) at.rig.ack();
    at.rig.pass(1);
  }
}

function claims(at: ParkedRig): number {
  return at.rig.of('claim').length;
}

describe('what a redrive has done in a halted partition', () => {
  it('is written down before the partition is taken anew for an accepted loss', () => {
    const at = haltedRedrive();
    at.command('', { name: 'accept-loss', below: 50, ...ids });
    at.finish(at.rig.runOf('k'));
    expect(claims(at)).toBe(1);
    const [progress] = at.open();
    expect(progress).toMatchObject({ kind: 'write', write: { kind: 'progress', done: 0 } });
    if (progress === undefined) return;
    at.answer(progress);
    answerAll(at);
    expect(at.story).toEqual(['done k0', 'progress k 0']);
    expect(claims(at)).toBe(2);
  });

  it('is written down before the partition is handed on, however soon after its end that is', () => {
    const at = haltedRedrive();
    at.finish(at.rig.runOf('k'));
    // Its copies are committed, and nothing else of the partition has changed.
    answerAll(at);
    expect(at.story).toEqual(['done k0']);
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    expect(at.rig.of('answer-revoke')).toEqual([]);
    answerAll(at);
    expect(at.story).toEqual(['done k0', 'progress k 0']);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });

  it('is waited for while it is being written', () => {
    const at = haltedRedrive();
    at.finish(at.rig.runOf('k'));
    at.rig.pass(1_000);
    const written = at.open();
    expect(written).toMatchObject([{ kind: 'write', write: { kind: 'progress', done: 0 } }]);
    at.rig.tell((core, now) => core.revoked(now, 1, [0]));
    if (at.rig.core.state.commitUnderWay) at.rig.ack();
    at.rig.pass(1);
    expect(at.rig.of('answer-revoke')).toEqual([]);
    for (const effect of written) at.answer(effect);
    answerAll(at);
    expect(at.rig.of('answer-revoke')).toHaveLength(1);
  });
});

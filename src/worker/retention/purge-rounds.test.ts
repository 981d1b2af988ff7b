import { describe, expect, it } from 'vitest';
import { holdBackTimes, KEEP_MS, PurgeRig, ROUND_MS } from '../../../test/support/purge-rig.ts';
import { failures } from '../../kafka/memory/failures.ts';

describe('a round', () => {
  it('that fails is told, and the next one does its work', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS);
    for (const call of ['eachLogEnds', 'offsetsForTime', 'deleteRecords'] as const) {
      rig.cluster.faults.failAdmin(call, failures.unreachable);
      await rig.rounds();
      expect(rig.start('q')).toBe(0);
    }
    expect(owner.of('problem').map(({ failure }) => failure.kind)).toEqual(Array(3).fill('unreachable'));
    await rig.rounds();
    expect(rig.start('q')).toBe(10);
  });

  it('may meet a leader that has just moved: that partition waits for the next one', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    for (const partition of [0, 1]) {
      rig.append('q', partition, 5);
      owner.finish(partition, 5);
    }
    await rig.pass(KEEP_MS);
    rig.cluster.faults.refuseDeletion({ topic: 'q', partition: 0 }, failures.notEnoughReplicas);
    await rig.rounds();
    expect([rig.start('q', 0), rig.start('q', 1)]).toEqual([0, 5]);
    await rig.rounds();
    expect(rig.start('q', 0)).toBe(5);
  });

  it('that may not delete says so once, tries again after a while, and goes on when it may', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner({ partitions: [0] });
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    const denied = { kind: 'authorization', code: 29, message: 'Topic authorization failed' } as const;
    rig.cluster.faults.refuseDeletion({ topic: 'q' }, denied);
    rig.cluster.faults.refuseDeletion({ topic: 'q' }, denied);
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(owner.of('retention-refused')).toMatchObject([{ topic: 'q', failure: { code: 29 } }]);
    expect(owner.purger.health.refused).toHaveLength(1);
    await rig.rounds(3);
    expect(rig.asked.filter((call) => call === 'deleteRecords')).toHaveLength(1);
    await rig.rounds(1); // 10 s are over: as long as tasks are kept here
    expect(owner.of('retention-refused')).toHaveLength(2);
    await rig.rounds(4);
    expect(rig.start('q')).toBe(10);
    expect(owner.purger.health.refused).toEqual([]);
    expect(owner.of('retention-refused')).toHaveLength(2);
  });

  it('asks nothing more once the worker stops, and has ended before that', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    await rig.pass(KEEP_MS);
    const held = holdBackTimes(owner);
    await rig.rounds(2);
    let stopped = false;
    const stopping = owner.purger.stop().then(() => {
      stopped = true;
    });
    await rig.pass(1);
    expect(stopped).toBe(false);
    rig.asked.length = 0;
    held.answer?.();
    await stopping;
    await rig.pass(KEEP_MS);
    expect(rig.asked).toEqual(['offsetsForTime']);
    expect(rig.start('q')).toBe(0);
    expect(owner.of('problem')).toEqual([]);
  });

  it('that brokers do not answer holds up the end of the worker for 5 s, and an unanswered commit not at all', async () => {
    await using rig = new PurgeRig();
    const owner = await rig.owner();
    rig.append('q', 0, 10);
    owner.finish(0, 10);
    owner.answers = false;
    await rig.pass(KEEP_MS + ROUND_MS);
    expect(owner.asked).toHaveLength(1);
    await owner.purger.stop();
    const other = await rig.owner();
    other.admin = new Proxy(other.admin, { get: () => () => new Promise(() => {}) });
    await rig.rounds();
    const stopping = other.purger.stop();
    await rig.pass(5_000);
    await stopping;
    expect(rig.start('q')).toBe(0);
  });
});

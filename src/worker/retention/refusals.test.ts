import { describe, expect, it } from 'vitest';
import { KEEP_MS, PurgeRig, ROUND_MS } from '../../../test/support/purge-rig.ts';

const denied = { kind: 'authorization', code: 29, message: 'Topic authorization failed' } as const;

/** Has finished all of its partition, and has been told that nothing of it may be deleted. */
async function refusedOwner(rig: PurgeRig): ReturnType<PurgeRig['owner']> {
  const owner = await rig.owner({ partitions: [0] });
  rig.append('q', 0, 10);
  owner.finish(0, 10);
  rig.cluster.faults.refuseDeletion({ topic: 'q' }, denied);
  await rig.pass(KEEP_MS + ROUND_MS);
  return owner;
}

describe('that a topic may not be deleted from', () => {
  it('is over for a worker that has no partition any more', async () => {
    await using rig = new PurgeRig();
    const owner = await refusedOwner(rig);
    expect(owner.purger.health.refused).toMatchObject([{ topic: 'q' }]);
    owner.state().move('gone');
    await rig.rounds();
    expect(owner.purger.health.refused).toEqual([]);
    await rig.pass(KEEP_MS * 2);
    expect(owner.of('retention-refused')).toHaveLength(1);
  });

  it('is over when the time for another try has come and there is nothing to delete', async () => {
    await using rig = new PurgeRig();
    const owner = await refusedOwner(rig);
    rig.cluster.deleteRecords({ topic: 'q', partition: 0 }, 10); // by an operator
    await rig.rounds();
    expect(owner.purger.health.refused).toMatchObject([{ topic: 'q' }]);
    await rig.pass(KEEP_MS);
    expect(owner.purger.health.refused).toEqual([]);
    expect(owner.of('retention-refused')).toHaveLength(1);
  });
});

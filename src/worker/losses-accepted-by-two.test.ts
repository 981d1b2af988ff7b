import { describe, expect, it } from 'vitest';
import { type LastDeed, MortalDriver } from '../../test/support/mortal-driver.ts';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';
import type { Worker } from './worker.ts';

const place = { topic: 'q', partition: 0 };
const one = { topic: { partitions: 1 } };

/** Tasks of offsets 0 to 9; the first owner is halted, as 0 and 1 are gone, and dies when it does that. */
async function halted(rig: QueueRig, lastDeed: LastDeed): Promise<{ mortal: MortalDriver; first: Worker }> {
  await rig.enqueue('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
  const before = await rig.started(({ key }) => {
    if (key === 'a') throw new Error('not now');
  });
  await many(before, 'committed', 1);
  await before.stop();
  rig.cluster.deleteRecords(place, 2);
  const mortal = new MortalDriver(rig);
  const queue = rig.open(rig.connect(mortal.driver), one);
  const first = rig.worker(() => {}, {}, queue);
  const stops = next(first, 'partition-halted');
  await first.start();
  expect(await stops).toMatchObject({ from: 0n, to: 2n });
  mortal.lastDeed = lastDeed;
  return { mortal, first };
}

describe('an accepted loss whose owner dies', () => {
  it.each<[string, LastDeed, string]>([
    ['before it claims the partition for it', { what: 'claim', isDone: false }, 'accepted'],
    ['when it has claimed it', { what: 'claim', isDone: true }, 'accepted'],
    ['before it commits behind the loss', { what: 'commit', isDone: false }, 'accepted'],
    // The partition goes on as the commit says, and nobody knows why it is there.
    ['when it has committed that', { what: 'commit', isDone: true }, 'nothing-lost'],
    ['before it says that it works', { what: 'confirm', isDone: false }, 'nothing-lost'],
    ['when it has said so', { what: 'confirm', isDone: true }, 'accepted'],
  ])('%s is told by the next one', async (_when, lastDeed, outcome) => {
    await using rig = new QueueRig(one);
    const { mortal } = await halted(rig, lastDeed);
    const asked = rig.queue.pending.acceptLoss({ partition: 0, below: 2n, waitMs: 15_000 });
    await mortal.died;
    const second = rig.worker(() => {});
    const started = next(second, 'partition-started');
    await second.start();
    expect((await asked).outcome).toBe(outcome);
    await started;
    // Again: nothing happens.
    const again = await rig.queue.pending.acceptLoss({ partition: 0, below: 2n, waitMs: 15_000 });
    expect(again.outcome).toBe('nothing-lost');
    expect(second.health().partitions).toMatchObject([{ phase: 'running', halted: undefined }]);
  });

  it.each<[LastDeed['what'], string]>([
    ['confirm', 'accepted'],
    ['commit', 'not-enough'],
  ])('(%s) is accepted once: what is lost after it stops the partition again', async (what, outcome) => {
    await using rig = new QueueRig(one);
    const { mortal } = await halted(rig, { what, isDone: true });
    const asked = rig.queue.pending.acceptLoss({ partition: 0, below: 9n, waitMs: 15_000 });
    await mortal.died;
    rig.cluster.deleteRecords(place, 4);
    const second = rig.worker(() => {});
    const stops = next(second, 'partition-halted');
    const goesOn = next(second, 'partition-started');
    await second.start();
    expect(await Promise.race([stops, goesOn])).toMatchObject({ reason: 'data-loss', from: 2n, to: 4n });
    expect((await asked).outcome).toBe(outcome);
  });
});

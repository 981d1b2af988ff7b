import { describe, expect, it } from 'vitest';
import { OperatorRig } from '../../test/support/operator-rig.ts';
import { OptionsError } from '../errors/options-error.ts';
import { LossRefusedError } from '../errors/parked-errors.ts';

/** The owner of partition 0 says how far it has come. */
function state(rig: OperatorRig, frontier: number, topicId = idOf(rig, 'q')): void {
  rig.write(0, { kind: 'confirm', epoch: rig.epoch(0), frontier, topicId, reason: 'periodic' });
}

function idOf(rig: OperatorRig, topic: string): string {
  return rig.rig.cluster.topics.get(topic)?.id ?? '';
}

describe('pending.acceptLoss', () => {
  it('is a command to the partition, for the topics as they are now', async () => {
    await using rig = await OperatorRig.open();
    await rig.rig.enqueue('a', 'a', 'd');
    const { id } = await rig.queue.pending.acceptLoss({ partition: 0, below: 2n, by: 'alice' });
    expect(rig.commands()).toMatchObject([
      {
        id,
        group: 'q',
        partition: 0,
        by: 'alice',
        key: '',
        verb: { name: 'accept-loss', below: 2, topicId: idOf(rig, 'q'), statePin: idOf(rig, 'q.state') },
      },
    ]);
  });

  it('tells how it ended', async () => {
    await using rig = await OperatorRig.open();
    rig.onCommand(({ id }) => rig.done(1, id, 'not-enough'));
    const receipt = await rig.queue.pending.acceptLoss({ partition: 1, below: 0n, waitMs: 30_000 });
    expect(receipt.outcome).toBe('not-enough');
  });

  it.each([
    ['in no partition of the queue', { partition: 2, below: 0n }, 'no-partition', 'has no partition 2'],
    ['beyond the log', { partition: 0, below: 3n }, 'beyond-the-log', 'no offsets below 3: it goes up to 2'],
  ])('refuses what cannot be lost: %s', async (_what, given, reason, text) => {
    await using rig = await OperatorRig.open();
    await rig.rig.enqueue('a', 'a');
    state(rig, 1);
    const error: unknown = await rig.queue.pending.acceptLoss(given).then(
      () => 'it was taken',
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(LossRefusedError);
    expect(error).toMatchObject({
      code: 'LOSS_REFUSED',
      reason,
      ...given,
      message: expect.stringContaining(text),
    });
    expect(rig.commands()).toEqual([]);
  });

  it.each<[string, (rig: OperatorRig) => void]>([
    ['what was confirmed', (rig) => state(rig, 7)],
    ['what was read', (rig) => void rig.write(0, { kind: 'truncated', epoch: rig.epoch(0), from: 2, to: 7 })],
    [
      'what is committed',
      (rig) => {
        const offsets = rig.rig.cluster.group('q').offsets as Map<
          string,
          { offset: number; metadata: string }
        >; // told as read-only
        offsets.set('q/0', { offset: 7, metadata: '' });
      },
    ],
  ])('takes an offset beyond the end of a log that had more: up to %s', async (_what, was) => {
    await using rig = await OperatorRig.open();
    await rig.rig.enqueue('a', 'a');
    state(rig, 1);
    was(rig);
    await rig.queue.pending.acceptLoss({ partition: 0, below: 7n });
    await expect(rig.queue.pending.acceptLoss({ partition: 0, below: 8n })).rejects.toThrow(
      'it goes up to 7',
    );
    expect(rig.commands()).toHaveLength(1);
  });

  it('takes any offset of a topic that is gone', async () => {
    await using rig = await OperatorRig.open();
    state(rig, 7, 'gone');
    await rig.queue.pending.acceptLoss({ partition: 0, below: 8n });
    expect(rig.commands()).toMatchObject([{ verb: { below: 8, topicId: idOf(rig, 'q') } }]);
  });

  it('takes offsets as bigints', async () => {
    await using rig = await OperatorRig.open();
    const { pending } = rig.queue;
    // @ts-expect-error: a number
    await expect(pending.acceptLoss({ partition: 0, below: 1 })).rejects.toBeInstanceOf(OptionsError);
    await expect(pending.acceptLoss({ partition: -1, below: -1n })).rejects.toBeInstanceOf(OptionsError);
  });
});

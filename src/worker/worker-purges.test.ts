import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';

const start = (rig: QueueRig, topic: string, partition: number): number =>
  rig.cluster.log({ topic, partition })?.ends.start ?? -1;

describe('a worker', () => {
  it('deletes what is finished, idle partitions included, and keeps what is not', async () => {
    await using rig = new QueueRig({ retention: { keepFinishedMs: 1_000 } });
    const held = new Signal();
    const worker = await rig.started(({ key }) => (key === 'slow' ? held.promise : undefined));
    const finished = many(worker, 'task-finished', 4);
    await rig.enqueue('a', 'b', 'c', 'd', 'slow');
    await finished;
    const idle = 1 - partitionOf(rig, 'slow');
    const ofIdle = rig.cluster.log({ topic: 'q', partition: idle })?.ends.end;
    const purged = await next(
      worker,
      'purged',
      ({ partition, below }) => partition === idle && Number(below) === ofIdle,
    );
    expect(purged.topic).toBe('q');
    expect(start(rig, 'q', idle)).toBe(ofIdle);
    const pinned = await next(worker, 'retention-pinned');
    expect(pinned.worst[0]?.by).toMatchObject({ kind: 'task', group: 'q', key: 'slow' });
    expect(worker.health()).toMatchObject({
      status: 'degraded',
      retention: { pinned: { worst: [{ topic: 'q' }] } },
    });
    // What was finished before the slow one may go only now.
    const whole = rig.cluster.log({ topic: 'q', partition: 1 - idle })?.ends.end;
    const rest = next(
      worker,
      'purged',
      ({ partition, below }) => partition !== idle && Number(below) === whole,
    );
    held.resolve();
    await rest;
    expect([start(rig, 'q', 0), start(rig, 'q', 1)]).toEqual(
      [0, 1].map((partition) => rig.cluster.log({ topic: 'q', partition })?.ends.end),
    );
  });
});

function partitionOf(rig: QueueRig, key: string): number {
  const found = rig.cluster.records('q').find((record) => record.key?.toString() === key);
  return found?.partition ?? -1;
}

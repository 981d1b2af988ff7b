import { describe, expect, it } from 'vitest';
import { many, next, QueueRig } from '../../test/support/queue-rig.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { NO_PINS } from './retention/pin-book.ts';

describe('start', () => {
  it('may be called once', async () => {
    await using rig = new QueueRig();
    const worker = await rig.started(() => {});
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' });
    await worker.stop();
    await expect(worker.start()).rejects.toMatchObject({ code: 'WORKER_STATE' });
  });

  it('rejects, and so does done, when the topics are not fit; nothing is left behind', async () => {
    await using rig = new QueueRig();
    rig.cluster.createTopic('q', { partitions: 2, configs: { 'cleanup.policy': 'compact' } });
    const worker = rig.worker(() => {});
    await expect(worker.start()).rejects.toMatchObject({ code: 'TOPICS_REFUSED' });
    await expect(worker.done).rejects.toMatchObject({ code: 'TOPICS_REFUSED' });
    expect(worker.health().status).toBe('stopped');
    await worker.stop();
    expect(rig.cluster.topics.has('q.state')).toBe(false);
  });

  it('opens nothing for good when one of its clients cannot be opened', async () => {
    await using rig = new QueueRig();
    const plain = memoryDriver(rig.cluster);
    let open = 0;
    let asked = 0;
    const kafka = rig.connect({
      ...plain,
      reader: async (options) => {
        asked += 1;
        if (asked === 2) throw new Error('no more sockets');
        const reader = await plain.reader(options);
        open += 1;
        return Object.assign(Object.create(reader) as typeof reader, {
          onReadable: reader.onReadable.bind(reader),
          onProblem: reader.onProblem.bind(reader),
          close: async () => {
            open -= 1;
            await reader.close();
          },
        });
      },
    });
    const worker = rig.worker(() => {}, {}, rig.open(kafka));
    await expect(worker.start()).rejects.toThrow('no more sockets');
    expect([asked, open]).toEqual([2, 0]);
  });
});

describe('health', () => {
  it('goes from starting to ok to stopped', async () => {
    await using rig = new QueueRig();
    const worker = rig.worker(() => {});
    expect(worker.health()).toEqual({
      status: 'starting',
      reasons: [],
      runningCount: 0,
      heldKeys: 0,
      bufferedBytes: 0,
      retention: { pinned: NO_PINS, refused: [], alarms: [] },
      partitions: [],
    });
    const ready = many(worker, 'partition-started', 2);
    await worker.start();
    await ready;
    expect(worker.health()).toMatchObject({
      status: 'ok',
      partitions: [
        { partition: 0, phase: 'running', idleMs: undefined },
        { partition: 1, phase: 'running', idleMs: undefined },
      ],
    });
    const finished = next(worker, 'task-finished');
    await rig.enqueue('a');
    const { partition } = await finished;
    expect(worker.health().partitions[partition]?.idleMs).toBeGreaterThanOrEqual(0);
    await worker.stop();
    expect(worker.health()).toMatchObject({ status: 'stopped', partitions: [], runningCount: 0 });
  });
});

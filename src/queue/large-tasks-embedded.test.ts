import { describe, expect, it, onTestFinished, test } from 'vitest';
import {
  chunksOf,
  failing,
  type LargeTasks,
  LargeTasksRig,
  MIB,
  noise,
} from '../../test/support/large-tasks-rig.ts';
import { failureOf } from '../../test/support/scripted-producer.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { TaskQueue } from './task-queue.ts';

describe('a cluster that keeps little, as the embedded one does', () => {
  /** The fake, with the limits of the embedded cluster. */
  class SmallRig extends LargeTasksRig {
    override connect(): KafkaConnection {
      const embedded = { partitionsPerTopic: 2, partitionBytes: 4_000_000 };
      return super.connect({ ...memoryDriver(this.cluster), embedded });
    }
  }

  test.each<[string, (queue: TaskQueue<LargeTasks>) => Promise<unknown>]>([
    ['a body', (queue) => queue.enqueue('video', { key: 'a' }, { body: noise(4 * MIB) })],
    ['a stream', (queue) => queue.enqueue('video', { key: 'a' }, { body: chunksOf(noise(4 * MIB)) })],
    ['a payload', (queue) => queue.enqueue('note', { key: 'a', text: noise(4 * MIB).toString('hex') })],
  ])('refuses what it has no room for: %s', async (_what, enqueue) => {
    await using rig = new SmallRig();
    const error = await enqueue(rig.large).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TASK_TOO_LARGE' });
    expect(String(error)).toContain('Embedded Kafka');
    expect(rig.ids()).toEqual([]);
  });

  it('takes what fits', async () => {
    await using rig = new SmallRig();
    const content = noise(3_050_000);
    await rig.large.enqueue('video', { key: 'a' }, { body: content });
    const [head] = rig.heads();
    if (head?.body?.kind !== 'parts') throw new Error('it is not in parts');
    expect((await rig.content(head.body.manifest)).equals(content)).toBe(true);
  });

  it('takes the next one when those before it are finished', async () => {
    await using rig = new SmallRig();
    const nothing = () => {};
    const worker = rig.large.worker(
      { note: nothing, later: nothing, image: nothing, video: nothing },
      { logger: silentLogger, commitIntervalMs: 10 },
    );
    await worker.start();
    const sources = [
      noise(1_900_000),
      noise(1_900_000),
      failing(1_900_000),
      noise(3_050_000),
      noise(1_900_000),
    ];
    const ends = await Promise.allSettled(
      sources.map((body) => rig.large.enqueue('video', { key: 'a' }, { body })),
    );
    expect(ends.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  describe('has room again', () => {
    async function working(): Promise<{
      rig: SmallRig;
      enqueue: (id: string, signal?: AbortSignal) => Promise<unknown>;
    }> {
      const rig = new SmallRig();
      onTestFinished(() => rig[Symbol.asyncDispose]());
      const nothing = () => {};
      const worker = rig.large.worker(
        { note: nothing, later: nothing, image: nothing, video: nothing },
        { logger: silentLogger, commitIntervalMs: 10 },
      );
      await worker.start();
      const body = noise(3_050_000);
      const enqueue = (id: string, signal = new AbortController().signal): Promise<unknown> =>
        rig.large.enqueue('video', { key: 'a' }, { body, id, signal, timeoutMs: 60_000 });
      await enqueue('first'); // what comes now goes several records at once
      return { rig, enqueue };
    }

    it('when parts of calls that were given up come into the log afterwards', async () => {
      const { rig, enqueue } = await working();
      for (const id of ['second', 'third']) {
        const before = rig.cluster.records('large.parts').length;
        const hold = rig.cluster.faults.holdAppendAck({ topic: 'large.parts' });
        const caller = new AbortController();
        const call = failureOf(enqueue(id, caller.signal));
        await expect.poll(() => rig.cluster.records('large.parts').length).toBeGreaterThan(before);
        caller.abort(new Error('enough'));
        expect(await call).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
        hold.release();
      }
      await enqueue('last');
      await expect.poll(() => rig.ids()).toEqual(['first', 'last']);
    });

    it('when a task whose caller did not wait is in the log after all, and finished', async () => {
      const { rig, enqueue } = await working();
      const hold = rig.cluster.faults.holdAppendAck({ topic: 'large' });
      const caller = new AbortController();
      const call = failureOf(enqueue('second', caller.signal));
      await expect.poll(() => rig.ids()).toEqual(['first', 'second']);
      caller.abort(new Error('enough'));
      expect(await call).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'unknown' });
      hold.release();
      await enqueue('last');
    });

    it.each([true, false])(
      'when nobody can say whether a task is in the log, and all that is there is finished: it is: %s',
      async (appended) => {
        const { rig, enqueue } = await working();
        rig.cluster.faults.failProducer({ topic: 'large', appended });
        expect(await failureOf(enqueue('second'))).toMatchObject({ outcome: 'unknown' });
        await enqueue('last');
        expect(rig.ids()).toEqual(appended ? ['first', 'second', 'last'] : ['first', 'last']);
      },
    );
  });
});

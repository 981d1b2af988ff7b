import { describe, expect, it } from 'vitest';
import { QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { watchedDriver } from '../../test/support/watched-driver.ts';
import { failures } from '../kafka/memory/failures.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import type { Membership } from '../kafka/port.ts';

describe('a worker that cannot go on', () => {
  it('says so by done, aborts its handlers and stops', async () => {
    await using rig = new QueueRig();
    const reason = new Signal<unknown>();
    const { driver, members } = watchedDriver(rig);
    let listener: Parameters<Membership['join']>[0] = () => {};
    const kafka = rig.connect({
      ...driver,
      membership: (options) => {
        const member = driver.membership(options);
        const join = member.join.bind(member);
        member.join = (given) => {
          listener = given;
          return join(given);
        };
        return member;
      },
    });
    const started = new Signal();
    const worker = await rig.started(
      async (_job, { signal }) => {
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        started.resolve();
        await aborted;
        reason.resolve(signal.reason);
      },
      {},
      rig.open(kafka),
    );
    await rig.enqueue('a');
    await started.promise;
    expect(members).toHaveLength(1);
    listener({ kind: 'problem', failure: failures.fencedInstance, fatal: true });
    await expect(worker.done).rejects.toMatchObject({ code: 'KAFKA_REQUEST_FAILED' });
    expect(await reason.promise).toMatchObject({ reason: 'partition-lost' });
    await worker.stop();
    expect(worker.health().status).toBe('stopped');
  });
});

describe('a worker that an error in keylane itself has ended', () => {
  it('says so by done, aborts its handlers, and leaves its tasks to others of its process', async () => {
    await using rig = new QueueRig();
    const plain = memoryDriver(rig.cluster);
    const bug = new Error('this never happens');
    let wrong = false;
    const kafka = rig.connect({
      ...plain,
      membership: (options) => {
        const member = plain.membership(options);
        const commit = member.commit.bind(member);
        member.commit = async (offsets) => {
          if (wrong) throw bug;
          return await commit(offsets);
        };
        return member;
      },
    });
    const queue = rig.open(kafka);
    const [running, reason, after] = [new Signal(), new Signal<unknown>(), new Signal()];
    const worker = await rig.started(
      async ({ key }, { signal }) => {
        if (key === 'short') {
          await running.promise;
          wrong = true;
          return;
        }
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
        running.resolve();
        await aborted;
        reason.resolve(signal.reason);
      },
      {},
      queue,
    );
    await rig.enqueue('long', 'short');
    await expect(worker.done).rejects.toMatchObject({ code: 'WORKER_BROKEN', cause: bug });
    expect(await reason.promise).toMatchObject({ reason: 'partition-lost' });
    await worker.stop();
    expect(worker.health().status).toBe('stopped');
    wrong = false;
    const again: string[] = [];
    await rig.started(
      ({ key }) => {
        again.push(key);
        if (again.length === 2) after.resolve();
      },
      {},
      queue,
    );
    await after.promise;
    expect(again.sort()).toEqual(['long', 'short']);
  });
});

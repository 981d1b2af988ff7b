import { describe, expect, it } from 'vitest';
import { many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { failures } from '../kafka/memory/failures.ts';
import { EnqueueManyError, type EnqueueMiddleware } from './enqueue-types.ts';

/** Offsets and tasks of a key as the log has them. */
function logged(rig: QueueRig): string[] {
  return rig.cluster
    .records('q')
    .map(({ value }) => JSON.parse(value?.toString() ?? '') as { key: string; n: number })
    .map(({ key, n }) => `${key}${n}`);
}

describe('enqueue', () => {
  it('answers with where the task is, once it is there', async () => {
    await using rig = new QueueRig();
    const receipt = await rig.queue.enqueue('work', { key: 'a', n: 1 }, { id: 'mine' });
    expect(receipt).toMatchObject({ id: 'mine', topic: 'q', offset: 0n });
    expect(receipt.timestamp).toBeInstanceOf(Date);
    const [record] = rig.cluster.records('q');
    expect([record?.partition, record?.offset]).toEqual([receipt.partition, 0]);
  });

  it('keeps the order of calls for a key, whatever is awaited', async () => {
    await using rig = new QueueRig();
    await Promise.all(Array.from({ length: 50 }, (_, n) => rig.queue.enqueue('work', { key: 'k', n })));
    expect(logged(rig)).toEqual(Array.from({ length: 50 }, (_, n) => `k${n}`));
  });

  it('says that the task is surely absent when the brokers were never reached', async () => {
    await using rig = new QueueRig();
    rig.cluster.faults.failAdmin('describeTopics', failures.unreachable);
    const first = rig.queue.enqueue('work', { key: 'k', n: 0 }, { id: 'mine' });
    await expect(first).rejects.toMatchObject({
      name: 'EnqueueError',
      code: 'KAFKA_UNREACHABLE',
      outcome: 'absent',
      id: 'mine',
    });
    // The next call looks again.
    await rig.queue.enqueue('work', { key: 'k', n: 1 });
    expect(logged(rig)).toEqual(['k1']);
  });

  it('says that a task may be there when its ack was lost', async () => {
    await using rig = new QueueRig();
    await rig.enqueue('warm');
    rig.cluster.faults.loseAppendAck({ topic: 'q' });
    await expect(rig.queue.enqueue('work', { key: 'k', n: 0 })).rejects.toMatchObject({ outcome: 'unknown' });
    expect(logged(rig)).toContain('k0');
  });

  it('goes through middleware, the first one outermost; it may change the request', async () => {
    const steps: string[] = [];
    const step = (name: string): EnqueueMiddleware => {
      return async (request, go) => {
        steps.push(`${name} in`);
        const headers = { ...request.options.headers, [name]: 'was here' };
        const receipt = await go({ ...request, options: { ...request.options, headers } });
        steps.push(`${name} out`);
        return receipt;
      };
    };
    await using rig = new QueueRig({ middleware: [step('outer'), step('inner')] });
    const headers = new Signal<unknown>();
    const worker = rig.worker((_job, context) => headers.resolve(context.headers));
    await worker.start();
    await rig.enqueue('a');
    expect(steps).toEqual(['outer in', 'inner in', 'inner out', 'outer out']);
    expect(await headers.promise).toEqual({ outer: 'was here', inner: 'was here' });
  });

  it('rejects with what its middleware throws, and nothing is sent', async () => {
    await using rig = new QueueRig({
      middleware: [() => Promise.reject(new Error('not allowed'))],
    });
    await expect(rig.enqueue('a')).rejects.toThrow('not allowed');
    expect(rig.cluster.topics.has('q')).toBe(false);
  });
});

describe('enqueueMany', () => {
  it('answers with a receipt an item, each key in its order', async () => {
    await using rig = new QueueRig();
    const receipts = await rig.queue.enqueueMany(
      ['a', 'b', 'a', 'a'].map((key, n) => ({ type: 'work', payload: { key, n }, options: { id: `t${n}` } })),
    );
    expect(receipts.map(({ id }) => id)).toEqual(['t0', 't1', 't2', 't3']);
    expect(logged(rig).filter((entry) => entry.startsWith('a'))).toEqual(['a0', 'a2', 'a3']);
  });

  it('says what became of each when one fails', async () => {
    await using rig = new QueueRig();
    const failed = await rig.queue
      .enqueueMany([
        { type: 'work', payload: { key: 'a', n: 0 } },
        { type: 'work', payload: { key: 'a', n: 'one' as never } },
        { type: 'work', payload: { key: 'a', n: 2 } },
      ])
      .catch((error: unknown) => error);
    if (!(failed instanceof EnqueueManyError)) throw new Error('it did not fail');
    expect(failed).toMatchObject({ code: 'ENQUEUE_MANY_FAILED', cause: { code: 'PAYLOAD_INVALID' } });
    expect(failed.message).toContain('1 of 3');
    expect(failed.results).toMatchObject([
      { ok: true, receipt: { topic: 'q' } },
      { ok: false, error: { code: 'PAYLOAD_INVALID' } },
      { ok: true, receipt: { topic: 'q' } },
    ]);
    expect(logged(rig)).toEqual(['a0', 'a2']);
  });

  it('of nothing is nothing', async () => {
    await using rig = new QueueRig();
    expect(await rig.queue.enqueueMany([])).toEqual([]);
  });
});

describe('encode', () => {
  it('makes a record without sending it; sent later it is the same task', async () => {
    await using rig = new QueueRig();
    const record = await rig.queue.encode(
      'work',
      { key: 'a', n: 7 },
      { id: 'outbox-1', headers: { from: 'db' } },
    );
    expect(record).toMatchObject({ id: 'outbox-1', type: 'work', topic: 'q' });
    expect(record.key.toString()).toBe('a');
    expect(rig.cluster.topics.has('q')).toBe(false);
    const seen = new Signal<unknown>();
    const worker = rig.worker((job, { id, headers, key }) => seen.resolve({ job, id, headers, key }));
    await worker.start();
    const receipt = await rig.queue.enqueueRecord(record);
    expect(receipt).toMatchObject({ id: 'outbox-1', partition: record.partition });
    expect(await seen.promise).toEqual({
      job: { key: 'a', n: 7 },
      id: 'outbox-1',
      headers: { from: 'db' },
      key: 'a',
    });
  });

  it('keeps the order of its sending among other calls', async () => {
    await using rig = new QueueRig();
    const record = await rig.queue.encode('work', { key: 'k', n: 1 });
    await Promise.all([
      rig.queue.enqueue('work', { key: 'k', n: 0 }),
      rig.queue.enqueueRecord(record),
      rig.queue.enqueue('work', { key: 'k', n: 2 }),
    ]);
    expect(logged(rig)).toEqual(['k0', 'k1', 'k2']);
  });

  it('rejects what enqueue would reject', async () => {
    await using rig = new QueueRig();
    await expect(rig.queue.encode('work', { key: '', n: 1 })).rejects.toMatchObject({ code: 'KEY_INVALID' });
    await expect(rig.queue.encode('wrok' as 'work', { key: 'a', n: 1 })).rejects.toMatchObject({
      code: 'TASK_TYPE_UNKNOWN',
    });
  });
});

describe('flush and close', () => {
  it('flush waits for every call made before, good or bad', async () => {
    await using rig = new QueueRig();
    await rig.enqueue('warm');
    const hold = rig.cluster.faults.holdAppend({ topic: 'q' });
    const ends: string[] = [];
    const good = rig.queue.enqueue('work', { key: 'a', n: 1 }).then(() => ends.push('good'));
    const bad = rig.queue.enqueue('work', { key: '', n: 1 }).catch(() => ends.push('bad'));
    const flushed = rig.queue.flush().then(() => ends.push('flushed'));
    await hold.reached;
    expect(ends).toEqual(['bad']);
    hold.release();
    await Promise.all([good, bad, flushed]);
    expect(ends).toEqual(['bad', 'good', 'flushed']);
  });

  it('close waits for open calls, stops the workers and refuses what comes after', async () => {
    await using rig = new QueueRig();
    const worker = await rig.started(() => {});
    const call = rig.queue.enqueue('work', { key: 'a', n: 1 });
    await rig.queue.close();
    expect(await call).toMatchObject({ topic: 'q' });
    expect(worker.health().status).toBe('stopped');
    await expect(rig.queue.enqueue('work', { key: 'a', n: 2 })).rejects.toMatchObject({
      code: 'QUEUE_CLOSED',
      outcome: 'absent',
    });
    expect(() => rig.worker(() => {})).toThrow(expect.objectContaining({ code: 'WORKER_STATE' }));
    await rig.queue.close();
  });

  it('close lets handlers that still run enqueue their follow-ups', async () => {
    await using rig = new QueueRig({ topic: { partitions: 1 } });
    const started = new Signal();
    const worker = await rig.started(async ({ key }, context) => {
      if (key !== 'parent') return;
      const told = new Promise((resolve) => context.draining.addEventListener('abort', resolve));
      started.resolve();
      await told;
      await context.enqueue('work', { key: 'child', n: 0 });
    });
    const finished = next(worker, 'task-finished');
    await rig.enqueue('parent');
    await started.promise;
    await rig.queue.close();
    await finished;
    expect(logged(rig)).toEqual(['parent0', 'child0']);
  });
});

describe('several queues on one connection', () => {
  it('keep their tasks apart, keys of the same name included', async () => {
    await using rig = new QueueRig();
    const other = rig.open(rig.kafka, { name: 'other' });
    const seen: string[] = [];
    const hold = new Signal();
    const first = await rig.started(async () => {
      await hold.promise; // the same key in another queue does not wait for it
      seen.push('q');
    });
    const second = await rig.started(() => void seen.push('other'), {}, other);
    const ends = [many(first, 'task-finished', 1), many(second, 'task-finished', 1)];
    await rig.queue.enqueue('work', { key: 'k', n: 0 });
    await other.enqueue('work', { key: 'k', n: 0 });
    await ends[1];
    expect(seen).toEqual(['other']);
    hold.resolve();
    await ends[0];
    expect(seen).toEqual(['other', 'q']);
  });
});

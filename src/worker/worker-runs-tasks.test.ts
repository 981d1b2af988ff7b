import { expect, it } from 'vitest';
import { type Job, many, next, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { DiscardError, RetryLaterError } from '../errors/control-errors.ts';
import type { TaskContext } from './running/task-context.ts';

const quick = { retry: { minDelayMs: 1, maxDelayMs: 5 } };

it('handles every task once, each key in its order, different keys side by side', async () => {
  await using rig = new QueueRig();
  const seen: string[] = [];
  const alive = new Map<string, number>();
  let most = 0;
  const worker = rig.worker(async ({ key, n }) => {
    expect(alive.get(key) ?? 0).toBe(0);
    alive.set(key, 1);
    most = Math.max(most, [...alive.values()].filter((count) => count > 0).length);
    await new Promise((resolve) => setImmediate(resolve));
    alive.set(key, 0);
    seen.push(`${key}${n}`);
  });
  const all = many(worker, 'task-finished', 300);
  await worker.start();
  const keys = Array.from({ length: 300 }, (_, n) => 'abcdefghij'[n % 10] ?? '');
  await rig.enqueue(...keys);
  await all;
  for (const key of 'abcdefghij') {
    const own = keys.flatMap((other, n) => (other === key ? [`${key}${n}`] : []));
    expect(seen.filter((entry) => entry.startsWith(key))).toEqual(own);
  }
  expect(most).toBeGreaterThan(2);
});

it('keeps the order of a key through failures, while other keys go on', async () => {
  await using rig = new QueueRig();
  const done: string[] = [];
  const fails = new Map([['bad0', 4]]);
  const worker = rig.worker(({ key, n }) => {
    const left = fails.get(`${key}${n}`) ?? 0;
    fails.set(`${key}${n}`, left - 1);
    if (left > 0) throw new Error('not yet');
    done.push(`${key}${n}`);
  }, quick);
  const failures = many(worker, 'task-failed', 4);
  const all = many(worker, 'task-finished', 6);
  await rig.enqueue('bad', 'a', 'bad', 'b', 'bad', 'a');
  await worker.start();
  expect((await failures).map(({ attempt, counted }) => [attempt, counted])).toEqual([
    [1, true],
    [2, true],
    [3, true],
    [4, true],
  ]);
  await all;
  expect(done.filter((entry) => entry.startsWith('bad'))).toEqual(['bad0', 'bad2', 'bad4']);
  expect(done.indexOf('a1')).toBeLessThan(done.indexOf('bad0'));
});

it('retries later when asked to, without counting, and discards on request', async () => {
  await using rig = new QueueRig();
  const attempts: number[] = [];
  const worker = rig.worker(({ n }, { attempt }) => {
    if (n === 1) throw new DiscardError('nobody needs it');
    attempts.push(attempt);
    if (attempts.length < 3) throw new RetryLaterError(1);
  });
  const failed = many(worker, 'task-failed', 2);
  const finished = next(worker, 'task-finished');
  const discarded = next(worker, 'task-discarded');
  await worker.start();
  await rig.enqueue('k', 'k');
  expect((await failed).map(({ retryInMs, counted }) => [retryInMs, counted])).toEqual([
    [1, false],
    [1, false],
  ]);
  await finished;
  expect(attempts).toEqual([1, 1, 1]);
  expect(await discarded).toMatchObject({ key: 'k', reason: 'nobody needs it', offset: 1n });
});

it('holds the key of a task that is given up because it failed too often, when it is to wait', async () => {
  await using rig = new QueueRig();
  const handle = ({ key }: { readonly key: string }): void => {
    if (key === 'bad') throw new Error('again');
  };
  const worker = rig.worker(handle, {
    retry: { minDelayMs: 1, maxDelayMs: 2, maxAttempts: 3 },
    afterGiveUp: 'wait',
  });
  const held = next(worker, 'key-held');
  const others = many(worker, 'task-finished', 2);
  await worker.start();
  await rig.enqueue('bad', 'a', 'bad', 'b');
  expect(await held).toMatchObject({ key: 'bad', reason: 'gave-up', type: 'work', attempts: 3 });
  await others;
  expect(worker.health()).toMatchObject({ status: 'degraded', heldKeys: 1, reasons: ['1 key is held'] });
});

it('tells a handler that its time is up, and starts nothing of the key while the old promise lives', async () => {
  await using rig = new QueueRig();
  const told = new Signal<unknown>();
  const end = new Signal();
  const starts: number[] = [];
  const worker = rig.worker(async ({ n }, { signal, attempt }) => {
    starts.push(n);
    if (n > 0 || attempt > 1) return;
    signal.addEventListener('abort', () => told.resolve(signal.reason));
    await end.promise; // ignores its signal
    throw new Error('late');
  }, quick);
  const others = next(worker, 'task-finished', ({ key }) => key === 'other');
  const failed = next(worker, 'task-failed');
  const finished = many(worker, 'task-finished', 3);
  await worker.start();
  await rig.queue.enqueue('short', { key: 'k', n: 0 });
  await rig.queue.enqueue('short', { key: 'k', n: 1 });
  expect(await told.promise).toMatchObject({ code: 'TASK_TIMEOUT', reason: 'timeout' });
  await rig.queue.enqueue('work', { key: 'other', n: 9 });
  await others;
  expect(starts).toEqual([0, 9]);
  end.resolve();
  await failed;
  await finished;
  expect(starts).toEqual([0, 9, 0, 1]);
});

it('calls it a timeout when a handler ends with an AbortError because of its signal', async () => {
  await using rig = new QueueRig();
  const worker = rig.worker(
    (_job, { signal, attempt }) =>
      attempt > 1 ||
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')));
      }),
    quick,
  );
  const failed = next(worker, 'task-failed');
  const finished = next(worker, 'task-finished');
  await worker.start();
  await rig.queue.enqueue('short', { key: 'k', n: 0 });
  expect((await failed).error).toMatchObject({ code: 'TASK_TIMEOUT' });
  await finished;
});

it('tells the handler all about its task', async () => {
  await using rig = new QueueRig();
  const contexts: TaskContext[] = [];
  const jobs: Job[] = [];
  const worker = rig.worker((job, context) => {
    jobs.push(job);
    contexts.push(context);
    if (contexts.length === 1) throw new Error('once');
  }, quick);
  const finished = many(worker, 'task-finished', 2);
  await worker.start();
  const receipt = await rig.queue.enqueue(
    'work',
    { key: 'ключ', n: 1 },
    { id: 'task-1', headers: { tenant: 'näme' } },
  );
  await rig.queue.enqueue('work', { key: 'ключ', n: 2 }, { id: 'task-2', idempotencyKey: 'order 7' });
  await finished;
  const [first, again, second] = contexts;
  for (const context of [first, again]) {
    expect(context).toMatchObject({
      id: 'task-1',
      type: 'work',
      key: 'ключ',
      idempotencyKey: 'task-1',
      headers: { tenant: 'näme' },
      record: { topic: 'q', partition: receipt.partition, offset: receipt.offset },
    });
  }
  expect([first?.attempt, again?.attempt, second?.attempt]).toEqual([1, 2, 1]);
  expect([first?.redelivered, again?.redelivered, second?.redelivered]).toEqual([false, true, false]);
  expect(second).toMatchObject({ idempotencyKey: 'order 7', headers: {} });
  expect(first?.fencingToken).toBe(second?.fencingToken);
  expect(typeof first?.fencingToken).toBe('bigint');
  expect(Math.abs(Number(first?.enqueuedAt) - Date.now())).toBeLessThan(60_000);
  expect([first?.signal.aborted, first?.draining.aborted]).toEqual([false, false]);
  expect(jobs[0]).toEqual({ key: 'ключ', n: 1 });
});

it('gives follow-ups the same ids at every try', async () => {
  await using rig = new QueueRig();
  const ids: string[][] = [];
  const worker = rig.worker(async ({ key }, context) => {
    if (key !== 'parent') return;
    const one = (await context.enqueue('work', { key: 'child', n: 1 })) as { id: string }; // what a queue answers
    const two = (await context.enqueueMany([
      { type: 'work', payload: { key: 'child', n: 2 } },
      { type: 'short', payload: { key: 'child', n: 3 } },
    ])) as { id: string }[];
    ids.push([one.id, ...two.map(({ id }) => id)]);
    if (ids.length < 3) throw new Error('again');
  }, quick);
  const parent = next(worker, 'task-finished', ({ key }) => key === 'parent');
  await worker.start();
  await rig.enqueue('parent');
  await parent;
  expect(new Set(ids[0]).size).toBe(3);
  expect(ids[1]).toEqual(ids[0]);
  expect(ids[2]).toEqual(ids[0]);
});

it('raises the fencing token with every change of owner', async () => {
  await using rig = new QueueRig({ topic: { partitions: 1 } });
  const tokens: bigint[] = [];
  for (let round = 0; round < 3; round += 1) {
    const worker = rig.worker((_job, { fencingToken }) => void tokens.push(fencingToken));
    const finished = next(worker, 'task-finished');
    await worker.start();
    await rig.enqueue('k');
    await finished;
    await worker.stop();
  }
  expect(tokens).toHaveLength(3);
  expect([...tokens].sort((a, b) => Number(a - b))).toEqual(tokens);
  expect(new Set(tokens).size).toBe(3);
});

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { many, QueueRig, Signal } from '../../test/support/queue-rig.ts';
import { systemClock } from '../clock/clock.ts';
import { readNotBefore } from '../codec/not-before.ts';
import { readHead } from '../codec/read-record.ts';
import { TaskQueue } from '../queue/task-queue.ts';
import { defineTask } from '../tasks/define-task.ts';
import { silentLogger } from '../telemetry/logger.ts';

const schema = z.object({ n: z.number() });
const tasks = {
  loose: defineTask({ schema, unordered: true }),
  keyed: defineTask({ schema, key: () => 'k' }),
};

function queueOf(rig: QueueRig, kafka = rig.kafka): TaskQueue<typeof tasks> {
  return new TaskQueue({
    name: 'delayed',
    tasks,
    kafka,
    topic: { partitions: 1 },
    logger: silentLogger,
  });
}

/** By id, how long after it was enqueued a task may run. */
function delaysIn(rig: QueueRig): Record<string, number> {
  const delays: Record<string, number> = {};
  for (const record of rig.cluster.records('delayed')) {
    const read = readHead(record);
    const notBeforeMs = readNotBefore(record);
    if (read.kind !== 'task' || notBeforeMs === undefined) continue;
    delays[read.head.id] = notBeforeMs - read.head.enqueuedAtMs;
  }
  return delays;
}

it('a delayed task runs when its time has come, also after a restart, and holds up nobody', async () => {
  await using rig = new QueueRig();
  let laterMs = 0;
  const kafka = rig.connect(undefined, {
    ...systemClock,
    wallMs: () => systemClock.wallMs() + laterMs,
    monotonicMs: () => systemClock.monotonicMs() + laterMs,
  });
  await using queue = queueOf(rig, kafka);
  const seen: number[] = [];
  const handlers = {
    loose: ({ n }: { n: number }): void => void seen.push(n),
    keyed: ({ n }: { n: number }): void => void seen.push(n),
  };
  const first = queue.worker(handlers, { logger: silentLogger, commitIntervalMs: 10 });
  const two = many(first, 'task-finished', 2);
  await first.start();
  await queue.enqueue('loose', { n: 0 }, { delayMs: 600_000 });
  await queue.enqueue('loose', { n: 1 });
  await queue.enqueue('keyed', { n: 2 });
  await two;
  await first.stop();
  expect(new Set(seen)).toEqual(new Set([1, 2]));
  const second = queue.worker(handlers, { logger: silentLogger, commitIntervalMs: 10 });
  await second.start();
  const next = many(second, 'task-finished', 1);
  await queue.enqueue('keyed', { n: 3 });
  await next;
  expect(seen.at(-1)).toBe(3);
  const rest = many(second, 'task-finished', 1);
  laterMs = 600_000;
  expect(await rest).toMatchObject([{ type: 'loose', attempt: 1 }]);
  expect(seen.at(-1)).toBe(0);
});

it('a follow-up is delayed as any other task, and refused in the same words', async () => {
  await using rig = new QueueRig();
  await using queue = queueOf(rig);
  const error = new Signal<unknown>();
  const worker = queue.worker(
    {
      loose: () => {},
      keyed: async (_payload, ctx) => {
        await ctx.enqueue('loose', { n: 1 }, { id: 'one', delayMs: 3_600_000 });
        await ctx.enqueueMany([
          { type: 'loose', payload: { n: 2 }, options: { id: 'two', delayMs: 7_200_000 } },
          { type: 'loose', payload: { n: 3 }, options: { id: 'three' } },
        ]);
        await ctx.enqueue('keyed', { n: 4 }, { delayMs: 1 }).catch(error.resolve);
      },
    },
    { logger: silentLogger },
  );
  const finished = many(worker, 'task-finished', 2);
  await worker.start();
  await queue.enqueue('keyed', { n: 0 });
  expect(await error.promise).toMatchObject({ code: 'OPTIONS_INVALID', problems: [{ path: 'delayMs' }] });
  expect((await finished).map(({ type }) => type).sort()).toEqual(['keyed', 'loose']);
  expect(delaysIn(rig)).toEqual({ one: 3_600_000, two: 7_200_000 });
});

describe('a delay is refused, and nothing sent,', () => {
  it.each<[string, 'loose' | 'keyed', number, string]>([
    ['for a type with a key', 'keyed', 1_000, "is for unordered types, and 'keyed' has a key"],
    ['of more than a week', 'loose', 7 * 86_400_000 + 1, 'from 0 to 604800000 (7 days)'],
    ['that lies in the past', 'loose', -1, 'from 0 to 604800000 (7 days)'],
    ['that is no whole number', 'loose', 0.5, 'from 0 to 604800000 (7 days)'],
  ])('%s', async (_what, type, delayMs, words) => {
    await using rig = new QueueRig();
    await using queue = queueOf(rig);
    const error: unknown = await queue
      .enqueue(type, { n: 1 }, { delayMs })
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', problems: [{ path: 'delayMs' }] });
    expect((error as Error).message).toContain(words);
    expect(rig.cluster.log({ topic: 'delayed', partition: 0 })).toBeUndefined();
  });
});

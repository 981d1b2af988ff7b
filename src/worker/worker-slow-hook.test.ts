import { expect, it } from 'vitest';
import { next, QueueRig, Signal, tasks } from '../../test/support/queue-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { resolveRetention } from '../options/retention.ts';
import { journalAppends } from '../queue/journal-appends.ts';
import { parkedAppends } from '../queue/parked-appends.ts';
import { TaskRegistry } from '../tasks/task-registry.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { Worker } from './worker.ts';
import type { WorkerOptions } from './worker-options.ts';

/** A worker of the rig's queue whose time a test moves on; its queue's topics are there. */
async function workerBy(clock: ManualClock, { kafka, cluster, queue }: QueueRig, options: WorkerOptions) {
  await queue.enqueue('work', { key: 'a', n: 0 });
  return new Worker(
    {
      queue: 'q',
      groups: ['q'],
      retention: resolveRetention({}, 60_000),
      registry: new TaskRegistry(tasks),
      codecs: new Map(),
      stores: new Map(),
      handlers: { work: () => {}, short: () => {} },
      enqueuer: { enqueue: () => Promise.reject(new Error('these handlers enqueue nothing')) },
      driver: () => Promise.resolve(memoryDriver(cluster)),
      admin: () => kafka.admin(),
      topics: () =>
        Promise.resolve({
          queue: { name: 'q', id: undefined, partitions: 1 },
          state: { name: 'q.state', partitions: 1 },
          parked: { name: 'q.parked', id: undefined, partitions: 1 },
          parts: { name: 'q.parts', id: undefined, partitions: 1 },
        }),
      appendState: (topic) => journalAppends(kafka.producer, topic),
      appendParked: (topic) => parkedAppends(kafka.producer, topic),
      budget: kafka.budget,
      liveKeys: kafka.liveKeys,
      suspectGate: kafka.suspectGate,
      clock,
      newId: () => 'id',
      workerName: 'w',
      onCommitted: () => {},
      onParkedNeeded: () => {},
      onClosed: () => {},
    },
    { logger: silentLogger, ...options },
  );
}

it('a worker whose partitions wait for a hook says so after 30 s, until the hook has settled', async () => {
  await using rig = new QueueRig({ topic: { partitions: 1 } });
  const clock = new ManualClock();
  const asked = new Signal();
  const go = new Signal();
  await using worker = await workerBy(clock, rig, {
    onPartitionsAssigned: () => {
      asked.resolve();
      return go.promise;
    },
  });
  const slow: unknown[] = [];
  worker.on('hook-slow', (event) => slow.push(event));
  await worker.start();
  await asked.promise;

  await clock.advance(29_999);
  expect([worker.health().status, slow]).toEqual(['ok', []]);
  await clock.advance(1);
  expect(slow).toEqual([{ hook: 'onPartitionsAssigned', partitions: [0], elapsedMs: 30_000 }]);
  expect(worker.health()).toMatchObject({
    status: 'degraded',
    reasons: ['partitions wait for onPartitionsAssigned, which has not settled'],
    partitions: [],
  });

  const finished = next(worker, 'task-finished');
  go.resolve();
  await finished;
  expect(worker.health()).toMatchObject({ status: 'ok', reasons: [], partitions: [{ phase: 'running' }] });
  await clock.advance(60_000);
  expect(slow).toHaveLength(1);
});

import { setTimeout as wait } from 'node:timers/promises';
import { TaskAbortedError } from '../../src/errors/control-errors.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { dropsTask } from './engine-mutants.ts';
import type { EventLog } from './event-log.ts';
import type { Work, WorkerSettings } from './process-settings.ts';
import { askSlowServer } from './slow-server.ts';
import { printOf, type WorkPayload } from './work-payload.ts';

/** The handler of a fault run: writes its first and its last act down, and between them takes some time. */
export function workHandler(settings: WorkerSettings, log: EventLog) {
  const work = workOf(settings);
  return async (payload: WorkPayload, ctx: TaskContext): Promise<void> => {
    if (dropsTask(settings.mutant, payload.call)) return;
    const { partition, offset } = ctx.record;
    const epoch = Number(ctx.fencingToken);
    const place = { id: ctx.id, key: payload.key, partition, offset: Number(offset), epoch };
    log.write({ event: 'task-started', attempt: ctx.attempt, ...place });
    const { signal } = ctx;
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = (): void => {
        const reason: unknown = signal.reason;
        const name = reason instanceof TaskAbortedError ? reason.reason : 'untyped';
        log.write({ event: 'task-aborted', reason: name, ...place });
        reject(reason);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      await Promise.race([work(payload, ctx), aborted]);
    } catch (error) {
      if (!signal.aborted) log.write({ event: 'task-failed', error: String(error), ...place });
      throw error;
    }
    log.write({ event: 'task-finished', ...place, ...printOf(payload) });
  };
}

function workOf(settings: WorkerSettings): (payload: WorkPayload, ctx: TaskContext) => Promise<void> {
  const failing = new Set(settings.failingKeys);
  const clinging = new Set(settings.clinging?.keys);
  const { slow } = settings;
  return async ({ key, call }, ctx) => {
    if (clinging.has(key)) {
      await untilDraining(ctx);
      await wait(settings.clinging?.ms);
    } else if (slow !== undefined && call % slow.oneIn === 0) {
      await wait(slow.ms);
    } else {
      await ordinaryWork(settings.work, call);
    }
    if (failing.has(key)) throw new Error('this key always fails');
  };
}

async function ordinaryWork(work: Work, call: number): Promise<void> {
  const ms = work.minMs + new SeededRandom(call).next() * (work.maxMs - work.minMs);
  if (work.kind === 'sleep') await wait(ms);
  else await askSlowServer(work.port, ms);
}

function untilDraining(ctx: TaskContext): Promise<void> {
  return new Promise((resolve) => {
    if (ctx.draining.aborted) resolve();
    else ctx.draining.addEventListener('abort', () => resolve(), { once: true });
  });
}

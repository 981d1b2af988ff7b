import { setTimeout as wait } from 'node:timers/promises';
import { ParkError, TaskAbortedError } from '../../src/errors/control-errors.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { endProcess } from './end-process.ts';
import type { EngineFault } from './engine-mutants.ts';
import type { EventLog } from './event-log.ts';
import { writeToStore } from './fenced-store.ts';
import { isPoisoned } from './poison.ts';
import type { WorkerSettings } from './process-settings.ts';
import { askSlowServer } from './slow-server.ts';
import { printOf, type WorkPayload } from './work-payload.ts';

/** The handler of a fault run: writes its first and its last act down, and between them takes some time. */
export function workHandler(settings: WorkerSettings, log: EventLog, fault: EngineFault) {
  const work = workOf(settings);
  return async (payload: WorkPayload, ctx: TaskContext): Promise<void> => {
    if (fault.drops(payload.call)) return;
    const { partition, offset } = ctx.record;
    const epoch = Number(ctx.fencingToken);
    const place = { id: ctx.id, key: payload.key, partition, offset: Number(offset), epoch };
    log.write({ event: 'task-started', attempt: ctx.attempt, ...place });
    fault.started(place);
    const { signal } = ctx;
    const onAbort = (): void => {
      const reason: unknown = signal.reason;
      const name = reason instanceof TaskAbortedError ? reason.reason : 'untyped';
      log.write({ event: 'task-aborted', reason: name, ...place });
    };
    try {
      if (settings.work.kind === 'store') {
        // One that does not look at its signal before it has written.
        await work(payload, ctx).finally(() => {
          if (signal.aborted) onAbort();
        });
        signal.throwIfAborted();
      } else {
        const done = work(payload, ctx).then(() => fault.mayEnd(place));
        await Promise.race([done, aborted(signal, onAbort)]);
      }
    } catch (error) {
      if (!signal.aborted) log.write({ event: 'task-failed', error: String(error), ...place });
      fault.ended(place, 'not finished');
      throw error;
    }
    fault.ended(place, 'finished');
    log.write({ event: 'task-finished', ...place, ...printOf(payload) });
  };
}

function aborted(signal: AbortSignal, onAbort: () => void): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => {
      onAbort();
      reject(signal.reason);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function workOf(settings: WorkerSettings): (payload: WorkPayload, ctx: TaskContext) => Promise<void> {
  const failing = new Set(settings.failingKeys);
  const clinging = new Set(settings.clinging?.keys);
  const { slow } = settings;
  return async ({ key, call }, ctx) => {
    const killing = settings.killers?.[key];
    if (killing !== undefined) {
      await endProcess(killing, settings.work);
    } else if (clinging.has(key)) {
      await untilDraining(ctx);
      await wait(settings.clinging?.ms);
    } else if (slow !== undefined && call % slow.oneIn === 0) {
      await wait(slow.ms);
    } else {
      await ordinaryWork(settings, call, ctx);
    }
    if (settings.poisonable === true && isPoisoned(settings.folder, call)) throw new Error('poisoned');
    if (settings.parkPrefix !== undefined && key.startsWith(settings.parkPrefix))
      throw new ParkError('asked for');
    if (failing.has(key)) throw new Error('this key always fails');
  };
}

async function ordinaryWork({ work, life }: WorkerSettings, call: number, ctx: TaskContext): Promise<void> {
  const ms = work.minMs + new SeededRandom(call).next() * (work.maxMs - work.minMs);
  if (work.kind === 'ask') return askSlowServer(work.port, ms);
  await wait(ms);
  if (work.kind === 'sleep') return;
  const write = { key: ctx.key, token: Number(ctx.fencingToken), total: call, id: ctx.id, by: life };
  if (!(await writeToStore(work.port, write))) throw new Error('the store knows a higher token');
}

function untilDraining(ctx: TaskContext): Promise<void> {
  return new Promise((resolve) => {
    if (ctx.draining.aborted) resolve();
    else ctx.draining.addEventListener('abort', () => resolve(), { once: true });
  });
}
